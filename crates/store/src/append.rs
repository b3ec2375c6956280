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

use crate::approvals::follow::{self, Change};
use crate::chain::Chain;
use crate::error::{Error, Failure};
use crate::idempotency::{Answer, RequestKey};
use crate::outbox::Notice;
use crate::store::{Store, either};
use crate::{evidence, journal, payloads};

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
    /// Whether effects start with the events: whoever finds them in flight is told who began them.
    pub starts: bool,
    /// Whether whoever drives has to look at the goal again, because it may have left it to rest before.
    pub wakes: bool,
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
    /// [`AppendError`]; nothing of it was kept, unless the database could not be reached: then nobody knows, and what was
    /// kept is in the journal.
    ///
    /// # Cancel safety
    /// Once begun it is done, whether or not anybody waits for the answer.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let prepared = Prepared::new(append)?;
        if let Some((digest, tools)) = &prepared.toolset {
            self.shared().toolsets.remember(*digest, Arc::clone(tools));
        }
        either!(self, store => store.append(prepared).await)
    }
}

/// An append with everything written that needs no transaction.
pub(crate) struct Prepared {
    /// What was asked, without the events.
    pub(crate) append: Append,
    pub(crate) chain: Chain,
    /// The events in today's form.
    pub(crate) events: Vec<u8>,
    /// The values that they name.
    pub(crate) bodies: Option<Vec<u8>>,
    pub(crate) evidence: evidence::Prepared,
    pub(crate) toolset: Option<(Digest, Arc<Toolset>)>,
    /// How approvals change.
    pub(crate) approvals: Vec<Change>,
    /// How many events there are.
    pub(crate) count: u64,
    /// When the first and the last event happened.
    pub(crate) first_at: i64,
    pub(crate) at: i64,
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
        let approvals = follow::changes(&std::mem::take(&mut append.events));
        Ok(Self {
            append,
            chain,
            events,
            bodies,
            evidence,
            toolset,
            approvals,
            count,
            first_at,
            at,
        })
    }
}
