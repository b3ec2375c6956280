//! A row of an approval.

use domain::approval::ApprovalStatus;
use rusqlite::{Connection, Row};
use saga::event::AskReason;

use crate::error::Error;
use crate::table::{Table, blob, integer, optional, optional_text, text};

/// The table of approvals.
pub(crate) const APPROVALS: Table = Table {
    name: "approvals",
    insert: "INSERT OR REPLACE INTO approvals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
};

/// Takes the same columns as the insert.
pub(super) const DECIDE: &str = "UPDATE approvals SET status = ?12, decided_by = ?13, decided_at = ?14, checksum = ?15
    WHERE id = ?1 AND tenant = ?2 AND approval = ?3 AND goal = ?4 AND step = ?5 AND item IS ?6 AND digest = ?7
    AND reason = ?8 AND requested_at = ?9 AND requested_held = ?10 AND expires_in_seconds = ?11";

/// A row of the table.
pub(super) struct Record {
    pub(super) id: i64,
    pub(super) tenant: i64,
    pub(super) approval: String,
    pub(super) goal: i64,
    pub(super) step: String,
    pub(super) item: Option<i64>,
    pub(super) digest: Vec<u8>,
    pub(super) reason: String,
    pub(super) requested_at: i64,
    pub(super) requested_held: i64,
    pub(super) expires_in_seconds: i64,
    pub(super) status: String,
    pub(super) decided_by: Option<String>,
    pub(super) decided_at: Option<i64>,
}

impl Record {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Error> {
        APPROVALS.check(row)?;
        Ok(Self {
            id: row.get(0)?,
            tenant: row.get(1)?,
            approval: row.get(2)?,
            goal: row.get(3)?,
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
        })
    }

    pub(super) fn write(&self, conn: &Connection, sql: &str) -> Result<(), Error> {
        let values = [
            integer(self.id),
            integer(self.tenant),
            text(&self.approval),
            integer(self.goal),
            text(&self.step),
            optional(self.item),
            blob(&self.digest),
            text(&self.reason),
            integer(self.requested_at),
            integer(self.requested_held),
            integer(self.expires_in_seconds),
            text(&self.status),
            optional_text(self.decided_by.as_deref()),
            optional(self.decided_at),
        ];
        APPROVALS.run(conn, sql, &values)
    }
}

/// Finds an approval by the number of its tenant and its id.
pub(super) fn find(conn: &Connection, tenant: i64, id: &str) -> Result<Option<Record>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM approvals WHERE tenant = ?1 AND approval = ?2")?;
    let mut rows = statement.query((tenant, id))?;
    rows.next()?.map(Record::read).transpose()
}

/// What a reason is called in the table.
pub(super) fn reason_name(reason: AskReason) -> &'static str {
    match reason {
        AskReason::Lane => "lane",
        AskReason::Step => "step",
    }
}

/// The reason of that name.
pub(super) fn reason_of(name: &str) -> Option<AskReason> {
    [AskReason::Lane, AskReason::Step]
        .into_iter()
        .find(|reason| reason_name(*reason) == name)
}

/// The status of that name.
pub(super) fn status_of(name: &str) -> Option<ApprovalStatus> {
    use ApprovalStatus::{Closed, Expired, Granted, Pending, Refused};
    [Pending, Granted, Refused, Expired, Closed]
        .into_iter()
        .find(|status| status.as_str() == name)
}
