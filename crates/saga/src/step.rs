//! One step's state: its items, and the work of doing and undoing each.

use std::sync::Arc;

use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use domain::goal::StepStatus;
use jiff::Timestamp;
use serde_json::Value;

use crate::event::{Settlement, SkipReason};
use crate::payload::Payload;

/// A step of a plan that is under way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepState {
    /// Needs that are not over yet.
    pub(crate) missing: usize,
    /// A need whose output it takes was left out.
    pub(crate) need_skipped: bool,
    /// What the machine owes about it before it can start.
    pub(crate) due: Option<Due>,
    /// The array it fans out over.
    pub(crate) fan: Option<Arc<Value>>,
    /// One for each item; one for a step that does not fan out.
    pub(crate) items: Vec<ItemState>,
    /// Items that are not over.
    pub(crate) open_items: usize,
    /// Whether nothing more happens before an undo.
    pub(crate) over: bool,
    /// What others refer to, once it succeeded.
    pub(crate) output: Option<Arc<Value>>,
}

/// An event that a step must have before it can start, or instead of starting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Due {
    /// It is left out.
    Skip(SkipReason),
    /// It fans out over nothing.
    Empty,
    /// It can never start.
    Fail {
        /// Stable dotted code.
        code: &'static str,
        /// One sentence.
        message: String,
    },
}

/// One use of a step's tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemState {
    /// Where it stands.
    pub status: StepStatus,
    /// The work of doing it.
    pub forth: Work,
    /// The work of undoing it.
    pub back: Work,
    /// The approval asked for it.
    pub approval: Option<Asked>,
    /// What it came to.
    pub output: Option<Payload>,
    /// Its last error.
    pub error: Option<Payload>,
    /// Its place among the successes, for the undo.
    pub(crate) order: Option<u64>,
    /// When its first attempt was admitted.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// The attempts of one effect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    /// The newest attempt, from 1; 0: none yet.
    pub attempt: u32,
    /// Attempts before the last `retry` or `try_again`, which do not count against the limit.
    pub(crate) forgiven: u32,
    /// Raised by a retry after a proven failure; part of the effect's key.
    pub(crate) generation: u32,
    /// Attempts whose outcome nobody knows.
    pub(crate) unknown: Vec<u32>,
    /// When the first attempt of this generation was admitted, by the wall clock.
    pub(crate) first_started: Option<Timestamp>,
    /// What goes on.
    pub phase: WorkPhase,
    /// The resolved input, once the first attempt was admitted.
    pub input: Option<Arc<Value>>,
    /// The next, or running, attempt asks instead of calling.
    pub(crate) ask: bool,
    /// How a person, or a late outcome, ended its doubt.
    pub(crate) settled: Option<Settlement>,
}

/// What goes on with an effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WorkPhase {
    /// Nothing.
    #[default]
    Idle,
    /// An attempt is admitted and has no outcome.
    InFlight,
    /// The next attempt waits until then, on the machine's clock.
    Backoff(Timestamp),
    /// A timer runs until then, on the machine's clock.
    Timer(Timestamp),
    /// Nobody can know whether it happened.
    Doubt {
        /// Since when, by the wall clock.
        since: Timestamp,
    },
    /// It is over, one way or the other.
    Over,
}

/// An approval that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// What exactly is asked.
    pub digest: Digest,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// The resolved input.
    pub input: Arc<Value>,
    /// When it expires, on the machine's clock.
    pub(crate) expires: Timestamp,
}

impl Default for ItemState {
    fn default() -> Self {
        Self {
            status: StepStatus::Waiting,
            forth: Work::default(),
            back: Work::default(),
            approval: None,
            output: None,
            error: None,
            order: None,
            started_at: None,
            finished_at: None,
        }
    }
}

impl ItemState {
    /// The work of one direction.
    pub(crate) fn work(&self, undo: bool) -> &Work {
        if undo { &self.back } else { &self.forth }
    }

    /// The work of one direction, to change.
    pub(crate) fn work_mut(&mut self, undo: bool) -> &mut Work {
        if undo {
            &mut self.back
        } else {
            &mut self.forth
        }
    }

    /// Whether the effect of one direction is in doubt.
    pub(crate) fn in_doubt(&self, undo: bool) -> bool {
        matches!(self.work(undo).phase, WorkPhase::Doubt { .. })
    }
}

impl StepState {
    /// Where the step as a whole stands: the worst of its items.
    pub fn status(&self) -> StepStatus {
        const WORST_FIRST: [StepStatus; 9] = [
            StepStatus::InDoubt,
            StepStatus::CompensationFailed,
            StepStatus::Failed,
            StepStatus::Running,
            StepStatus::Waiting,
            StepStatus::Cancelled,
            StepStatus::Compensated,
            StepStatus::Skipped,
            StepStatus::Succeeded,
        ];
        let stands = |status: &StepStatus| self.items.iter().any(|item| item.status == *status);
        let worst = WORST_FIRST
            .into_iter()
            .find(stands)
            .unwrap_or(StepStatus::Succeeded);
        let begun = self.items.iter().any(|item| item.started_at.is_some());
        if worst == StepStatus::Waiting && begun {
            StepStatus::Running
        } else {
            worst
        }
    }

    /// Its items; one where it does not fan out.
    pub fn items(&self) -> &[ItemState] {
        &self.items
    }

    /// Whether it fans out, as far as it is known.
    pub fn fans_out(&self) -> bool {
        self.fan.is_some()
    }

    /// What others refer to, once it succeeded.
    pub fn output(&self) -> Option<&Arc<Value>> {
        self.output.as_ref()
    }
}
