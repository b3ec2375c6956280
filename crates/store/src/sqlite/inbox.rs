//! The inbox in SQLite.

use std::collections::HashMap;

use domain::id::{GoalId, TenantId};
use rusqlite::Connection;
use saga::input::Person;

use super::goals::{self, Record};
use super::table::{Table, blob, integer};
use super::writer::Writing;
use super::{Sqlite, approvals};
use crate::error::Error;
use crate::fault;
use crate::goals::Loaded;
use crate::inbox::{self, PostError, Posted, decides, decode, encode, judge};
use crate::numbers;

/// The table of wishes.
pub(crate) const INBOX: Table = Table {
    name: inbox::TABLE,
    insert: "INSERT INTO inbox VALUES (?1, ?2, ?3, ?4, ?5)",
};

impl Sqlite {
    pub(crate) async fn post<G, F>(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        G: Send + 'static,
        F: FnOnce(&Loaded) -> Result<(), G> + Send + 'static,
    {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.write(move |writing| {
            let record =
                goals::find_by_name(writing.conn, &tenant, &goal)?.ok_or(PostError::NotFound)?;
            let loaded = goals::load(writing.conn, writing.shared, &record)?;
            guard(&loaded).map_err(PostError::Guard)?;
            let of = (writing.staged.gate(), &tenant, &goal);
            judge(loaded, &person, of, writing.now)?;
            Ok(insert(writing, &record, &person)?)
        })
        .await
    }

    pub(crate) async fn inbox(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Vec<(u64, Person)>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(
            move |reading| match goals::find_by_name(reading.conn, &tenant, &goal)? {
                Some(record) => of(reading.conn, record.id),
                None => Ok(Vec::new()),
            },
        )
        .await
    }

    pub(crate) async fn forget_wishes(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        read: u64,
    ) -> Result<(), Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.write(move |writing| {
            let Some(record) = goals::find_by_name(writing.conn, &tenant, &goal)? else {
                return Ok(());
            };
            let read = i64::try_from(read).unwrap_or(i64::MAX);
            delete(writing.conn, record.id, read)?;
            writing.staged.read_up_to(record.id, read);
            Ok(())
        })
        .await
    }
}

fn insert(writing: &mut Writing<'_>, record: &Record, person: &Person) -> Result<Posted, Error> {
    let conn = writing.conn;
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(seq) FROM sqlite_sequence WHERE name = 'inbox'")?
        .query_row([], |row| row.get(0))?;
    let id = last.unwrap_or(0) + 1;
    let body = encode(person)?;
    fault::hit("post.inbox");
    INBOX.insert(
        conn,
        &[
            integer(id),
            integer(record.id),
            integer(writing.now.as_microsecond()),
            blob(&body),
        ],
    )?;
    let now = writing.now.as_microsecond();
    if let Some((approval, ended)) = decides(person, now) {
        fault::hit("post.approval");
        approvals::decide(conn, numbers::tenant_of(record.id), approval, &ended)?;
    }
    writing.staged.posted(record.id, id);
    Ok(Posted {
        id: u64::try_from(id).unwrap_or(0),
        sequence: record.sequence,
    })
}

/// Deletes the wishes of a goal that the machine has read.
pub(crate) fn delete(conn: &Connection, goal: i64, read: i64) -> Result<(), Error> {
    fault::hit("append.inbox");
    conn.prepare_cached("DELETE FROM inbox WHERE goal = ?1 AND id <= ?2")?
        .execute([goal, read])?;
    Ok(())
}

/// Reads the unread wishes of a goal, in order.
pub(crate) fn of(conn: &Connection, goal: i64) -> Result<Vec<(u64, Person)>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM inbox WHERE goal = ?1 ORDER BY id")?;
    let mut rows = statement.query([goal])?;
    let mut wishes = Vec::new();
    while let Some(row) = rows.next()? {
        INBOX.check(row)?;
        let id: i64 = row.get(0)?;
        wishes.push(decode(id, row.get_ref(3)?.as_blob().unwrap_or_default())?);
    }
    Ok(wishes)
}

/// Reads which wishes of which goals are unread.
pub(crate) fn unread(conn: &Connection) -> Result<HashMap<i64, Vec<i64>>, Error> {
    let mut statement = conn.prepare("SELECT goal, id FROM inbox ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut unread: HashMap<i64, Vec<i64>> = HashMap::new();
    while let Some(row) = rows.next()? {
        unread.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(unread)
}
