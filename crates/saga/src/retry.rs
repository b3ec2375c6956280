//! What an outcome means for the work it belongs to: success, another attempt, failure or doubt (DESIGN §6).

use domain::outcome::{FailureKind, Outcome, Proof, ToolError};
use domain::tool::EffectClass;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::event::FailureClass;
use crate::moment::later;

/// The wait before the second attempt, before jitter (CONTRACT §2).
const BACKOFF_FIRST: SignedDuration = SignedDuration::from_secs(1);
/// The longest wait between attempts, before jitter (CONTRACT §2).
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(10);

/// What is known of the work when an outcome comes in.
pub(crate) struct Known {
    /// What a repeat may do.
    pub(crate) class: EffectClass,
    /// When repeats of an idempotent effect stop being safe, by the wall clock; `None`: never.
    pub(crate) safe_until: Option<Timestamp>,
    /// Attempts made since the limit last began to count, this one included.
    pub(crate) attempts: u32,
    /// How many there may be.
    pub(crate) attempts_max: u32,
    /// Whether an earlier attempt may have happened.
    pub(crate) doubtful: bool,
    /// Whether the effect is no longer wanted: a proven failure is then not tried again.
    pub(crate) unwanted: bool,
    /// Uniformly random, for backoff.
    pub(crate) jitter: u32,
    /// Now, by the wall clock.
    pub(crate) now: Timestamp,
}

/// What follows from an outcome.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ruling {
    /// It happened.
    Success(Value),
    /// Try (or, for a reconcilable effect, ask) again after a while.
    Again(FailureClass, ToolError, SignedDuration),
    /// It did not happen and will not be tried again.
    Failure(FailureClass, ToolError),
    /// Nobody can know whether it happened.
    Doubt(ToolError),
}

/// The ruling on an outcome.
pub(crate) fn rule(known: &Known, outcome: Outcome) -> Ruling {
    let wait = backoff(known.attempts, known.jitter);
    let attempts_left = known.attempts < known.attempts_max;
    match outcome {
        Outcome::Succeeded { output } => Ruling::Success(output),
        Outcome::Failed { kind, proof, error } => {
            let proven = proof == Proof::Key || !known.doubtful || known.class == EffectClass::Read;
            let class = match kind {
                FailureKind::Transient => FailureClass::Transient,
                FailureKind::Permanent => FailureClass::Permanent,
            };
            let wanted = !(known.unwanted && proven);
            if kind == FailureKind::Transient
                && attempts_left
                && wanted
                && known.repeat_is_safe(proven, wait)
            {
                Ruling::Again(class, error, wait)
            } else if proven {
                Ruling::Failure(class, error)
            } else {
                Ruling::Doubt(error)
            }
        }
        Outcome::Unknown { error } => match known.class {
            EffectClass::Read if attempts_left && !known.unwanted => {
                Ruling::Again(FailureClass::Unknown, error, wait)
            }
            // A read changes nothing, so there is nothing to doubt.
            EffectClass::Read => Ruling::Failure(FailureClass::Unknown, error),
            EffectClass::Idempotent | EffectClass::Reconcilable
                if attempts_left && known.repeat_is_safe(false, wait) =>
            {
                Ruling::Again(FailureClass::Unknown, error, wait)
            }
            EffectClass::Idempotent | EffectClass::Reconcilable | EffectClass::AtMostOnce => {
                Ruling::Doubt(error)
            }
        },
    }
}

impl Known {
    /// Whether another attempt after `wait` can do no harm.
    fn repeat_is_safe(&self, proven: bool, wait: SignedDuration) -> bool {
        proven
            || self
                .safe_until
                .is_none_or(|until| later(self.now, wait) < until)
    }
}

/// Exponential backoff with full jitter: uniform between nothing and the capped exponential.
pub(crate) fn backoff(attempts: u32, jitter: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(16);
    let ceiling = BACKOFF_FIRST
        .saturating_mul(1 << doublings)
        .min(BACKOFF_MAX);
    let ceiling_ms = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    let millis = (ceiling_ms * u64::from(jitter)) >> 32;
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
