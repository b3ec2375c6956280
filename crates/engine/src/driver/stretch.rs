//! Stretches: a goal driven in this process for whoever is behind the port, until it waits, ends, or has to be handed on.
//!
//! A goal that is handed on with an effect under way keeps its seat here until that has ended and is recorded; no other
//! starts. Whoever drives it next, in this process or another, goes on from there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::goal::{GoalStatus, StepStatus};
use domain::id::{GoalId, StepId, TenantId};
use jiff::Timestamp;
use saga::Saga;

use super::seats::Bell;
use super::{Engine, GoalRef, task};
use crate::error::Error;

/// What a stretch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretched {
    /// Where the goal stands; `None`: it was not looked at.
    pub status: Option<GoalStatus>,
    /// The step that it is at.
    pub step: Option<StepId>,
    /// What is to be done next.
    pub next: Next,
}

/// What is to be done with a goal after a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it has ended.
    Nothing,
    /// Another stretch at that time, or when it is woken.
    Wait(Option<Timestamp>),
    /// Another stretch at once: it was cut short.
    Again,
}

/// How a seat was left.
#[derive(Debug, Clone)]
pub(super) enum Left {
    /// For nothing is to be done now, or whoever drove it has gone.
    Rest(Stretched),
    /// Another process may be at what it has in flight.
    Fenced {
        /// Until when.
        until: Timestamp,
        /// The newest event that was seen.
        seen: u64,
    },
    /// We failed.
    Failed(Arc<Error>),
}

impl Left {
    /// Until when the goal is not run again, where that is known.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Fenced { until, .. } => Some(*until),
            Self::Rest(_) | Self::Failed(_) => None,
        }
    }
}

impl Stretched {
    /// That a goal rests. `cut`: more could have been done.
    pub(super) fn resting(saga: &Saga, wake_at: Option<Timestamp>, cut: bool) -> Self {
        let status = saga.status();
        let at = |wanted: &[StepStatus]| {
            saga.steps()
                .find(|(_, state)| wanted.contains(&state.status()))
                .map(|(step, _)| step.id.clone())
        };
        let step = at(&[StepStatus::InDoubt, StepStatus::Running])
            .or_else(|| at(&[StepStatus::Waiting]))
            .filter(|_| !status.is_end());
        let next = match (status.is_end(), cut) {
            (true, _) => Next::Nothing,
            (false, true) => Next::Again,
            (false, false) => Next::Wait(wake_at),
        };
        Self {
            status: Some(status),
            step,
            next,
        }
    }

    /// That a goal was not looked at.
    fn unseen(next: Next) -> Self {
        Self {
            status: None,
            step: None,
            next,
        }
    }
}

impl Engine {
    /// Drives a goal until it waits, ends, or `enough` is; then it is left as soon as its last commit has ended.
    ///
    /// # Errors
    /// The store failed, or the engine is being shut down: to be tried again, here or elsewhere.
    ///
    /// # Cancel safety
    /// Dropped, it is as if `enough` had come.
    pub async fn stretch(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        enough: impl Future<Output = ()>,
    ) -> Result<Stretched, Arc<Error>> {
        let goal = GoalRef {
            tenant: tenant.clone(),
            goal: goal.clone(),
        };
        tokio::pin!(enough);
        loop {
            if self.draining() {
                return Err(Arc::new(Error::Draining));
            }
            let (attached, seat) = self.attach(&goal);
            if let Some(seat) = seat {
                self.spawn(task::enter(self.clone(), seat));
            }
            let mut left = attached.bell.left.subscribe();
            let mut over = self.shared.over.subscribe();
            // All arms are cancel safe: looks at watched values, and the caller's.
            let left = tokio::select! {
                left = left.wait_for(Option::is_some) => left.ok().and_then(|left| left.clone()),
                _ = over.wait_for(|over| *over) => None,
                () = &mut enough => return Ok(Stretched::unseen(Next::Again)),
            };
            match left {
                Some(Left::Rest(stretched)) => return Ok(stretched),
                Some(Left::Failed(error)) if error.is_damage() => {
                    return Ok(Stretched::unseen(Next::Wait(None)));
                }
                // A store that was restored is older than the goals that were accepted since its backup.
                Some(Left::Failed(error)) if matches!(*error, Error::Missing(_)) => {
                    return Ok(Stretched::unseen(Next::Nothing));
                }
                Some(Left::Failed(error)) => return Err(error),
                Some(Left::Fenced { until, seen }) => {
                    drop(attached);
                    // All arms are cancel safe: a look at the store, a sleep, a watched value, and the caller's.
                    tokio::select! {
                        () = self.moved_on(&goal, seen, until) => {}
                        _ = over.wait_for(|over| *over) => return Err(Arc::new(Error::Draining)),
                        () = &mut enough => return Ok(Stretched::unseen(Next::Again)),
                    }
                }
                None => return Err(Arc::new(Error::Draining)),
            }
        }
    }

    /// Looks again at a goal that is driven here, for what came into its inbox.
    pub fn look_again(&self, tenant: &TenantId, goal: &GoalId) {
        let goal = GoalRef {
            tenant: tenant.clone(),
            goal: goal.clone(),
        };
        self.shared.seats.ring(&goal);
    }

    fn attach(&self, goal: &GoalRef) -> (Attached, Option<super::Seat>) {
        let (bell, number, seat) = self.shared.seats.attach(goal);
        (Attached { bell, number }, seat)
    }

    /// Waits until a goal has events after those that were seen, at most until a time.
    async fn moved_on(&self, goal: &GoalRef, seen: u64, until: Timestamp) {
        let rest = until.duration_since(Timestamp::now()).unsigned_abs();
        let moved = async {
            match self.store().watch(&goal.tenant, &goal.goal).await {
                Ok(mut sequence) => drop(sequence.wait_for(|newest| *newest > seen).await),
                Err(_) => std::future::pending().await,
            }
        };
        drop(tokio::time::timeout(rest, moved).await);
    }
}

/// That somebody drives a seated goal; dropped, no effect of it starts any more.
struct Attached {
    bell: Arc<Bell>,
    number: u64,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let bell = &self.bell;
        let gone = bell
            .driver
            .compare_exchange(self.number, 0, Ordering::SeqCst, Ordering::SeqCst);
        if gone.is_ok() {
            bell.rung.notify_one();
        }
    }
}
