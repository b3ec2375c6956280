//! The journal: the ordered events of every goal, append-only; the truth that all else follows from.
//!
//! One row holds the events of one append.

use std::fmt::Display;

use domain::digest::GoalKey;
use saga::{Event, EventKind};

use crate::error::{Damage, Error};
use crate::payloads::{self, Bodies};

/// The table's name.
pub(crate) const TABLE: &str = "journal";

/// The form that `events` has today: a JSON array of events. Golden files hold every form ever written.
pub(crate) const FORM: i64 = 1;

/// Writes events in today's form.
pub(crate) fn encode(events: &[Event]) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(events).map_err(|_| Error::Unwritable("an event"))
}

/// The events of one append, read but not yet parsed.
pub(crate) struct Segment<Row> {
    /// The row.
    pub(crate) row: Row,
    /// The sequence of its first event.
    pub(crate) first: u64,
    /// The sequence after its last event.
    pub(crate) end: u64,
    /// Whether its events name values.
    pub(crate) has_payloads: bool,
    pub(crate) form: i64,
    pub(crate) events: Vec<u8>,
}

impl<Row: Display> Segment<Row> {
    /// Parses the events, in any form ever written; their values and toolsets are still to be put back.
    pub(crate) fn parse(&self) -> Result<Vec<Event>, Error> {
        let events: Vec<Event> = match self.form {
            FORM => serde_json::from_slice(&self.events).map_err(|error| error.to_string()),
            form => Err(format!("its form {form} is not known")),
        }
        .map_err(|reason| damage(&self.row, reason))?;
        if events.len() as u64 == self.end - self.first {
            return Ok(events);
        }
        let reason = "it has not as many events as follow from the row after it";
        Err(damage(&self.row, reason).into())
    }
}

/// Puts the values back that events name; `erased`: the goal's values were erased.
pub(crate) fn restore(
    events: &mut [Event],
    mut bodies: Bodies,
    key: &GoalKey,
    erased: bool,
) -> Result<(), Error> {
    if bodies.erased() && !erased {
        let reason = "it is empty, and nobody erased it";
        return Err(Damage::row(payloads::TABLE, bodies.row(), reason).into());
    }
    for payload in events
        .iter_mut()
        .flat_map(|event| event.kind.payloads_mut())
    {
        bodies.restore(key, payload)?;
    }
    bodies.end()
}

/// The toolsets that events pin, to be put back.
pub(crate) fn pinned(events: &mut [Event]) -> impl Iterator<Item = &mut saga::PinnedTools> {
    events.iter_mut().filter_map(|event| match &mut event.kind {
        EventKind::PlanAdopted { adoption } => Some(&mut adoption.tools),
        _ => None,
    })
}

/// A row of the journal that is not what was written.
pub(crate) fn damage(row: impl Display, reason: impl Into<String>) -> Damage {
    Damage::row(TABLE, row, reason)
}
