//! The inbox: what people want of goals, durable before it is answered, until the machine has read it.

use domain::approval::{ApprovalStatus, Decision};
use domain::id::{GoalId, TenantId};
use jiff::Timestamp;
use saga::input::{Person, Wish};
use saga::{Input, Moment, Refusal};

use crate::approvals::follow::Ended;
use crate::error::{Damage, Error, Failure};
use crate::gate::Gate;
use crate::goals::Loaded;
use crate::store::{Store, either};

/// The table's name.
pub(crate) const TABLE: &str = "inbox";

/// Wishes of one goal that may wait: a goal that reads none of them has a fault that more cannot mend.
pub const INBOX_MAX: usize = 100;

/// A wish that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// Its number in the inbox.
    pub id: u64,
    /// The goal's newest event when it was taken.
    pub sequence: u64,
}

/// Why a wish was not taken; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum PostError<G> {
    /// There is no such goal in this tenant.
    #[error("there is no such goal")]
    NotFound,
    /// The caller's own condition did not hold.
    #[error("refused")]
    Guard(G),
    /// The machine refuses it.
    #[error(transparent)]
    Refused(Refusal),
    /// Too many wishes wait already.
    #[error("{INBOX_MAX} wishes wait for the goal already")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl<G: Send + 'static> Failure for PostError<G> {
    fn of_store(&self) -> Option<&Error> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl Store {
    /// Takes a wish into a goal's inbox, if the goal with all that waits in its inbox would grant it; durable when it
    /// returns. `guard` sees the goal first and may refuse for reasons of its own, such as who may wish.
    ///
    /// # Errors
    /// [`PostError`]; nothing was kept.
    ///
    /// # Cancel safety
    /// Once begun it is done, whether or not anybody waits for the answer.
    pub async fn post<G, F>(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        G: Send + 'static,
        F: FnOnce(&Loaded) -> Result<(), G> + Send + 'static,
    {
        either!(self, store => store.post(tenant, goal, person, guard).await)
    }

    /// Reads the wishes that wait in a goal's inbox, in order, each with its number.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn inbox(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Vec<(u64, Person)>, Error> {
        either!(self, store => store.inbox(tenant, goal).await)
    }

    /// Takes out wishes that were read and change nothing, such as a pause of a goal that is paused.
    ///
    /// # Errors
    /// [`Error`] where they cannot be deleted; they are then read again.
    pub async fn forget_wishes(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        read: u64,
    ) -> Result<(), Error> {
        either!(self, store => store.forget_wishes(tenant, goal, read).await)
    }
}

/// Judges a wish as if everything that waits had been read.
pub(crate) fn judge<G>(
    loaded: Loaded,
    person: &Person,
    (gate, tenant, goal): (&Gate, &TenantId, &GoalId),
    now: Timestamp,
) -> Result<(), PostError<G>> {
    if loaded.inbox.len() >= INBOX_MAX {
        return Err(PostError::Full);
    }
    let held = gate.held_total(tenant, goal, loaded.created_at, now);
    let now = Moment::held(now, held);
    let mut saga = loaded.saga;
    for (_, waiting) in loaded.inbox {
        for event in saga.decide(&Input::Person(waiting), now) {
            saga.apply(&event);
        }
    }
    match saga.refusal(&person.wish) {
        Some(refusal) => Err(PostError::Refused(refusal)),
        None => Ok(()),
    }
}

/// How the approval stands that a wish decides, as soon as the wish is taken; `None`: it decides none.
pub(crate) fn decides(person: &Person, at: i64) -> Option<(&str, Ended)> {
    let Wish::Decide {
        approval, decision, ..
    } = &person.wish
    else {
        return None;
    };
    let status = match decision {
        Decision::Grant => ApprovalStatus::Granted,
        Decision::Refuse => ApprovalStatus::Refused,
    };
    let by = Some(person.by.clone());
    Some((approval, Ended { status, by, at }))
}

/// Writes a wish as it is stored.
pub(crate) fn encode(person: &Person) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(person).map_err(|_| Error::Unwritable("a wish"))
}

/// Reads a wish as it is stored in the row of that number.
pub(crate) fn decode(id: i64, body: &[u8]) -> Result<(u64, Person), Error> {
    let person = serde_json::from_slice(body);
    let person = person.map_err(|error| Damage::row(TABLE, id, error.to_string()))?;
    Ok((u64::try_from(id).unwrap_or(0), person))
}
