//! The journal: the ordered events of every goal, append-only; the truth that all else follows from.
//!
//! One row holds the events of one append. A goal is read from its newest row back along `previous`, so that appending
//! costs the same however long the goal, and no second index exists.

use domain::digest::GoalKey;
use rusqlite::Connection;
use saga::{Event, EventKind, Saga};

use crate::error::{Damage, Error};
use crate::goals::Record;
use crate::payloads::Bodies;
use crate::shared::Shared;
use crate::table::{Table, blob, integer, optional};

/// The table of events.
pub(crate) const JOURNAL: Table = Table {
    name: "journal",
    insert: "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
};

/// The form that `events` has today: a JSON array of events. Golden files hold every form ever written.
pub(crate) const FORM: i64 = 1;

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

/// Writes events in today's form.
pub(crate) fn encode(events: &[Event]) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(events).map_err(|_| Error::Unwritable("an event"))
}

/// Reads events in any form ever written.
pub(crate) fn decode(form: i64, events: &[u8]) -> Result<Vec<Event>, String> {
    match form {
        FORM => serde_json::from_slice(events).map_err(|error| error.to_string()),
        _ => Err(format!("its form {form} is not known")),
    }
}

/// The events of one append, read and checked but not yet parsed.
pub(crate) struct Segment {
    /// The row.
    pub(crate) id: i64,
    /// The sequence of its first event.
    pub(crate) first: u64,
    /// The sequence after its last event.
    pub(crate) end: u64,
    has_payloads: bool,
    form: i64,
    events: Vec<u8>,
}

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
            id,
            first,
            end,
            has_payloads,
            form,
            events,
        },
        row.get(2)?,
    ))
}

impl Segment {
    /// Parses the events and puts their payloads and toolsets back.
    pub(crate) fn events(
        &self,
        conn: &Connection,
        shared: &Shared,
        goal: &Record,
    ) -> Result<Vec<Event>, Error> {
        let mut events =
            decode(self.form, &self.events).map_err(|reason| damage(self.id, reason))?;
        if events.len() as u64 != self.end - self.first {
            return Err(damage(
                self.id,
                "it has not as many events as follow from the row after it",
            )
            .into());
        }
        for event in &mut events {
            if let EventKind::PlanAdopted { adoption } = &mut event.kind {
                shared.toolsets.restore(conn, &mut adoption.tools)?;
            }
        }
        if self.has_payloads {
            let key = goal.key(shared);
            restore(conn, self.id, goal, &key, &mut events)?;
        }
        Ok(events)
    }
}

fn restore(
    conn: &Connection,
    id: i64,
    goal: &Record,
    key: &GoalKey,
    events: &mut [Event],
) -> Result<(), Error> {
    let mut bodies = Bodies::read(conn, id)?;
    if bodies.erased() && goal.erased_at.is_none() {
        return Err(Damage::row("payloads", id, "it is empty, and nobody erased it").into());
    }
    for payload in events
        .iter_mut()
        .flat_map(|event| event.kind.payloads_mut())
    {
        bodies.restore(key, payload)?;
    }
    bodies.end()
}

/// Rebuilds a goal from its events.
pub(crate) fn saga(conn: &Connection, shared: &Shared, goal: &Record) -> Result<Saga, Error> {
    let mut saga = Saga::new(goal.key(shared));
    for segment in segments(conn, goal, 0)? {
        for event in segment.events(conn, shared, goal)? {
            saga.apply(&event);
        }
    }
    Ok(saga)
}

fn damage(id: i64, reason: impl Into<String>) -> Damage {
    Damage::row(JOURNAL.name, id, reason)
}
