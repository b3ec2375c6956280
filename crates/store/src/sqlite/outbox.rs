//! The outbox in SQLite.

use domain::id::TenantId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::goals::named;
use super::table::{Table, blob, integer, text};
use super::writer::Writing;
use super::{Sqlite, tenants};
use crate::error::Error;
use crate::fault;
use crate::goals::time;
use crate::outbox::{DueNotice, Notice, decode, encode};

/// The table of notices.
pub(crate) const OUTBOX: Table = Table {
    name: "outbox",
    insert: "INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

/// Takes the same columns as the insert.
const LATER: &str = "UPDATE outbox SET attempts = ?6, due_at = ?7, checksum = ?8
    WHERE id = ?1 AND tenant = ?2 AND kind = ?3 AND body = ?4 AND at = ?5";

impl Sqlite {
    pub(crate) async fn due_notices(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueNotice>, Error> {
        self.read(move |reading| due(reading.conn, now.as_microsecond(), limit))
            .await
    }

    pub(crate) async fn next_notice(&self) -> Result<Option<Timestamp>, Error> {
        self.read(|reading| {
            let due: Option<i64> =
                reading
                    .conn
                    .query_row("SELECT min(due_at) FROM outbox", [], |row| row.get(0))?;
            Ok(due.map(time))
        })
        .await
    }

    pub(crate) async fn notice_done(&self, tenant: &TenantId, id: u64) -> Result<(), Error> {
        let tenant = tenant.clone();
        self.write(move |writing| {
            let number = tenants::number(writing.conn, tenant.as_str())?.unwrap_or(-1);
            let sql = "DELETE FROM outbox WHERE id = ?1 AND tenant = ?2";
            writing
                .conn
                .prepare_cached(sql)?
                .execute((i64::try_from(id).unwrap_or(-1), number))?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn notice_later(
        &self,
        tenant: &TenantId,
        id: u64,
        due: Timestamp,
    ) -> Result<(), Error> {
        let tenant = tenant.clone();
        self.write(move |writing| put_off(writing, &tenant, id, due))
            .await
    }
}

/// Writes notices.
pub(crate) fn insert(
    writing: &mut Writing<'_>,
    tenant: i64,
    notices: &[Notice],
) -> Result<(), Error> {
    if notices.is_empty() {
        return Ok(());
    }
    let conn = writing.conn;
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'";
    let last: Option<i64> = conn
        .prepare_cached(last)?
        .query_row([], |row| row.get(0))
        .optional()?;
    fault::hit("append.notices");
    for (id, notice) in (last.unwrap_or(0) + 1..).zip(notices) {
        let body = encode(notice)?;
        let now = integer(writing.now.as_microsecond());
        OUTBOX.insert(
            conn,
            &[
                integer(id),
                integer(tenant),
                text(&notice.kind),
                blob(&body),
                now,
                integer(0),
                now,
            ],
        )?;
    }
    writing.staged.noticed();
    Ok(())
}

fn due(conn: &Connection, now: i64, limit: u32) -> Result<Vec<DueNotice>, Error> {
    let sql = "SELECT * FROM outbox WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((now, limit))?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        OUTBOX.check(row)?;
        let id: i64 = row.get(0)?;
        let body = row.get_ref(3)?.as_blob().unwrap_or_default();
        notices.push(DueNotice {
            id: u64::try_from(id).unwrap_or(0),
            tenant: named(conn, row.get(1)?)?,
            notice: decode(id, row.get(2)?, body)?,
            at: time(row.get(4)?),
            attempts: u32::try_from(row.get::<_, i64>(5)?).unwrap_or(u32::MAX),
        });
    }
    Ok(notices)
}

fn put_off(
    writing: &mut Writing<'_>,
    tenant: &TenantId,
    id: u64,
    due: Timestamp,
) -> Result<(), Error> {
    let conn = writing.conn;
    let number = tenants::number(conn, tenant.as_str())?.unwrap_or(-1);
    let mut statement =
        conn.prepare_cached("SELECT * FROM outbox WHERE id = ?1 AND tenant = ?2")?;
    let mut rows = statement.query((i64::try_from(id).unwrap_or(-1), number))?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    OUTBOX.check(row)?;
    let (kind, body): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
    let (id, at, attempts): (i64, i64, i64) = (row.get(0)?, row.get(4)?, row.get(5)?);
    let values = [
        integer(id),
        integer(number),
        text(&kind),
        blob(&body),
        integer(at),
        integer(attempts + 1),
        integer(due.as_microsecond()),
    ];
    OUTBOX.run(conn, LATER, &values)
}
