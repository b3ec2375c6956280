//! What a goal says of itself, in the judge's terms.

use std::collections::BTreeMap;

use api::goals::GoalView;
use api::steps::Work;
use domain::goal::{GoalStatus, StepStatus};
use jiff::Timestamp;

/// What a goal says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Where it stands.
    pub(crate) status: GoalStatus,
    /// When anything happened last.
    pub(crate) updated_at: Timestamp,
    /// Each use of each step, by the numbers of step and item.
    pub(crate) uses: BTreeMap<(u32, u32), Use>,
}

/// What a goal says of one use of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// Where it stands.
    pub(crate) state: StepStatus,
    /// Whether its output is known.
    pub(crate) has_output: bool,
    /// Tries so far.
    pub(crate) attempts: u32,
    /// When its first attempt was admitted.
    pub(crate) started_at: Option<Timestamp>,
}

impl Seen {
    /// Reads a goal as it is shown; the plan's steps are in order.
    pub(crate) fn of(view: &GoalView) -> Self {
        let mut uses = BTreeMap::new();
        for (step, shown) in (0..).zip(&view.steps) {
            if shown.items.is_empty() {
                uses.insert((step, 0), Use::of(&shown.work));
            }
            uses.extend(
                shown
                    .items
                    .iter()
                    .map(|item| ((step, item.item), Use::of(&item.work))),
            );
        }
        Self {
            status: view.status,
            updated_at: view.updated_at,
            uses,
        }
    }

    /// What it says of one use. Items that nobody speaks of share what is said of the step before it fans out.
    pub(crate) fn used(&self, step: u32, item: u32) -> Use {
        let fallback = Use {
            state: StepStatus::Waiting,
            has_output: false,
            attempts: 0,
            started_at: None,
        };
        self.uses
            .get(&(step, item))
            .or_else(|| self.uses.get(&(step, 0)))
            .copied()
            .unwrap_or(fallback)
    }

    /// Where one use stands.
    pub(crate) fn state(&self, step: u32, item: u32) -> StepStatus {
        self.used(step, item).state
    }

    /// The uses that are in doubt, each with whether it is the undo that is.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = (u32, u32, bool)> + '_ {
        let doubts = self
            .uses
            .iter()
            .filter(|(_, used)| used.state == StepStatus::InDoubt);
        doubts.map(|((step, item), used)| (*step, *item, used.has_output))
    }

    /// Whether nothing of it goes on before a person acts, if ever: it has ended, is stuck, or waits with a doubt.
    pub(crate) fn is_at_rest(&self) -> bool {
        match self.status {
            GoalStatus::Completed
            | GoalStatus::Failed
            | GoalStatus::Cancelled
            | GoalStatus::Stuck => true,
            GoalStatus::Waiting => self.doubts().next().is_some(),
            _ => false,
        }
    }
}

impl Use {
    fn of(work: &Work) -> Self {
        let Work {
            state,
            attempts,
            started_at,
            ..
        } = *work;
        Self {
            state,
            has_output: work.output.is_some(),
            attempts,
            started_at,
        }
    }
}
