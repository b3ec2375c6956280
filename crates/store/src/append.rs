//! The append: one transaction for the events of a goal and everything that follows from them.
//!
//! Events, payloads, projections, evidence, answers and notices are written together or not at all (DESIGN law 7).
//! Whoever appends has seen the goal up to a sequence, its inbox up to a wish and the controls of one generation; where
//! any of them has moved on, nothing is written and the caller looks again.

use std::sync::Arc;

use audit::Draft;
use domain::digest::Digest;
use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use domain::tool::Toolset;
use jiff::Timestamp;
use saga::{Event, EventKind};

use crate::error::Error;
use crate::goals::{self, Record};
use crate::idempotency::{self, Answer, RequestKey};
use crate::journal::{self, NewRow};
use crate::outbox::{self, Notice};
use crate::store::Store;
use crate::tenants::Chain;
use crate::writer::{Failure, Writing};
use crate::{approvals, evidence, fault, inbox, payloads, toolsets};

/// Open goals of one tenant unless the caller says otherwise (CONTRACT §2, "Limits").
pub const OPEN_GOALS_MAX: u64 = 10_000;

/// Events to be appended to a goal, with what follows from them.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose goal it is.
    pub tenant: TenantId,
    /// The goal.
    pub goal: GoalId,
    /// The sequence of the newest event that the caller knows; 0 for a new goal.
    pub expected: u64,
    /// The last wish of the inbox that the events answer, 0 for none: it and those before it are taken out.
    pub inbox_read: u64,
    /// The generation of the gate that the caller looked at.
    pub gate: u64,
    /// Whether the events admit an effect, or a goal: only then the gate and the free space matter.
    pub admits: bool,
    /// What happened, in order; at least one event.
    pub events: Vec<Event>,
    /// The evidence of it.
    pub evidence: Vec<Draft>,
    /// Where the goal stands after the events.
    pub row: GoalRow,
    /// What a new goal needs; `None`: the goal is there.
    pub created: Option<NewGoal>,
    /// What people outside are to be told.
    pub notices: Vec<Notice>,
}

/// Where a goal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalRow {
    /// The status that lists show.
    pub status: GoalStatus,
    /// Why, as a code.
    pub reason: Option<String>,
    /// When the driver has to look at the goal although nothing happens.
    pub wake_at: Option<Timestamp>,
}

/// What a new goal needs beside its first events.
#[derive(Debug, Clone)]
pub struct NewGoal {
    /// Who submitted it.
    pub owner: Subject,
    /// The answer to be kept for the request's idempotency key.
    pub idempotency: Option<(RequestKey, Answer)>,
    /// Open goals that the tenant may have, this one included.
    pub open_goals_max: u64,
}

/// Events that were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of the newest event.
    pub sequence: u64,
    /// When they became durable, as the store's clock has it.
    pub at: Timestamp,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no such goal in this tenant.
    #[error("there is no such goal")]
    NotFound,
    /// Somebody else appended: load the goal again.
    #[error("the goal is at event {sequence}")]
    Conflict {
        /// The sequence of the newest event.
        sequence: u64,
    },
    /// The inbox holds wishes that the events do not answer: read them first.
    #[error("the goal has unread wishes")]
    Inbox,
    /// The emergency controls changed: look at them again.
    #[error("the emergency controls changed")]
    Gate,
    /// The tenant has, or had, a goal of this name.
    #[error("{0} was started before")]
    AlreadyStarted(GoalId),
    /// The same request was answered before.
    #[error("the request was answered before")]
    Replay(Vec<u8>),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The tenant has its limit of open goals.
    #[error("{0} goals are open, which is the limit")]
    TooManyOpen(u64),
    /// Too little space is free for anything new.
    #[error("too little space is free in the data directory")]
    NoSpace,
    /// The store failed.
    #[error(transparent)]
    Store(Error),
}

impl Failure for AppendError {
    fn of_store(&self) -> Option<&Error> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for AppendError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSpace => Self::NoSpace,
            error => Self::Store(error),
        }
    }
}

impl Store {
    /// Appends events to a goal; durable when it returns.
    ///
    /// # Errors
    /// [`AppendError`]; nothing of it was kept.
    ///
    /// # Cancel safety
    /// Once begun it is done, whether or not anybody waits for the answer.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let prepared = Prepared::new(append)?;
        if let Some((digest, tools)) = &prepared.toolset {
            self.shared().toolsets.remember(*digest, Arc::clone(tools));
        }
        self.write(move |writing| prepared.write(writing)).await
    }
}

/// An append with everything written that does not need the writer.
struct Prepared {
    append: Append,
    chain: Chain,
    events: Vec<u8>,
    bodies: Option<Vec<u8>>,
    evidence: evidence::Prepared,
    toolset: Option<(Digest, Arc<Toolset>)>,
    /// The events that approvals follow from; the others stay with the caller's thread.
    about_approvals: Vec<Event>,
    count: u64,
    /// When the first and the last event happened.
    first_at: i64,
    at: i64,
}

impl Prepared {
    fn new(mut append: Append) -> Result<Self, Error> {
        let (Some(first), Some(last)) = (append.events.first(), append.events.last()) else {
            return Err(Error::Unwritable("an append without events"));
        };
        let (first_at, at) = (
            first.moment.at.as_microsecond(),
            last.moment.at.as_microsecond(),
        );
        let chain = Chain::Tenant(append.tenant.clone());
        let bodies = payloads::encode(&mut append.events)?;
        let events = journal::encode(&append.events)?;
        let evidence =
            evidence::Prepared::new(chain.clone(), std::mem::take(&mut append.evidence))?;
        let toolset = append.events.iter().find_map(|event| match &event.kind {
            EventKind::PlanAdopted { adoption } => adoption
                .tools
                .tools()
                .map(|tools| (adoption.tools.digest(), Arc::clone(tools))),
            _ => None,
        });
        let count = append.events.len() as u64;
        let mut about_approvals = std::mem::take(&mut append.events);
        about_approvals.retain(|event| approvals::follow_from(&event.kind));
        Ok(Self {
            append,
            chain,
            events,
            bodies,
            evidence,
            toolset,
            about_approvals,
            count,
            first_at,
            at,
        })
    }

    fn write(self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        if self.append.admits && writing.space_is_low {
            return Err(AppendError::NoSpace);
        }
        if self.append.admits && self.append.gate != writing.staged.gate().generation() {
            return Err(AppendError::Gate);
        }
        match self.append.created {
            Some(_) => self.create(writing),
            None => self.advance(writing),
        }
    }

    fn advance(self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        let number = writing.staged.tenant(writing.conn, &self.chain)?.number;
        let name = (&self.append.tenant, &self.append.goal);
        let record = writing.staged.goal(writing.conn, number, name)?;
        let mut record = record.ok_or(AppendError::NotFound)?;
        if record.sequence != self.append.expected {
            return Err(AppendError::Conflict {
                sequence: record.sequence,
            });
        }
        let read = i64::try_from(self.append.inbox_read).unwrap_or(i64::MAX);
        let unread = writing.staged.unread(record.id);
        if unread.last().is_some_and(|newest| *newest > read) {
            return Err(AppendError::Inbox);
        }
        if !unread.is_empty() {
            inbox::delete(writing.conn, record.id, read)?;
            writing.staged.read_up_to(record.id, read);
        }
        let row = writing.staged.take_journal_row();
        self.insert(writing, (row, record.id), Some(record.last_journal))?;
        let was_open = record.finished_at.is_none();
        self.stand(&mut record, row);
        fault::hit("append.goal");
        record.update(writing.conn, was_open && record.finished_at.is_none())?;
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        match (was_open, record.finished_at.is_none()) {
            (true, false) => tenant.open_goals = tenant.open_goals.saturating_sub(1),
            (false, true) => tenant.open_goals += 1,
            _ => {}
        }
        self.finish(writing, record)
    }

    fn create(mut self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        let Some(new) = self.append.created.take() else {
            return Err(AppendError::NotFound);
        };
        if self.append.expected != 0 {
            return Err(AppendError::Conflict { sequence: 0 });
        }
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        let (number, id, open_goals) = (tenant.number, tenant.last_goal + 1, tenant.open_goals);
        if let Some((key, answer)) = &new.idempotency
            && let Some(kept) = idempotency::find(writing.conn, number, key)?
        {
            return Err(match kept.body == answer.body {
                true => AppendError::Replay(kept.answer),
                false => AppendError::KeyReused,
            });
        }
        if goals::find(writing.conn, number, &self.append.tenant, &self.append.goal)?.is_some() {
            return Err(AppendError::AlreadyStarted(self.append.goal));
        }
        if open_goals >= new.open_goals_max {
            return Err(AppendError::TooManyOpen(open_goals));
        }
        let row = writing.staged.take_journal_row();
        self.insert(writing, (row, id), None)?;
        let mut record = self.record(id, row, new.owner);
        self.stand(&mut record, row);
        fault::hit("append.goal");
        record.insert(writing.conn)?;
        if let Some((key, answer)) = &new.idempotency {
            idempotency::insert(writing.conn, (row, number, id), key, answer)?;
        }
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        tenant.last_goal = id;
        tenant.open_goals += u64::from(record.finished_at.is_none());
        self.finish(writing, record)
    }

    /// The row of a new goal, before its first events.
    fn record(&self, id: i64, journal: i64, owner: Subject) -> Record {
        let created_at = self.first_at;
        Record {
            id,
            tenant: self.append.tenant.clone(),
            goal: self.append.goal.clone(),
            owner,
            created_at,
            first_journal: journal,
            status: self.append.row.status,
            reason: None,
            updated_at: created_at,
            finished_at: None,
            wake_at: None,
            sequence: 0,
            last_journal: journal,
            erased_at: None,
        }
    }

    /// Writes the events and what lies beside them.
    fn insert(
        &self,
        writing: &mut Writing<'_>,
        (row, goal): (i64, i64),
        previous: Option<i64>,
    ) -> Result<(), Error> {
        if let Some((digest, tools)) = &self.toolset {
            toolsets::store(writing.conn, &mut writing.staged, *digest, tools)?;
        }
        fault::hit("append.journal");
        let new = NewRow {
            id: row,
            goal,
            previous,
            first_sequence: i64::try_from(self.append.expected)
                .unwrap_or(i64::MAX)
                .saturating_add(1),
            has_payloads: self.bodies.is_some(),
            written_at: writing.now.as_microsecond(),
            events: &self.events,
        };
        journal::insert(writing.conn, &new)?;
        if let Some(bodies) = &self.bodies {
            fault::hit("append.payloads");
            payloads::insert(writing.conn, row, bodies)?;
        }
        Ok(())
    }

    /// Moves a goal's row to where it stands after the events.
    fn stand(&self, record: &mut Record, journal: i64) {
        record.status = self.append.row.status;
        record.reason.clone_from(&self.append.row.reason);
        record.wake_at = self.append.row.wake_at.map(|wake| wake.as_microsecond());
        record.updated_at = self.at;
        record.finished_at = record
            .status
            .is_end()
            .then(|| record.finished_at.unwrap_or(self.at));
        record.sequence = self.append.expected + self.count;
        record.last_journal = journal;
    }

    /// Writes what is told to others: approvals, notices, evidence.
    fn finish(self, writing: &mut Writing<'_>, record: Record) -> Result<Appended, AppendError> {
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        let number = tenant.number;
        approvals::project(writing.conn, tenant, record.id, &self.about_approvals)?;
        outbox::insert(writing, number, &self.append.notices)?;
        self.evidence.write(writing)?;
        let appended = Appended {
            sequence: record.sequence,
            at: writing.now,
        };
        writing
            .staged
            .advanced(record.tenant.clone(), record.goal.clone(), record.sequence);
        writing.staged.wrote_goal(record);
        Ok(appended)
    }
}
