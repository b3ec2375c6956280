//! Events: what has happened to a goal, in the form the journal keeps for ever.
//!
//! Fields are added, never repurposed; golden files in `tests/golden` hold every form ever written.

use domain::digest::Digest;
use domain::goal::{Limits, PlanSource};
use domain::id::{GoalId, StepId, Subject, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::payload::{Payload, PinnedTools};

/// Something that happened to a goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// One use of a step: the step, and the item where it fans out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepItem {
    /// The step.
    pub step: StepId,
    /// The item of a `for_each` step, from 0; `None`: the step as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
}

/// What a goal is, fixed when it is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Whose goal it is.
    pub tenant: TenantId,
    /// The goal.
    pub goal: GoalId,
    /// Who submitted it.
    pub owner: Subject,
    /// `{"user_intent": …, "parameters": {…}, "tags": {…}}`.
    pub request: Payload,
    /// When the goal fails unless it has ended; `None`: as the limits say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The limits it keeps for life.
    pub limits: Limits,
    /// The policy it keeps for life.
    pub policy_version: String,
}

/// The plan that a goal follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adoption {
    /// The plan document, with `"reply"` beside `"steps"` where the playbook has one: `{"plan": …, "reply"?: …}`.
    pub plan: Payload,
    /// What it was checked against.
    pub tools: PinnedTools,
    /// Who made it.
    pub source: PlanSource,
    /// The playbook's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook: Option<String>,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What is known of it.
    pub kind: FailureClass,
    /// Stable dotted code.
    pub code: String,
    /// The tool's error, `{"code", "message"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Payload>,
}

/// What is known of an attempt that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It did not happen; another attempt may help.
    Transient,
    /// It did not happen; no attempt can help.
    Permanent,
    /// Nobody knows whether it happened.
    Unknown,
}

/// Why a step was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its condition did not hold.
    Condition,
    /// A step whose output it takes was left out.
    NeedSkipped,
}

/// Why an approval is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskReason {
    /// The tool's lane asks.
    Lane,
    /// The step asks for itself.
    Step,
}

/// How a doubt, or an undo that is stuck, was ended (CONTRACT §2, settle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The effect happened.
    Happened,
    /// The effect did not happen.
    DidNotHappen,
    /// What the step did has been made good by other means.
    Undone,
    /// The effect is to be tried again under the same key.
    TryAgain,
}

/// Who ended a doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settler {
    /// A person.
    Person(Subject),
    /// The effect's own outcome, which came late.
    LateOutcome,
}

/// Why a goal unwinds, failed or is stuck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable dotted code: `step.failed`, `approval.refused`, `approval.expired`, `goal.deadline`, `goal.cancelled`,
    /// `compensation.failed`, `outcome.contradicts`.
    pub code: String,
    /// The step it began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields of each kind are the types' own words"
)]
pub enum EventKind {
    /// The goal is durable.
    GoalAccepted { acceptance: Box<Acceptance> },
    /// The plan is fixed.
    PlanAdopted { adoption: Box<Adoption> },
    /// An attempt of an effect, or a timer, was admitted. `input` is absent where it is the plan's own.
    StepStarted {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Payload>,
        /// Milliseconds that a `wait` step waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
        /// The tool is asked about an earlier attempt rather than called.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ask: bool,
    },
    /// An effect happened; or a fan-out over no items is over (`attempt` 0).
    StepSucceeded {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        output: Payload,
    },
    /// An attempt did not succeed; without `retry_in_ms` it was the last.
    StepFailed {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        #[serde(flatten)]
        failure: Failure,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
    },
    /// The step was left out.
    StepSkipped {
        #[serde(flatten)]
        at: StepItem,
        reason: SkipReason,
    },
    /// Nobody can know whether an effect (`undo`: its compensation) happened.
    StepInDoubt {
        #[serde(flatten)]
        at: StepItem,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
        attempt: u32,
        code: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Payload>,
    },
    /// A doubt or a stuck undo was ended.
    StepSettled {
        #[serde(flatten)]
        at: StepItem,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
        result: Settlement,
        by: Settler,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Payload>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Payload>,
        /// It contradicts what was settled before, or how the goal ended.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        contradicts: bool,
    },
    /// People are asked about one exact effect.
    ApprovalAsked {
        #[serde(flatten)]
        at: StepItem,
        approval: String,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Payload>,
        reason: AskReason,
        expires_in_seconds: u32,
    },
    /// The effect may happen once.
    ApprovalGranted {
        #[serde(flatten)]
        at: StepItem,
        approval: String,
        by: Subject,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Payload>,
    },
    /// The effect may not happen.
    ApprovalRefused {
        #[serde(flatten)]
        at: StepItem,
        approval: String,
        by: Subject,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Payload>,
    },
    /// Nobody decided in time, or the granted effect did not start in time.
    ApprovalExpired {
        #[serde(flatten)]
        at: StepItem,
        approval: String,
    },
    /// No new effect starts.
    GoalPaused { by: Subject },
    /// Effects start again.
    GoalResumed { by: Subject },
    /// The goal is to be undone. `emergency`: by an emergency control.
    CancelRequested {
        by: Subject,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        emergency: bool,
    },
    /// Everything done was undone because somebody asked; the last event.
    GoalCancelled {},
    /// A person repaired what was in the way of the undo.
    RetryRequested { by: Subject },
    /// From here on the goal undoes what it did.
    UnwindingStarted {
        #[serde(flatten)]
        reason: Reason,
    },
    /// An attempt of a compensation was admitted. `input` is absent where it is the plan's own.
    CompensationStarted {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        generation: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Payload>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ask: bool,
    },
    /// What a step did is made good.
    CompensationSucceeded {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        output: Payload,
    },
    /// An attempt of a compensation did not succeed; without `retry_in_ms` it was the last.
    CompensationFailed {
        #[serde(flatten)]
        at: StepItem,
        attempt: u32,
        #[serde(flatten)]
        failure: Failure,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
    },
    /// Every step is over; the last event.
    GoalCompleted {
        /// What the user is told, a text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<Payload>,
    },
    /// Everything done was undone, or is irreversible; the last event.
    GoalFailed {
        #[serde(flatten)]
        reason: Reason,
    },
    /// Only a person moves the goal on.
    GoalStuck {
        #[serde(flatten)]
        reason: Reason,
    },
}

impl EventKind {
    /// The kind's name on the wire and in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GoalAccepted { .. } => "goal_accepted",
            Self::PlanAdopted { .. } => "plan_adopted",
            Self::StepStarted { .. } => "step_started",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepFailed { .. } => "step_failed",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepInDoubt { .. } => "step_in_doubt",
            Self::StepSettled { .. } => "step_settled",
            Self::ApprovalAsked { .. } => "approval_asked",
            Self::ApprovalGranted { .. } => "approval_granted",
            Self::ApprovalRefused { .. } => "approval_refused",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::GoalPaused { .. } => "goal_paused",
            Self::GoalResumed { .. } => "goal_resumed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::GoalCancelled {} => "goal_cancelled",
            Self::RetryRequested { .. } => "retry_requested",
            Self::UnwindingStarted { .. } => "unwinding_started",
            Self::CompensationStarted { .. } => "compensation_started",
            Self::CompensationSucceeded { .. } => "compensation_succeeded",
            Self::CompensationFailed { .. } => "compensation_failed",
            Self::GoalCompleted { .. } => "goal_completed",
            Self::GoalFailed { .. } => "goal_failed",
            Self::GoalStuck { .. } => "goal_stuck",
        }
    }

    /// Every payload that the event names, in a fixed order.
    pub fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let named: [Option<&mut Payload>; 2] = match self {
            Self::GoalAccepted { acceptance } => [Some(&mut acceptance.request), None],
            Self::PlanAdopted { adoption } => [Some(&mut adoption.plan), None],
            Self::StepStarted { input, .. }
            | Self::ApprovalAsked { input, .. }
            | Self::CompensationStarted { input, .. } => [input.as_mut(), None],
            Self::StepSucceeded { output, .. } | Self::CompensationSucceeded { output, .. } => {
                [Some(output), None]
            }
            Self::StepFailed { failure, .. } | Self::CompensationFailed { failure, .. } => {
                [failure.error.as_mut(), None]
            }
            Self::StepInDoubt { error, .. } => [error.as_mut(), None],
            Self::StepSettled { output, reason, .. } => [output.as_mut(), reason.as_mut()],
            Self::ApprovalGranted { reason, .. } | Self::ApprovalRefused { reason, .. } => {
                [reason.as_mut(), None]
            }
            Self::GoalCompleted { reply } => [reply.as_mut(), None],
            Self::StepSkipped { .. }
            | Self::ApprovalExpired { .. }
            | Self::GoalPaused { .. }
            | Self::GoalResumed { .. }
            | Self::CancelRequested { .. }
            | Self::GoalCancelled {}
            | Self::RetryRequested { .. }
            | Self::UnwindingStarted { .. }
            | Self::GoalFailed { .. }
            | Self::GoalStuck { .. } => [None, None],
        };
        named.into_iter().flatten()
    }
}
