//! Writing down how approvals change.

use rusqlite::Connection;

use super::record::{APPROVALS, DECIDE, Row, find};
use crate::approvals::follow::{Asked, Change, Ended};
use crate::approvals::{Record, reason_name};
use crate::error::Error;
use crate::fault;
use crate::sqlite::tenants::Tenant;
use domain::approval::ApprovalStatus;

/// Ends an approval; one that was never asked is passed over.
pub(crate) fn decide(conn: &Connection, tenant: i64, id: &str, ended: &Ended) -> Result<(), Error> {
    match find(conn, tenant, id)? {
        Some(row) => end(conn, row, ended),
        None => Ok(()),
    }
}

/// Follows the events of one append.
pub(crate) fn follow(
    conn: &Connection,
    tenant: &mut Tenant,
    goal: i64,
    changes: &[Change],
) -> Result<(), Error> {
    for change in changes {
        match change {
            Change::Ask(asked) => ask(conn, tenant, goal, asked)?,
            Change::End(approval, ended) => decide(conn, tenant.number, approval, ended)?,
            Change::Close(ended) => close(conn, goal, ended)?,
        }
    }
    Ok(())
}

/// Writes a new question down; asked again, it keeps its place.
fn ask(conn: &Connection, tenant: &mut Tenant, goal: i64, asked: &Asked) -> Result<(), Error> {
    let id = match find(conn, tenant.number, &asked.approval)? {
        Some(asked_before) => asked_before.record.id,
        None => {
            tenant.last_approval += 1;
            tenant.last_approval
        }
    };
    fault::hit("append.approvals");
    let row = Row {
        tenant: tenant.number,
        goal,
        record: Record {
            id,
            approval: asked.approval.clone(),
            step: asked.at.step.as_str().to_owned(),
            item: asked.at.item.map(i64::from),
            digest: asked.digest.as_bytes().to_vec(),
            reason: reason_name(asked.reason).to_owned(),
            requested_at: asked.requested.at.as_microsecond(),
            requested_held: asked.requested.held,
            expires_in_seconds: i64::from(asked.expires_in_seconds),
            status: ApprovalStatus::Pending.as_str().to_owned(),
            decided_by: None,
            decided_at: None,
        },
    };
    row.write(conn, APPROVALS.insert)
}

/// Closes what nobody needs to decide any more.
fn close(conn: &Connection, goal: i64, closed: &Ended) -> Result<(), Error> {
    let sql = "SELECT * FROM approvals INDEXED BY approvals_pending WHERE status = 'pending' AND goal = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([goal])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        pending.push(Row::read(row)?);
    }
    pending
        .into_iter()
        .try_for_each(|row| end(conn, row, closed))
}

fn end(conn: &Connection, mut row: Row, ended: &Ended) -> Result<(), Error> {
    let record = &mut row.record;
    if record.status == ended.status.as_str() {
        return Ok(());
    }
    ended.status.as_str().clone_into(&mut record.status);
    if let Some(by) = &ended.by {
        record.decided_by = Some(by.as_str().to_owned());
    }
    record.decided_at = Some(ended.at);
    row.write(conn, DECIDE)
}
