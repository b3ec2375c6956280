//! Taking on a goal: durable before it is answered, started at once where there is room.

use domain::goal::GoalStatus;
use saga::event::{Acceptance, Adoption};
use saga::{Input, Saga};
use store::AppendError;
use tokio::sync::oneshot;

use crate::driver::{Engine, GoalRef};
use crate::error::Error;
use crate::runner::Runner;

/// A goal with its plan, checked and ready to be accepted.
#[derive(Debug, Clone)]
pub struct NewGoal {
    /// What the goal is.
    pub acceptance: Acceptance,
    /// The plan it follows.
    pub adoption: Adoption,
    /// What the store keeps beside the journal.
    pub created: store::NewGoal,
}

/// A goal that is durable.
#[derive(Debug)]
pub struct Accepted {
    /// Where it stood when it was accepted.
    pub status: GoalStatus,
    /// The goal as it stands when it is first at rest. Closed where that is not told, because the goal had to queue or its
    /// driver left it for later; then the store is asked.
    pub at_rest: oneshot::Receiver<Saga>,
}

/// Why a goal was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The engine takes on no goals now.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The store refused it: it is there already, there is no room, or it failed.
    #[error(transparent)]
    Store(#[from] AppendError),
}

impl Engine {
    /// Accepts a goal. When this returns it is durable; its first effects may be under way.
    ///
    /// # Errors
    /// [`AcceptError`]; nothing of the goal is left behind.
    pub async fn accept(&self, new: NewGoal) -> Result<Accepted, AcceptError> {
        let engine = self.clone();
        // The caller may go away at any time; a goal that became durable is driven all the same.
        self.detached(async move { engine.take_on(new).await })
            .await
            .unwrap_or(Err(Error::Draining.into()))
    }

    async fn take_on(&self, new: NewGoal) -> Result<Accepted, AcceptError> {
        let goal = GoalRef {
            tenant: new.acceptance.tenant.clone(),
            goal: new.acceptance.goal.clone(),
        };
        let seat = self.seat(&goal)?;
        let inputs = [
            Input::Accept(Box::new(new.acceptance)),
            Input::AdoptPlan(Box::new(new.adoption)),
        ];
        let mut runner = Runner::fresh(self.store().clone(), goal.clone());
        let leave = self.leave(seat.is_some());
        let turned = match runner.accept(&inputs, &new.created, leave).await {
            Ok(turned) => turned,
            Err(error) => {
                seat.into_iter().for_each(|seat| self.vacate(seat));
                return Err(error);
            }
        };
        let (told, at_rest) = oneshot::channel();
        runner.told = Some(told);
        let status = runner.saga.status();
        match seat {
            Some(seat) => self.drive(seat, runner, turned),
            None => self.wake(&goal),
        }
        Ok(Accepted { status, at_rest })
    }
}
