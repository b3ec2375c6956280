//! What people may want of a goal, and when it is refused.

use domain::approval::{ApprovalStatus, Decision};
use domain::goal::StepStatus;
use domain::tool::EffectClass;
use serde_json::{Value, json};

use super::{Phase, Saga, Slot, Work};
use crate::event::{EventKind, Settlement, Settler, StepItem};
use crate::input::{Person, Refusal, Wish};
use crate::payload::Payload;

impl Saga {
    /// Why a wish is not granted now; `None`: it is. The only judge of wishes.
    pub fn refusal(&self, wish: &Wish) -> Option<Refusal> {
        match wish {
            Wish::PauseGoal | Wish::ResumeGoal | Wish::CancelGoal { .. } => match self.phase {
                Phase::New | Phase::Ended(_) => Some(Refusal::Ended),
                Phase::Unwinding => Some(Refusal::Unwinding),
                Phase::Stuck => Some(Refusal::Stuck),
                Phase::Accepted | Phase::Running if self.cancelled => Some(Refusal::Unwinding),
                Phase::Accepted | Phase::Running => None,
            },
            Wish::RetryGoal => match self.phase {
                Phase::Stuck => None,
                Phase::Ended(_) => Some(Refusal::Ended),
                Phase::New | Phase::Accepted | Phase::Running | Phase::Unwinding => {
                    Some(Refusal::NotStuck)
                }
            },
            Wish::Decide {
                approval, digest, ..
            } => {
                let asked = self
                    .approvals
                    .get(approval)
                    .and_then(|slot| self.item(*slot)?.approval.as_ref());
                match asked {
                    None => Some(Refusal::ApprovalClosed),
                    Some(asked) => match asked.status {
                        ApprovalStatus::Granted | ApprovalStatus::Refused => {
                            Some(Refusal::ApprovalDecided)
                        }
                        ApprovalStatus::Expired | ApprovalStatus::Closed => {
                            Some(Refusal::ApprovalClosed)
                        }
                        ApprovalStatus::Pending
                            if self.phase != Phase::Running || self.failure.is_some() =>
                        {
                            Some(Refusal::ApprovalClosed)
                        }
                        ApprovalStatus::Pending if asked.digest != *digest => {
                            Some(Refusal::WrongDigest)
                        }
                        ApprovalStatus::Pending => None,
                    },
                }
            }
            Wish::Settle { at, result, .. } => self.settle_refusal(at, *result),
        }
    }

    fn settle_refusal(&self, at: &StepItem, result: Settlement) -> Option<Refusal> {
        let Some(work) = self.unsettled(at) else {
            return Some(Refusal::NotInDoubt);
        };
        let doubted = self
            .item(work.slot)
            .is_some_and(|item| item.in_doubt(work.undo));
        let unknown = self
            .item(work.slot)
            .is_some_and(|item| !item.work(work.undo).unknown.is_empty());
        let never_happened = self
            .item(work.slot)
            .is_some_and(|item| item.order.is_none());
        match result {
            Settlement::TryAgain if unknown && self.class_of(work).0 == EffectClass::AtMostOnce => {
                Some(Refusal::RepeatUnsafe)
            }
            // The undo of what did not happen is not wanted.
            Settlement::TryAgain if work.undo && never_happened => Some(Refusal::ResultDoesNotFit),
            Settlement::TryAgain | Settlement::Undone => None,
            Settlement::Happened | Settlement::DidNotHappen if doubted => None,
            Settlement::Happened | Settlement::DidNotHappen => Some(Refusal::ResultDoesNotFit),
        }
    }

    /// What can be settled there: a doubt, or a compensation that failed for good.
    fn unsettled(&self, at: &StepItem) -> Option<Work> {
        let slot = self.slot(at)?;
        let item = self.item(slot)?;
        let undo = item.in_doubt(true) || item.status == StepStatus::CompensationFailed;
        (undo || item.in_doubt(false)).then_some(Work { slot, undo })
    }

    pub(super) fn wish(&self, person: &Person) -> Vec<EventKind> {
        if self.refusal(&person.wish).is_some() {
            return Vec::new();
        }
        let by = person.by.clone();
        match &person.wish {
            Wish::PauseGoal if self.times.paused.is_none() => vec![EventKind::GoalPaused { by }],
            Wish::ResumeGoal if self.times.paused.is_some() => vec![EventKind::GoalResumed { by }],
            Wish::PauseGoal | Wish::ResumeGoal => Vec::new(),
            Wish::CancelGoal { emergency } => vec![EventKind::CancelRequested {
                by,
                emergency: *emergency,
            }],
            Wish::RetryGoal => vec![EventKind::RetryRequested { by }],
            Wish::Decide {
                approval,
                decision,
                reason,
                ..
            } => {
                let Some(at) = self
                    .approvals
                    .get(approval)
                    .and_then(|slot: &Slot| self.step_item(*slot))
                else {
                    return Vec::new();
                };
                let (approval, reason) = (approval.clone(), self.words(reason.as_deref()));
                vec![match decision {
                    Decision::Grant => EventKind::ApprovalGranted {
                        at,
                        approval,
                        by,
                        reason,
                    },
                    Decision::Refuse => EventKind::ApprovalRefused {
                        at,
                        approval,
                        by,
                        reason,
                    },
                }]
            }
            Wish::Settle {
                at,
                result,
                output,
                reason,
            } => {
                let Some(work) = self.unsettled(at) else {
                    return Vec::new();
                };
                let output = output
                    .clone()
                    .or_else(|| (*result == Settlement::Happened).then(|| json!({})));
                let output = output
                    .filter(|_| !work.undo)
                    .map(|output| Payload::new(&self.key, output));
                let (undo, result, by) = (work.undo, *result, Settler::Person(by));
                let (at, reason) = (at.clone(), self.words(reason.as_deref()));
                vec![EventKind::StepSettled {
                    at,
                    undo,
                    result,
                    by,
                    output,
                    reason,
                    contradicts: false,
                }]
            }
        }
    }

    fn words(&self, words: Option<&str>) -> Option<Payload> {
        words.map(|words| Payload::new(&self.key, Value::String(words.to_owned())))
    }
}
