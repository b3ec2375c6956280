//! Inputs: what can be told to a goal.

use domain::approval::Decision;
use domain::digest::Digest;
use domain::id::Subject;
use domain::outcome::{Answer, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Acceptance, Adoption, Settlement, StepItem};

/// Something told to a goal.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Accept the goal; the first input of its life.
    Accept(Box<Acceptance>),
    /// Follow this plan, which was checked.
    AdoptPlan(Box<Adoption>),
    /// Nothing new: say what follows from the state.
    Continue,
    /// There is room for one of the attempts that [`crate::Saga::ready`] named: admit it.
    Start(Start),
    /// An attempt ended.
    Outcome(Ended<Outcome>),
    /// A tool was asked about an earlier attempt.
    Answer(Ended<Answer>),
    /// The driver is new: nobody carries out what was admitted before.
    Recover {
        /// Uniformly random, for backoff.
        jitter: u32,
    },
    /// Time has passed.
    Tick,
    /// A person, or an emergency control, wants something.
    Person(Person),
}

/// An attempt that may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Which use of which step.
    pub at: StepItem,
    /// Whether it undoes the step.
    pub undo: bool,
    /// The tool, for whoever gives out room.
    pub tool: String,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended<T> {
    /// Which use of which step.
    pub at: StepItem,
    /// Whether it undid the step.
    pub undo: bool,
    /// The attempt.
    pub attempt: u32,
    /// What came of it.
    pub result: T,
    /// Uniformly random, for backoff.
    pub jitter: u32,
}

/// What a person wants of a goal: the inputs that go through its inbox, in the form the inbox keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub by: Subject,
    /// What.
    pub wish: Wish,
}

/// What can be wanted of a goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Wish {
    /// Start no new effect.
    PauseGoal,
    /// Go on.
    ResumeGoal,
    /// Undo everything and end.
    CancelGoal {
        /// Asked by an emergency control.
        #[serde(default)]
        emergency: bool,
    },
    /// Try the undo again after a repair.
    RetryGoal,
    /// Decide an approval.
    Decide {
        /// The approval.
        approval: String,
        /// The effect that was looked at.
        digest: Digest,
        /// The answer.
        decision: Decision,
        /// Why, in words.
        reason: Option<String>,
    },
    /// End a doubt or a stuck undo.
    Settle {
        /// Which use of which step.
        at: StepItem,
        /// How it ends.
        result: Settlement,
        /// What the effect answered, where the person knows.
        output: Option<Value>,
        /// Why, in words.
        reason: Option<String>,
    },
}

/// Why a wish is not granted; the goal is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The goal has ended, or not begun.
    #[error("the goal has ended")]
    Ended,
    /// The goal unwinds, which can be held but not paused or cancelled.
    #[error(
        "the goal unwinds; that can be held by an emergency control but not paused or cancelled"
    )]
    Unwinding,
    /// The goal is stuck: it wants a repair and a retry.
    #[error("the goal is stuck; repair what is in its way, then retry or settle")]
    Stuck,
    /// Only a stuck goal can be retried.
    #[error("the goal is not stuck")]
    NotStuck,
    /// The approval is not open.
    #[error("the approval is not open")]
    ApprovalClosed,
    /// The approval was decided before.
    #[error("the approval was decided before")]
    ApprovalDecided,
    /// The digest is not that of the effect that is asked about.
    #[error("the digest is not that of the effect that is asked about")]
    WrongDigest,
    /// Nothing is in doubt or stuck there.
    #[error("nothing is in doubt there")]
    NotInDoubt,
    /// That result does not fit what is in doubt.
    #[error("that result does not fit what is in doubt there")]
    ResultDoesNotFit,
    /// A repeat of this effect is not safe.
    #[error("a repeat of this effect is not safe")]
    RepeatUnsafe,
}
