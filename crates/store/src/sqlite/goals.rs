//! Goals in SQLite: one row each, which follows from the journal.

use domain::digest::GoalKey;
use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use rusqlite::{Connection, Row};

use super::readers::Reading;
use super::table::{Table, integer, optional, optional_text, text};
use super::tenants;
use super::{Sqlite, inbox, journal};
use crate::error::{Damage, Error};
use crate::goals::{Loaded, OpenGoal, Standing, time};
use crate::numbers::{self, Range, serial};
use crate::shared::Shared;

mod list;

/// The table of goals.
pub(crate) const GOALS: Table = Table {
    name: "goals",
    insert: "INSERT INTO goals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
};

/// Takes the same columns as the insert, and touches no index.
const ADVANCE: &str = "UPDATE goals SET status = ?7, reason = ?8, updated_at = ?9, wake_at = ?11, sequence = ?12,
    last_journal = ?13, checksum = ?15
    WHERE id = ?1 AND tenant = ?2 AND goal = ?3 AND owner = ?4 AND created_at = ?5 AND first_journal = ?6
    AND finished_at IS ?10 AND erased_at IS ?14";
/// The same where the goal ends, is taken up again, or is erased.
const CHANGE: &str = "UPDATE goals SET status = ?7, reason = ?8, updated_at = ?9, finished_at = ?10, wake_at = ?11,
    sequence = ?12, last_journal = ?13, erased_at = ?14, checksum = ?15
    WHERE id = ?1 AND tenant = ?2 AND goal = ?3 AND owner = ?4 AND created_at = ?5 AND first_journal = ?6";

/// Whether wishes wait in a goal's inbox.
const WISHED: &str = "SELECT 1 FROM inbox WHERE goal = ?1";

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) tenant: TenantId,
    pub(crate) goal: GoalId,
    pub(crate) owner: Subject,
    pub(crate) created_at: i64,
    pub(crate) first_journal: i64,
    pub(crate) status: GoalStatus,
    pub(crate) reason: Option<String>,
    pub(crate) updated_at: i64,
    pub(crate) finished_at: Option<i64>,
    pub(crate) wake_at: Option<i64>,
    pub(crate) sequence: u64,
    pub(crate) last_journal: i64,
    pub(crate) erased_at: Option<i64>,
}

impl Record {
    /// Reads a row with all columns, and checks it.
    pub(crate) fn read(row: &Row<'_>, tenant: &TenantId) -> Result<Self, Error> {
        GOALS.check(row)?;
        let id = row.get(0)?;
        let unreadable =
            |what: &str| Damage::row(GOALS.name, id, format!("its {what} cannot be read"));
        let status: String = row.get(6)?;
        Ok(Self {
            id,
            tenant: tenant.clone(),
            goal: GoalId::try_from(row.get::<_, String>(2)?).map_err(|_| unreadable("name"))?,
            owner: Subject::try_from(row.get::<_, String>(3)?).map_err(|_| unreadable("owner"))?,
            created_at: row.get(4)?,
            first_journal: row.get(5)?,
            status: GoalStatus::parse(&status).ok_or_else(|| unreadable("status"))?,
            reason: row.get(7)?,
            updated_at: row.get(8)?,
            finished_at: row.get(9)?,
            wake_at: row.get(10)?,
            sequence: u64::try_from(row.get::<_, i64>(11)?).map_err(|_| unreadable("sequence"))?,
            last_journal: row.get(12)?,
            erased_at: row.get(13)?,
        })
    }

    /// Writes the row for the first time.
    pub(crate) fn insert(&self, conn: &Connection) -> Result<(), Error> {
        self.run(conn, GOALS.insert)
    }

    /// Writes the row again after an append; `open`: the goal was open before and is so now.
    pub(crate) fn update(&self, conn: &Connection, open: bool) -> Result<(), Error> {
        self.run(conn, if open { ADVANCE } else { CHANGE })
    }

    fn run(&self, conn: &Connection, sql: &str) -> Result<(), Error> {
        let values = [
            integer(self.id),
            integer(numbers::tenant_of(self.id)),
            text(self.goal.as_str()),
            text(self.owner.as_str()),
            integer(self.created_at),
            integer(self.first_journal),
            text(self.status.as_str()),
            optional_text(self.reason.as_deref()),
            integer(self.updated_at),
            optional(self.finished_at),
            optional(self.wake_at),
            integer(i64::try_from(self.sequence).unwrap_or(i64::MAX)),
            integer(self.last_journal),
            optional(self.erased_at),
        ];
        GOALS.run(conn, sql, &values)
    }

    /// The key of the goal's digests.
    pub(crate) fn key(&self, shared: &Shared) -> GoalKey {
        shared
            .installation
            .secret
            .goal_key(&self.tenant, &self.goal)
    }
}

/// Finds a goal by the number of its tenant and its name.
pub(crate) fn find(
    conn: &Connection,
    number: i64,
    tenant: &TenantId,
    goal: &GoalId,
) -> Result<Option<Record>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM goals WHERE tenant = ?1 AND goal = ?2")?;
    let mut rows = statement.query((number, goal.as_str()))?;
    rows.next()?
        .map(|row| Record::read(row, tenant))
        .transpose()
}

/// Finds a goal by name.
pub(crate) fn find_by_name(
    conn: &Connection,
    tenant: &TenantId,
    goal: &GoalId,
) -> Result<Option<Record>, Error> {
    match tenants::number(conn, tenant.as_str())? {
        Some(number) => find(conn, number, tenant, goal),
        None => Ok(None),
    }
}

impl Sqlite {
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Option<Loaded>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(move |reading| load_by_name(reading, &tenant, &goal))
            .await
    }

    pub(crate) async fn load_many(
        &self,
        goals: Vec<(TenantId, GoalId)>,
    ) -> Result<Vec<Result<Option<Loaded>, Error>>, Error> {
        self.read(move |reading| {
            let each = goals.iter();
            Ok(each
                .map(|(tenant, goal)| load_by_name(reading, tenant, goal))
                .collect())
        })
        .await
    }

    pub(crate) async fn open_goals(&self, after: u64, limit: u32) -> Result<Vec<OpenGoal>, Error> {
        self.read(move |reading| open_goals(reading.conn, after, limit))
            .await
    }

    pub(crate) async fn standing(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Option<Standing>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(move |reading| {
            let Some(record) = find_by_name(reading.conn, &tenant, &goal)? else {
                return Ok(None);
            };
            let mut wished = reading.conn.prepare_cached(WISHED)?;
            Ok(Some(Standing {
                wished: wished.exists([record.id])?,
                owner: record.owner,
                status: record.status,
                sequence: record.sequence,
            }))
        })
        .await
    }

    /// The sequence of a goal's newest event; 0: there is no such goal.
    pub(crate) async fn sequence(&self, tenant: &TenantId, goal: &GoalId) -> Result<u64, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        let found = self.read(move |reading| find_by_name(reading.conn, &tenant, &goal));
        Ok(found.await?.map_or(0, |record| record.sequence))
    }
}

fn load_by_name(
    reading: &Reading<'_>,
    tenant: &TenantId,
    goal: &GoalId,
) -> Result<Option<Loaded>, Error> {
    let found = find_by_name(reading.conn, tenant, goal)?;
    let loaded = found.map(|record| load(reading.conn, reading.shared, &record));
    loaded.transpose()
}

/// Rebuilds a goal with its unread wishes.
pub(crate) fn load(conn: &Connection, shared: &Shared, record: &Record) -> Result<Loaded, Error> {
    Ok(Loaded {
        elsewhere: false,
        saga: journal::saga(conn, shared, record)?,
        inbox: inbox::of(conn, record.id)?,
        owner: record.owner.clone(),
        created_at: time(record.created_at),
    })
}

fn open_goals(conn: &Connection, after: u64, limit: u32) -> Result<Vec<OpenGoal>, Error> {
    let sql = "SELECT * FROM goals INDEXED BY goals_open WHERE finished_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((i64::try_from(after).unwrap_or(i64::MAX), limit))?;
    let mut wished = conn.prepare_cached(WISHED)?;
    let mut found = Vec::new();
    let mut tenant: Option<(i64, TenantId)> = None;
    while let Some(row) = rows.next()? {
        let number = numbers::tenant_of(row.get(0)?);
        let known = match &tenant {
            Some((known, tenant)) if *known == number => tenant.clone(),
            _ => named(conn, number)?,
        };
        tenant = Some((number, known.clone()));
        let record = Record::read(row, &known)?;
        found.push(OpenGoal {
            cursor: u64::try_from(record.id).unwrap_or(0),
            tenant: known,
            goal: record.goal,
            wake_at: record.wake_at.map(time),
            status: record.status,
            wished: wished.exists([record.id])?,
        });
    }
    Ok(found)
}

/// The tenant of a number.
pub(crate) fn named(conn: &Connection, number: i64) -> Result<TenantId, Error> {
    let name = tenants::name(conn, number)?;
    Ok(TenantId::try_from(name)
        .map_err(|_| Damage::row(tenants::TENANTS.name, number, "its name cannot be read"))?)
}

/// Where a page of a tenant's rows begins: below a cursor, or at the newest.
pub(crate) fn below(rows: Range, before: Option<u64>) -> i64 {
    before.map_or(rows.last, |before| rows.at(before))
}

/// The cursor of a row: it says nothing about other tenants.
pub(crate) fn cursor(row: i64) -> u64 {
    serial(row)
}
