//! What an outcome brings, in time or late.

use domain::goal::StepStatus;
use domain::outcome::{Answer, FailureKind, Outcome, Proof, ToolError};

use super::{Phase, Saga, Work};
use crate::event::{EventKind, Failure, FailureClass, Settlement, Settler, StepItem};
use crate::input::Ended;
use crate::moment::Moment;
use crate::payload::Payload;
use crate::retry::{Known, Ruling, rule};
use crate::step::WorkPhase;

impl Saga {
    pub(super) fn outcome(&self, ended: &Ended<Outcome>, now: Moment) -> Vec<EventKind> {
        let Some(slot) = self.slot(&ended.at) else {
            return Vec::new();
        };
        let work = Work {
            slot,
            undo: ended.undo,
        };
        let Some(state) = self.item(slot).map(|item| item.work(ended.undo)) else {
            return Vec::new();
        };
        let event = if state.phase == WorkPhase::InFlight && state.attempt == ended.attempt {
            self.ruled(
                work,
                ended.attempt,
                ended.result.clone(),
                (ended.jitter, now),
            )
        } else {
            self.late(work, ended.at.clone(), ended)
        };
        event.into_iter().collect()
    }

    /// What a reconcilable tool said about an earlier attempt.
    pub(super) fn answer(&self, ended: &Ended<Answer>, now: Moment) -> Vec<EventKind> {
        let result = match ended.result.clone() {
            Answer::Happened { output } => Outcome::Succeeded { output },
            Answer::DidNotHappen => Outcome::Failed {
                kind: FailureKind::Transient,
                proof: Proof::Key,
                error: ToolError::new(
                    "effect.did_not_happen",
                    "the tool says that it did not happen",
                ),
            },
            Answer::Unknown { error } => Outcome::Unknown { error },
        };
        let Ended {
            at,
            undo,
            attempt,
            jitter,
            ..
        } = ended.clone();
        self.outcome(
            &Ended {
                at,
                undo,
                attempt,
                result,
                jitter,
            },
            now,
        )
    }

    /// The event for the outcome of the attempt in flight.
    pub(super) fn ruled(
        &self,
        work: Work,
        attempt: u32,
        outcome: Outcome,
        (jitter, now): (u32, Moment),
    ) -> Option<EventKind> {
        let item = self.item(work.slot)?;
        let state = item.work(work.undo);
        let outcome = match outcome {
            // The question was not put; that says nothing of what it asks about.
            Outcome::Failed {
                kind: FailureKind::Transient,
                proof: Proof::Attempt,
                error,
            } if state.ask => Outcome::Unknown { error },
            outcome => outcome,
        };
        let interrupted = matches!(&outcome, Outcome::Unknown { error } if error.code == super::decide::INTERRUPTED);
        let known = Known {
            class: self.class_of(work).0,
            safe_until: self.safe_until(work),
            // An interruption is nobody's failure: it never uses up the attempts.
            attempts: if interrupted {
                0
            } else {
                attempt.saturating_sub(state.forgiven)
            },
            attempts_max: self.attempts_max(work),
            doubtful: !state.unknown.is_empty(),
            unwanted: if work.undo {
                // What it undoes turned out not to have happened.
                item.order.is_none()
            } else {
                self.phase != Phase::Running || self.failure.is_some()
            },
            jitter: if interrupted { 0 } else { jitter },
            now: now.at,
        };
        let at = self.step_item(work.slot)?;
        Some(match rule(&known, outcome) {
            Ruling::Success(output) if work.undo => EventKind::CompensationSucceeded {
                at,
                attempt,
                output: Payload::new(&self.key, output),
            },
            Ruling::Success(output) => EventKind::StepSucceeded {
                at,
                attempt,
                output: Payload::new(&self.key, output),
            },
            Ruling::Again(kind, error, wait) => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(0);
                let failure = self.failure_of(kind, error);
                failed(work, at, attempt, (failure, Some(wait)))
            }
            Ruling::Failure(kind, error) => {
                failed(work, at, attempt, (self.failure_of(kind, error), None))
            }
            Ruling::Doubt(error) => {
                let code = error.code.clone();
                let error = self.failure_of(FailureClass::Unknown, error).error;
                EventKind::StepInDoubt {
                    at,
                    undo: work.undo,
                    attempt,
                    code,
                    error,
                }
            }
        })
    }

    /// An outcome of an attempt that is no longer in flight: it settles a doubt, adds what nobody expected, or agrees.
    fn late(&self, work: Work, at: StepItem, ended: &Ended<Outcome>) -> Option<EventKind> {
        let item = self.item(work.slot)?;
        let state = item.work(work.undo);
        if ended.attempt == 0 || ended.attempt > state.attempt {
            return None;
        }
        let happened = match &ended.result {
            Outcome::Succeeded { .. } => true,
            Outcome::Failed { proof, .. } => {
                // A proof reaches no attempt that was admitted after the one that gave it.
                let covers = match proof {
                    Proof::Key => state
                        .unknown
                        .iter()
                        .all(|unknown| *unknown <= ended.attempt),
                    Proof::Attempt => state.unknown.as_slice() == [ended.attempt],
                };
                if !covers {
                    return None;
                }
                false
            }
            Outcome::Unknown { .. } => return None,
        };
        let output = match &ended.result {
            Outcome::Succeeded { output } => Some(Payload::new(&self.key, output.clone())),
            Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
        };
        let contradicts = match self.belief(work)? {
            Belief::Open if happened => return self.late_success(work, at, ended.attempt, output),
            Belief::Open => return None,
            Belief::Doubted => false,
            Belief::Happened if happened => return None,
            Belief::DidNotHappen if !happened => return None,
            Belief::Happened => state.settled.is_some(),
            Belief::DidNotHappen => {
                state.settled.is_some() || matches!(self.phase, Phase::Ended(_))
            }
        };
        // An outcome that says nothing new about an unsettled success is a repeat of an older attempt.
        if !happened && !contradicts && !item.in_doubt(work.undo) {
            return None;
        }
        let result = if happened {
            Settlement::Happened
        } else {
            Settlement::DidNotHappen
        };
        let by = Settler::LateOutcome;
        Some(EventKind::StepSettled {
            at,
            undo: work.undo,
            result,
            by,
            output,
            reason: None,
            contradicts,
        })
    }

    /// An earlier attempt turns out to have happened while a later one is under way.
    fn late_success(
        &self,
        work: Work,
        at: StepItem,
        attempt: u32,
        output: Option<Payload>,
    ) -> Option<EventKind> {
        let output = output?;
        if work.undo {
            return Some(EventKind::CompensationSucceeded {
                at,
                attempt,
                output,
            });
        }
        Some(EventKind::StepSucceeded {
            at,
            attempt,
            output,
        })
    }

    /// What the journal holds to be true of a work.
    fn belief(&self, work: Work) -> Option<Belief> {
        let item = self.item(work.slot)?;
        let state = item.work(work.undo);
        Some(match state.phase {
            WorkPhase::Doubt { .. } => Belief::Doubted,
            WorkPhase::InFlight | WorkPhase::Backoff(_) => Belief::Open,
            WorkPhase::Idle if work.undo => Belief::Open,
            WorkPhase::Idle | WorkPhase::Timer(_) => return None,
            // Made good by other means: the compensation itself did not happen.
            WorkPhase::Over if work.undo && state.settled == Some(Settlement::Undone) => {
                Belief::DidNotHappen
            }
            WorkPhase::Over if work.undo && item.status == StepStatus::Compensated => {
                Belief::Happened
            }
            WorkPhase::Over if work.undo => Belief::DidNotHappen,
            WorkPhase::Over => match item.status {
                StepStatus::Failed | StepStatus::Cancelled | StepStatus::Skipped => {
                    Belief::DidNotHappen
                }
                StepStatus::Waiting
                | StepStatus::Running
                | StepStatus::Succeeded
                | StepStatus::InDoubt
                | StepStatus::Compensated
                | StepStatus::CompensationFailed => Belief::Happened,
            },
        })
    }
}

/// The failure of an attempt; without a wait it was the last.
fn failed(
    work: Work,
    at: StepItem,
    attempt: u32,
    (failure, retry_in_ms): (Failure, Option<u64>),
) -> EventKind {
    if work.undo {
        return EventKind::CompensationFailed {
            at,
            attempt,
            failure,
            retry_in_ms,
        };
    }
    EventKind::StepFailed {
        at,
        attempt,
        failure,
        retry_in_ms,
    }
}

/// What the journal holds to be true of an effect.
enum Belief {
    /// It is under way.
    Open,
    /// Nobody knows.
    Doubted,
    /// It happened.
    Happened,
    /// It did not happen.
    DidNotHappen,
}
