//! How approvals follow the journal and the inbox.

use domain::approval::ApprovalStatus;
use domain::id::Subject;
use rusqlite::Connection;
use saga::{Event, EventKind};

use super::record::{APPROVALS, DECIDE, Record, find, reason_name};
use crate::error::Error;
use crate::fault;
use crate::tenants::Tenant;

/// How an approval was ended.
pub(crate) struct Decided<'a> {
    /// Where it stands now.
    pub(crate) status: ApprovalStatus,
    /// Who decided; `None`: nobody did.
    pub(crate) by: Option<&'a Subject>,
    /// When.
    pub(crate) at: i64,
}

/// Ends an approval; one that was never asked is passed over.
pub(crate) fn decide(
    conn: &Connection,
    tenant: i64,
    id: &str,
    decided: &Decided<'_>,
) -> Result<(), Error> {
    match find(conn, tenant, id)? {
        Some(record) => end(conn, record, decided),
        None => Ok(()),
    }
}

/// Whether [`project`] has to see an event of this kind.
pub(crate) fn follow_from(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ApprovalAsked { .. }
            | EventKind::ApprovalGranted { .. }
            | EventKind::ApprovalRefused { .. }
            | EventKind::ApprovalExpired { .. }
            | EventKind::UnwindingStarted { .. }
            | EventKind::GoalCompleted { .. }
            | EventKind::GoalFailed { .. }
            | EventKind::GoalCancelled {}
    )
}

/// Follows the events of one append.
pub(crate) fn project(
    conn: &Connection,
    tenant: &mut Tenant,
    goal: i64,
    events: &[Event],
) -> Result<(), Error> {
    for event in events {
        let at = event.moment.at.as_microsecond();
        let ended = |status, by| Decided { status, by, at };
        match &event.kind {
            EventKind::ApprovalAsked { .. } => ask(conn, tenant, goal, event)?,
            EventKind::ApprovalGranted { approval, by, .. } => {
                decide(
                    conn,
                    tenant.number,
                    approval,
                    &ended(ApprovalStatus::Granted, Some(by)),
                )?;
            }
            EventKind::ApprovalRefused { approval, by, .. } => {
                decide(
                    conn,
                    tenant.number,
                    approval,
                    &ended(ApprovalStatus::Refused, Some(by)),
                )?;
            }
            EventKind::ApprovalExpired { approval, .. } => {
                decide(
                    conn,
                    tenant.number,
                    approval,
                    &ended(ApprovalStatus::Expired, None),
                )?;
            }
            EventKind::UnwindingStarted { .. }
            | EventKind::GoalCompleted { .. }
            | EventKind::GoalFailed { .. }
            | EventKind::GoalCancelled {} => {
                close(conn, goal, &ended(ApprovalStatus::Closed, None))?
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes a new question down; asked again, it keeps its place.
fn ask(conn: &Connection, tenant: &mut Tenant, goal: i64, event: &Event) -> Result<(), Error> {
    let EventKind::ApprovalAsked {
        at,
        approval,
        digest,
        reason,
        expires_in_seconds,
        ..
    } = &event.kind
    else {
        return Ok(());
    };
    let id = match find(conn, tenant.number, approval)? {
        Some(asked_before) => asked_before.id,
        None => {
            tenant.last_approval += 1;
            tenant.last_approval
        }
    };
    fault::hit("append.approvals");
    let asked = Record {
        id,
        tenant: tenant.number,
        approval: approval.clone(),
        goal,
        step: at.step.as_str().to_owned(),
        item: at.item.map(i64::from),
        digest: digest.as_bytes().to_vec(),
        reason: reason_name(*reason).to_owned(),
        requested_at: event.moment.at.as_microsecond(),
        requested_held: event.moment.held,
        expires_in_seconds: i64::from(*expires_in_seconds),
        status: ApprovalStatus::Pending.as_str().to_owned(),
        decided_by: None,
        decided_at: None,
    };
    asked.write(conn, APPROVALS.insert)
}

/// Closes what nobody needs to decide any more.
fn close(conn: &Connection, goal: i64, closed: &Decided<'_>) -> Result<(), Error> {
    let sql = "SELECT * FROM approvals INDEXED BY approvals_pending WHERE status = 'pending' AND goal = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([goal])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        pending.push(Record::read(row)?);
    }
    pending
        .into_iter()
        .try_for_each(|record| end(conn, record, closed))
}

fn end(conn: &Connection, mut record: Record, decided: &Decided<'_>) -> Result<(), Error> {
    // The event repeats what the inbox said already; who decided first, and when, stays.
    if record.status == decided.status.as_str() {
        return Ok(());
    }
    decided.status.as_str().clone_into(&mut record.status);
    // One that was granted and then expired was granted by somebody.
    if let Some(by) = decided.by {
        record.decided_by = Some(by.as_str().to_owned());
    }
    record.decided_at = Some(decided.at);
    record.write(conn, DECIDE)
}
