//! Finding the goals that are to be run: at start, and after a change of the emergency controls.

use std::convert::Infallible;

use jiff::Timestamp;
use saga::input::Person;
use saga::input::Wish;
use store::{Control, Gate, OpenGoal, PostError};

use super::{Engine, GoalRef};
use crate::error::Error;
use crate::runner::uses;

/// Goals read at once from the store.
const PAGE: u32 = 1_000;

impl Engine {
    /// Queues every open goal that has something to do, and sets a timer for those that wait for a time.
    pub(super) async fn recover(&self) -> Result<(), Error> {
        let now = Timestamp::now();
        let mut after = 0;
        loop {
            let page = self.store().open_goals(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.cursor;
            for open in page {
                let goal = GoalRef {
                    tenant: open.tenant,
                    goal: open.goal,
                };
                match open.wake_at {
                    Some(at) if at > now && !open.wished => self.shared.timers.set(goal, at),
                    None if !open.wished => {}
                    _ => self.shared.seats.wake(&goal),
                }
            }
        }
    }

    /// Acts on a change of the emergency controls: what was held goes on, what is to be cancelled is.
    ///
    /// # Errors
    /// The store could not be read; the controls hold all the same.
    pub async fn control_changed(&self) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = self.store().open_goals(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.cursor;
            let gate = self.store().gate();
            for open in page {
                if let Some(control) = self.cancelling(&gate, &open).await? {
                    let wish = Wish::CancelGoal { emergency: true };
                    let person = Person {
                        by: control.set_by.clone(),
                        wish,
                    };
                    let posted = self.store().post(&open.tenant, &open.goal, person, |_| {
                        Ok::<_, Infallible>(())
                    });
                    match posted.await {
                        // A refusal means that the goal unwinds or has ended: there is nothing left to cancel.
                        Ok(_)
                        | Err(PostError::Refused(_) | PostError::NotFound | PostError::Full) => {}
                        Err(PostError::Guard(never)) => match never {},
                        Err(PostError::Store(error)) => return Err(error.into()),
                    }
                }
                self.wake(&GoalRef {
                    tenant: open.tenant,
                    goal: open.goal,
                });
            }
        }
    }

    /// The control by which an open goal is to be cancelled. Only where a tool is cancelled is the goal read.
    async fn cancelling<'a>(
        &self,
        gate: &'a Gate,
        open: &OpenGoal,
    ) -> Result<Option<&'a Control>, Error> {
        let (tenant, goal) = (&open.tenant, &open.goal);
        let certain = gate.cancelling(tenant, goal, |_| false);
        if certain.is_some() || gate.cancelling(tenant, goal, |_| true).is_none() {
            return Ok(certain);
        }
        let loaded = match self.store().load(tenant, goal).await {
            // A damaged goal cannot be cancelled; it keeps no other from being.
            Err(store::Error::Damaged(_)) => None,
            loaded => loaded?,
        };
        Ok(
            loaded
                .and_then(|loaded| gate.cancelling(tenant, goal, |tool| uses(&loaded.saga, tool))),
        )
    }
}
