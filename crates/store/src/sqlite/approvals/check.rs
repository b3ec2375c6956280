//! Whether the approvals of a goal follow from its journal.

use rusqlite::Connection;

use super::record::{APPROVALS, find};
use crate::approvals::follow::told;
use crate::error::{Damage, Error};
use crate::numbers::tenant_of;
use crate::shared::Shared;
use crate::sqlite::{goals, inbox, journal};

/// Makes sure that every approval that the journal tells of is there as it tells it; returns how many they are.
pub(crate) fn check(
    conn: &Connection,
    shared: &Shared,
    goal: &goals::Record,
) -> Result<u64, Error> {
    // A decision is in the approval before the machine has read it.
    let unread = !inbox::of(conn, goal.id)?.is_empty();
    let mut events = Vec::new();
    for segment in journal::segments(conn, goal, 0)? {
        events.extend(journal::events(conn, shared, goal, &segment)?);
    }
    let told = told(&events);
    let count = told.len() as u64;
    for (name, stands) in told {
        let Some(row) = find(conn, tenant_of(goal.id), &name)? else {
            let reason = format!("the approval {name} of the goal {} is missing", goal.goal);
            return Err(Damage::row(APPROVALS.name, "", reason).into());
        };
        let record = &row.record;
        let follows = stands.is(&record.status, record.decided_by.as_deref(), unread);
        if row.goal != goal.id || !follows {
            let reason = "it does not follow from its goal's journal";
            return Err(Damage::row(APPROVALS.name, record.id, reason).into());
        }
    }
    Ok(count)
}
