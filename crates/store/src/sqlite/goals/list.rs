//! Lists of goals in SQLite, and the events of one.

use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Rows};

use super::{Record, below, cursor, find_by_name, time};
use crate::error::{Damage, Error};
use crate::goals::list::{EventPage, GoalFilter, ListedGoal, Request, SCAN_MAX};
use crate::numbers::Range;
use crate::page::{Listed, Page};
use crate::sqlite::readers::Reading;
use crate::sqlite::tenants;
use crate::sqlite::{Sqlite, journal, payloads};

impl Sqlite {
    pub(crate) async fn goals(
        &self,
        tenant: &TenantId,
        filter: GoalFilter,
        page: Page,
    ) -> Result<Listed<ListedGoal>, Error> {
        let tenant = tenant.clone();
        self.read(
            move |reading| match tenants::number(reading.conn, tenant.as_str())? {
                Some(number) => list(reading, (&tenant, number), &filter, page),
                None => Ok(Listed::default()),
            },
        )
        .await
    }

    pub(crate) async fn events(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        after: u64,
        limit: u32,
    ) -> Result<Option<EventPage>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(move |reading| {
            let Some(record) = find_by_name(reading.conn, &tenant, &goal)? else {
                return Ok(None);
            };
            events(reading, &record, after, limit as usize).map(Some)
        })
        .await
    }
}

fn list(
    reading: &Reading<'_>,
    (tenant, number): (&TenantId, i64),
    filter: &GoalFilter,
    page: Page,
) -> Result<Listed<ListedGoal>, Error> {
    let rows = Range::of(number);
    let mut sql = "SELECT * FROM goals WHERE id >= ?1 AND id < ?2".to_owned();
    let start = below(rows, page.before);
    let (status, owner) = (
        filter.status.map(GoalStatus::as_str),
        filter.owner.as_ref().map(Subject::as_str),
    );
    let mut values: Vec<&dyn ToSql> = vec![&rows.first, &start];
    if let Some(owner) = &owner {
        sql.push_str(" AND tenant = ?3 AND owner = ?4");
        values.extend([&number as &dyn ToSql, owner]);
    }
    if let Some(status) = &status {
        sql.push_str(&format!(" AND status = ?{}", values.len() + 1));
        values.push(status);
    }
    // Open goals are few beside those that ended, and have an index of their own.
    if filter.status.is_some_and(|status| !status.is_end()) {
        sql.push_str(" AND finished_at IS NULL");
    }
    sql.push_str(" ORDER BY id DESC");
    let mut statement = reading.conn.prepare_cached(&sql)?;
    let found = statement.query(values.as_slice())?;
    collect(reading.conn, found, tenant, (filter, page))
}

fn collect(
    conn: &Connection,
    mut rows: Rows<'_>,
    tenant: &TenantId,
    (filter, page): (&GoalFilter, Page),
) -> Result<Listed<ListedGoal>, Error> {
    let mut listed = Listed::default();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if listed.items.len() == page.limit as usize || looked_at == SCAN_MAX {
            listed.next = listed.last;
            break;
        }
        looked_at += 1;
        let record = Record::read(row, tenant)?;
        listed.last = Some(cursor(record.id));
        let request = request(conn, &record)?;
        if request.fits(filter) {
            listed.items.push(shown(record, request));
        }
    }
    Ok(listed)
}

fn shown(record: Record, request: Request) -> ListedGoal {
    ListedGoal {
        goal: record.goal,
        owner: record.owner,
        status: record.status,
        reason: record.reason,
        words: request.user_intent,
        tags: request.tags,
        created_at: time(record.created_at),
        updated_at: time(record.updated_at),
        finished_at: record.finished_at.map(time),
        sequence: record.sequence,
    }
}

fn request(conn: &Connection, record: &Record) -> Result<Request, Error> {
    let mut bodies = payloads::read(conn, record.first_journal)?;
    Ok(Request::of(bodies.next()?)
        .map_err(|reason| Damage::row("payloads", record.first_journal, reason))?)
}

fn events(
    reading: &Reading<'_>,
    record: &Record,
    after: u64,
    limit: usize,
) -> Result<EventPage, Error> {
    let mut events = Vec::new();
    for segment in journal::segments(reading.conn, record, after)? {
        if events.len() >= limit {
            break;
        }
        let parsed = journal::events(reading.conn, reading.shared, record, &segment)?;
        let numbered = (segment.first..)
            .zip(parsed)
            .filter(|(sequence, _)| *sequence > after);
        events.extend(numbered.take(limit - events.len()));
    }
    Ok(EventPage {
        events,
        newest: record.sequence,
        status: record.status,
        owner: record.owner.clone(),
    })
}
