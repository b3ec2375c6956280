//! The journal in Postgres: the rows of a goal, in the order of their first sequences.

use saga::{Event, Saga};
use tokio_postgres::Row;

use super::connection::Connection;
use super::goals::Record;
use super::toolsets;
use crate::error::Error;
use crate::journal::{self, damage};
use crate::payloads::Bodies;
use crate::shared::Shared;

/// The appends of a goal whose events come after a sequence, in order, each with its values. Each table is told the goal's
/// number by itself: a join would be made by reading the whole of it, as long as there are no statistics.
pub(super) const READ: &str = "WITH found AS MATERIALIZED
        (SELECT id FROM omnihub.goals WHERE tenant = $1 AND goal = $2)
    SELECT journal.first_sequence, journal.payloads, journal.form, journal.events, payloads.goal IS NOT NULL, payloads.bodies
    FROM omnihub.journal LEFT JOIN omnihub.payloads ON payloads.goal = (SELECT id FROM found)
        AND payloads.first_sequence = journal.first_sequence
    WHERE journal.goal = (SELECT id FROM found)
    AND journal.first_sequence >= coalesce((SELECT max(before.first_sequence) FROM omnihub.journal AS before
        WHERE before.goal = (SELECT id FROM found) AND before.first_sequence <= $3), 0)
    ORDER BY journal.first_sequence";

/// The events of one append, with their values.
pub(super) struct Segment {
    pub(super) events: journal::Segment<String>,
    bodies: Option<Bodies>,
}

/// Reads the rows that [`READ`] found, and makes sure that none is missing between them and up to the goal's end.
pub(super) fn segments(goal: &Record, after: u64, rows: &[Row]) -> Result<Vec<Segment>, Error> {
    let mut segments: Vec<Segment> = Vec::with_capacity(rows.len());
    let mut end = goal.sequence + 1;
    for row in rows.iter().rev() {
        let segment = segment(goal, end, row)?;
        end = segment.events.first;
        segments.push(segment);
    }
    segments.reverse();
    if end > after + 1 {
        let row = format!("{}/{}", goal.id, after + 1);
        return Err(damage(row, "it is missing").into());
    }
    Ok(segments)
}

fn segment(goal: &Record, end: u64, row: &Row) -> Result<Segment, Error> {
    let first = row.try_get::<_, i64>(0)?;
    let name = format!("{}/{first}", goal.id);
    let first = u64::try_from(first).unwrap_or(0);
    if first == 0 || first >= end {
        return Err(damage(name, "it does not follow from the row after it").into());
    }
    let has_payloads = row.try_get(1)?;
    let bodies = match (has_payloads, row.try_get(4)?) {
        (true, true) => Some(Bodies::new(&name, row.try_get(5)?)),
        (true, false) => {
            return Err(crate::error::Damage::row("payloads", name, "it is missing").into());
        }
        (false, _) => None,
    };
    Ok(Segment {
        bodies,
        events: journal::Segment {
            row: name,
            first,
            end,
            has_payloads,
            form: row.try_get(2)?,
            events: row.try_get(3)?,
        },
    })
}

/// Parses the events of one append and puts their payloads and toolsets back.
pub(super) async fn events(
    conn: &Connection,
    shared: &Shared,
    goal: &Record,
    segment: Segment,
) -> Result<Vec<Event>, Error> {
    let mut events = segment.events.parse()?;
    for pinned in journal::pinned(&mut events) {
        let tools = toolsets::find(conn, shared, pinned.digest()).await?;
        pinned.restore(tools);
    }
    if let Some(bodies) = segment.bodies {
        journal::restore(&mut events, bodies, &goal.key(shared), goal.erased)?;
    }
    Ok(events)
}

/// Rebuilds a goal from its events.
pub(super) async fn saga(
    conn: &Connection,
    shared: &Shared,
    goal: &Record,
    rows: &[Row],
) -> Result<Saga, Error> {
    let mut saga = Saga::new(goal.key(shared));
    for segment in segments(goal, 0, rows)? {
        for event in events(conn, shared, goal, segment).await? {
            saga.apply(&event);
        }
    }
    Ok(saga)
}
