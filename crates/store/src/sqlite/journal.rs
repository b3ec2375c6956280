//! The journal in SQLite.
//!
//! A goal is read from its newest row back along `previous`, so that appending costs the same however long the goal, and
//! no second index exists.

use rusqlite::Connection;
use saga::{Event, Saga};

use super::goals::Record;
use super::table::{Table, blob, integer, optional};
use super::{payloads, toolsets};
use crate::error::Error;
use crate::journal::{self, FORM, damage};
use crate::shared::Shared;

/// The table of events.
pub(crate) const JOURNAL: Table = Table {
    name: journal::TABLE,
    insert: "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
};

/// A row to be written.
pub(crate) struct NewRow<'a> {
    pub(crate) id: i64,
    pub(crate) goal: i64,
    pub(crate) previous: Option<i64>,
    pub(crate) first_sequence: i64,
    pub(crate) has_payloads: bool,
    pub(crate) written_at: i64,
    pub(crate) events: &'a [u8],
}

/// Appends a row.
pub(crate) fn insert(conn: &Connection, row: &NewRow<'_>) -> Result<(), Error> {
    let values = [
        integer(row.id),
        integer(row.goal),
        optional(row.previous),
        integer(row.first_sequence),
        integer(row.has_payloads.into()),
        integer(row.written_at),
        integer(FORM),
        blob(row.events),
    ];
    JOURNAL.insert(conn, &values)
}

/// The events of one append, by the number of its row.
pub(crate) type Segment = journal::Segment<i64>;

/// Reads the appends of a goal whose events come after `after`, in order.
pub(crate) fn segments(
    conn: &Connection,
    goal: &Record,
    after: u64,
) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    let (mut row, mut end) = (Some(goal.last_journal), goal.sequence + 1);
    while let Some(id) = row
        && end > after + 1
    {
        let (segment, previous) = segment(conn, goal.id, id, end)?;
        if previous.is_some_and(|previous| previous >= id) {
            return Err(damage(id, "it does not lead back").into());
        }
        if previous.is_none() != (segment.first == 1) {
            return Err(damage(id, "it is not where the goal begins").into());
        }
        (row, end) = (previous, segment.first);
        segments.push(segment);
    }
    segments.reverse();
    Ok(segments)
}

fn segment(
    conn: &Connection,
    goal: i64,
    id: i64,
    end: u64,
) -> Result<(Segment, Option<i64>), Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM journal WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or_else(|| damage(id, "it is missing"))?;
    JOURNAL.check(row)?;
    let first = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
    if row.get::<_, i64>(1)? != goal || first == 0 || first >= end {
        return Err(damage(id, "it does not follow from the row after it").into());
    }
    let (has_payloads, form, events) = (row.get(4)?, row.get(6)?, row.get(7)?);
    Ok((
        Segment {
            row: id,
            first,
            end,
            has_payloads,
            form,
            events,
        },
        row.get(2)?,
    ))
}

/// Parses the events of one append and puts their payloads and toolsets back.
pub(crate) fn events(
    conn: &Connection,
    shared: &Shared,
    goal: &Record,
    segment: &Segment,
) -> Result<Vec<Event>, Error> {
    let mut events = segment.parse()?;
    for pinned in journal::pinned(&mut events) {
        let tools = toolsets::find(conn, &shared.toolsets, pinned.digest())?;
        pinned.restore(tools);
    }
    if segment.has_payloads {
        let bodies = payloads::read(conn, segment.row)?;
        journal::restore(
            &mut events,
            bodies,
            &goal.key(shared),
            goal.erased_at.is_some(),
        )?;
    }
    Ok(events)
}

/// Rebuilds a goal from its events.
pub(crate) fn saga(conn: &Connection, shared: &Shared, goal: &Record) -> Result<Saga, Error> {
    let mut saga = Saga::new(goal.key(shared));
    for segment in segments(conn, goal, 0)? {
        for event in events(conn, shared, goal, &segment)? {
            saga.apply(&event);
        }
    }
    Ok(saga)
}
