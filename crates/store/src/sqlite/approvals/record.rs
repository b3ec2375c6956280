//! A row of an approval.

use rusqlite::Connection;

use crate::approvals::Record;
use crate::error::Error;
use crate::sqlite::table::{Table, blob, integer, optional, optional_text, text};

/// The table of approvals.
pub(crate) const APPROVALS: Table = Table {
    name: "approvals",
    insert: "INSERT OR REPLACE INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
};

/// Takes the same columns as the insert.
pub(super) const DECIDE: &str = "UPDATE approvals SET status = ?12, decided_by = ?13, decided_at = ?14, checksum = ?15
    WHERE id = ?1 AND tenant = ?2 AND approval = ?3 AND goal = ?4 AND step = ?5 AND item IS ?6 AND digest = ?7
    AND reason = ?8 AND requested_at = ?9 AND requested_held = ?10 AND expires_in_seconds = ?11";

/// A row of the table, with the numbers of its tenant and its goal.
pub(super) struct Row {
    pub(super) tenant: i64,
    pub(super) goal: i64,
    pub(super) record: Record,
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, Error> {
        APPROVALS.check(row)?;
        Ok(Self {
            tenant: row.get(1)?,
            goal: row.get(3)?,
            record: Record {
                id: row.get(0)?,
                approval: row.get(2)?,
                step: row.get(4)?,
                item: row.get(5)?,
                digest: row.get(6)?,
                reason: row.get(7)?,
                requested_at: row.get(8)?,
                requested_held: row.get(9)?,
                expires_in_seconds: row.get(10)?,
                status: row.get(11)?,
                decided_by: row.get(12)?,
                decided_at: row.get(13)?,
            },
        })
    }

    pub(super) fn write(&self, conn: &Connection, sql: &str) -> Result<(), Error> {
        let record = &self.record;
        let values = [
            integer(record.id),
            integer(self.tenant),
            text(&record.approval),
            integer(self.goal),
            text(&record.step),
            optional(record.item),
            blob(&record.digest),
            text(&record.reason),
            integer(record.requested_at),
            integer(record.requested_held),
            integer(record.expires_in_seconds),
            text(&record.status),
            optional_text(record.decided_by.as_deref()),
            optional(record.decided_at),
        ];
        APPROVALS.run(conn, sql, &values)
    }
}

/// Finds an approval by the number of its tenant and its id.
pub(super) fn find(conn: &Connection, tenant: i64, id: &str) -> Result<Option<Row>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM approvals WHERE tenant = ?1 AND approval = ?2")?;
    let mut rows = statement.query((tenant, id))?;
    rows.next()?.map(Row::read).transpose()
}
