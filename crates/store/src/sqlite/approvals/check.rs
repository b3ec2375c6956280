//! Whether the approvals of a goal follow from its journal.

use std::collections::BTreeMap;

use domain::approval::ApprovalStatus;
use rusqlite::Connection;
use saga::EventKind;

use super::record::{APPROVALS, find};
use crate::error::{Damage, Error};
use crate::shared::Shared;
use crate::sqlite::tenants::tenant_of;
use crate::sqlite::{goals, inbox, journal};

/// Where an approval stands, and who decided it.
type Stands = (ApprovalStatus, Option<String>);

/// Makes sure that every approval that the journal tells of is there as it tells it; returns how many they are.
pub(crate) fn check(
    conn: &Connection,
    shared: &Shared,
    goal: &goals::Record,
) -> Result<u64, Error> {
    // A decision is in the approval before the machine has read it.
    let unread = !inbox::of(conn, goal.id)?.is_empty();
    let told = told(conn, shared, goal)?;
    let count = told.len() as u64;
    for (name, (status, by)) in told {
        let Some(row) = find(conn, tenant_of(goal.id), &name)? else {
            let reason = format!("the approval {name} of the goal {} is missing", goal.goal);
            return Err(Damage::row(APPROVALS.name, "", reason).into());
        };
        let decided = unread && status == ApprovalStatus::Pending;
        let record = &row.record;
        let stands = record.status == status.as_str() && record.decided_by == by;
        if row.goal != goal.id || !(stands || decided) {
            let reason = "it does not follow from its goal's journal";
            return Err(Damage::row(APPROVALS.name, record.id, reason).into());
        }
    }
    Ok(count)
}

/// The approvals that the journal tells of.
fn told(
    conn: &Connection,
    shared: &Shared,
    goal: &goals::Record,
) -> Result<BTreeMap<String, Stands>, Error> {
    let mut told: BTreeMap<String, Stands> = BTreeMap::new();
    for segment in journal::segments(conn, goal, 0)? {
        for event in journal::events(conn, shared, goal, &segment)? {
            match event.kind {
                EventKind::ApprovalAsked { approval, .. } => {
                    told.insert(approval, (ApprovalStatus::Pending, None));
                }
                EventKind::ApprovalGranted { approval, by, .. } => {
                    told.insert(approval, (ApprovalStatus::Granted, Some(by.to_string())));
                }
                EventKind::ApprovalRefused { approval, by, .. } => {
                    told.insert(approval, (ApprovalStatus::Refused, Some(by.to_string())));
                }
                EventKind::ApprovalExpired { approval, .. } => {
                    let by = told.remove(&approval).and_then(|(_, by)| by);
                    told.insert(approval, (ApprovalStatus::Expired, by));
                }
                EventKind::UnwindingStarted { .. }
                | EventKind::GoalCompleted { .. }
                | EventKind::GoalFailed { .. }
                | EventKind::GoalCancelled {} => {
                    let pending = told.values_mut();
                    let pending = pending.filter(|(status, _)| *status == ApprovalStatus::Pending);
                    pending.for_each(|stands| *stands = (ApprovalStatus::Closed, None));
                }
                _ => {}
            }
        }
    }
    Ok(told)
}
