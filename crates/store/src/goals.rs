//! Goals as the store gives them to whoever drives them.

pub(crate) mod list;

use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use jiff::Timestamp;
use saga::Saga;

use crate::error::Error;
use crate::store::{Store, either};

/// A goal as the driver gets it: rebuilt from its journal.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The goal's state.
    pub saga: Saga,
    /// What people want of it and the machine has not read yet, in order, each with its number in the inbox.
    pub inbox: Vec<(u64, saga::input::Person)>,
    /// Who submitted it.
    pub owner: Subject,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Whether another process began what the goal has in flight, if anything; it may still be at it.
    pub elsewhere: bool,
}

/// Where a goal stands, by its row alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who submitted it.
    pub owner: Subject,
    /// Its status.
    pub status: GoalStatus,
    /// The sequence of its newest event.
    pub sequence: u64,
    /// Whether wishes wait in its inbox, at the same moment.
    pub wished: bool,
}

/// An open goal, as the driver finds it again at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenGoal {
    /// Its place in the driver's queue: what to go on after.
    pub cursor: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The goal.
    pub goal: GoalId,
    /// When the driver has to look at it although nothing happens; `None`: never.
    pub wake_at: Option<Timestamp>,
    /// Where it stands.
    pub status: GoalStatus,
    /// Whether wishes wait in its inbox.
    pub wished: bool,
}

impl Store {
    /// Reads a goal with what waits in its inbox; `None`: there is no such goal in this tenant.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row of the goal is not what was written.
    pub async fn load(&self, tenant: &TenantId, goal: &GoalId) -> Result<Option<Loaded>, Error> {
        either!(self, store => store.load(tenant, goal).await)
    }

    /// Says where a goal stands, without reading its journal; `None`: there is no such goal in this tenant.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the goal's row is not what was written.
    pub async fn standing(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Option<Standing>, Error> {
        either!(self, store => store.standing(tenant, goal).await)
    }

    /// Reads many goals as [`Store::load`] does, in one go; a damaged one does not keep the others from being read.
    ///
    /// # Errors
    /// Only where nothing could be read.
    pub async fn load_many(
        &self,
        goals: Vec<(TenantId, GoalId)>,
    ) -> Result<Vec<Result<Option<Loaded>, Error>>, Error> {
        either!(self, store => store.load_many(goals).await)
    }

    /// Lists open goals of all tenants in order of acceptance within each, for the driver's recovery alone.
    ///
    /// `after` is the cursor of the last goal seen, 0 at first.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn open_goals(&self, after: u64, limit: u32) -> Result<Vec<OpenGoal>, Error> {
        either!(self, store => store.open_goals(after, limit).await)
    }
}

/// The time of so many microseconds since 1970.
pub(crate) fn time(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}
