//! What follows from the state alone, from time, and from a new driver.

use domain::outcome::{Outcome, ToolError};
use domain::plan::resolve::{Scope, resolve};
use serde_json::{Value, json};

use super::{Expiry, Phase, Saga, Slot, Work};
use crate::event::{
    Acceptance, Adoption, AskReason, EventKind, Failure, FailureClass, Reason, StepItem,
};
use crate::moment::Moment;
use crate::payload::Payload;
use crate::step::{Due, WorkPhase};

/// The code of an attempt that was cut off by the end of its driver; it does not count against the attempts.
pub(super) const INTERRUPTED: &str = "effect.interrupted";

impl Saga {
    pub(super) fn accept(&self, acceptance: &Acceptance) -> Vec<EventKind> {
        match self.phase {
            Phase::New => vec![EventKind::GoalAccepted {
                acceptance: Box::new(acceptance.clone()),
            }],
            Phase::Accepted
            | Phase::Running
            | Phase::Unwinding
            | Phase::Stuck
            | Phase::Ended(_) => Vec::new(),
        }
    }

    pub(super) fn adopt(&self, adoption: &Adoption) -> Vec<EventKind> {
        match self.phase {
            Phase::Accepted => vec![EventKind::PlanAdopted {
                adoption: Box::new(adoption.clone()),
            }],
            Phase::New | Phase::Running | Phase::Unwinding | Phase::Stuck | Phase::Ended(_) => {
                Vec::new()
            }
        }
    }

    /// The next event that follows from the state alone.
    pub(super) fn consequence(&self) -> Vec<EventKind> {
        let next = match self.phase {
            // Without its plan nobody can say what the goal did: it stays open.
            Phase::Running | Phase::Unwinding if self.unreadable => None,
            Phase::New | Phase::Stuck => None,
            Phase::Ended(_) | Phase::Running | Phase::Unwinding if self.contradiction => {
                Some(EventKind::GoalStuck {
                    reason: Reason {
                        code: "outcome.contradicts".into(),
                        step: None,
                    },
                })
            }
            Phase::Accepted if self.cancelled => self.unwinding(),
            Phase::Accepted | Phase::Ended(_) => None,
            Phase::Running if self.times.paused.is_some() => None,
            Phase::Running if self.failure.is_some() => self.unwinding(),
            Phase::Running => match self.due.first() {
                Some(slot) => self.owed(*slot),
                None if self.open_steps == 0 && self.in_flight.is_empty() => Some(self.completed()),
                None => None,
            },
            Phase::Unwinding => self.unwound(),
        };
        next.into_iter().collect()
    }

    fn unwinding(&self) -> Option<EventKind> {
        self.failure
            .clone()
            .map(|reason| EventKind::UnwindingStarted { reason })
    }

    /// The end of the unwinding, once nothing is left that can be undone now.
    fn unwound(&self) -> Option<EventKind> {
        if !self.at_rest() || !self.doubts.is_empty() || self.unwind.next().is_some() {
            return None;
        }
        if let Some(slot) = self.unwind.failed.first() {
            let step = self.step(slot.place).map(|step| step.id.clone());
            return Some(EventKind::GoalStuck {
                reason: Reason {
                    code: "compensation.failed".into(),
                    step,
                },
            });
        }
        if self.cancelled {
            return Some(EventKind::GoalCancelled {});
        }
        let reason = self.failure.clone().unwrap_or(Reason {
            code: "step.failed".into(),
            step: None,
        });
        Some(EventKind::GoalFailed { reason })
    }

    /// The event that a use of a step must have before it can start.
    fn owed(&self, slot: Slot) -> Option<EventKind> {
        let at = self.step_item(slot)?;
        match self.steps.get(slot.place)?.due.clone() {
            Some(Due::Skip(reason)) => Some(EventKind::StepSkipped { at, reason }),
            Some(Due::Empty) => {
                let output = Payload::new(&self.key, json!({ "items": [] }));
                Some(EventKind::StepSucceeded {
                    at,
                    attempt: 0,
                    output,
                })
            }
            Some(Due::Fail { code, message }) => {
                Some(self.cannot_start(at, 0, ToolError::new(code, message)))
            }
            None => Some(self.ask(slot, at)),
        }
    }

    /// A failure before any effect.
    pub(super) fn cannot_start(&self, at: StepItem, attempt: u32, error: ToolError) -> EventKind {
        let failure = self.failure_of(FailureClass::Permanent, error);
        EventKind::StepFailed {
            at,
            attempt,
            failure,
            retry_in_ms: None,
        }
    }

    pub(super) fn failure_of(&self, kind: FailureClass, error: ToolError) -> Failure {
        let payload = Payload::new(
            &self.key,
            json!({ "code": error.code, "message": error.message }),
        );
        Failure {
            kind,
            code: error.code,
            error: Some(payload),
        }
    }

    fn ask(&self, slot: Slot, at: StepItem) -> EventKind {
        let work = Work { slot, undo: false };
        let (input, payload) = match self.resolved(work) {
            Ok(resolved) => resolved,
            Err(error) => return self.cannot_start(at, 0, error),
        };
        let item = slot.item.to_string();
        let id = self
            .key
            .digest(&[b"approval", at.step.as_str().as_bytes(), item.as_bytes()])
            .to_string();
        let digest = self.effect_digest(work, &input);
        let asks_itself = self.step(slot.place).is_some_and(|step| step.approval);
        EventKind::ApprovalAsked {
            at,
            approval: format!("apr-{}", id.get(..32).unwrap_or(&id)),
            digest,
            input: payload,
            reason: if asks_itself {
                AskReason::Step
            } else {
                AskReason::Lane
            },
            expires_in_seconds: self
                .acceptance
                .as_ref()
                .map_or(0, |goal| goal.limits.approval_seconds),
        }
    }

    fn completed(&self) -> EventKind {
        let outputs = |id: &str| self.output_of(id);
        let scope = Scope {
            parameters: &self.parameters,
            outputs: &outputs,
            result: None,
            item: None,
        };
        let written = self
            .adopted
            .as_ref()
            .and_then(|adopted| adopted.reply.as_ref());
        let written =
            written
                .and_then(|reply| resolve(reply, &scope).ok())
                .map(|reply| match reply {
                    Value::String(_) => reply,
                    other => Value::String(other.to_string()),
                });
        let reply = written.map(Into::into).or_else(|| self.reply.clone());
        EventKind::GoalCompleted {
            reply: reply.map(|reply| Payload::new(&self.key, reply)),
        }
    }

    /// What the passing of time brings.
    pub(super) fn tick(&self, now: Moment) -> Vec<EventKind> {
        if self.times.paused.is_some() || !matches!(self.phase, Phase::Accepted | Phase::Running) {
            return Vec::new();
        }
        let clock = self.clock(now);
        let timers = self
            .timers
            .iter()
            .take_while(|(time, _)| *time <= clock)
            .filter_map(|(_, slot)| {
                Some(EventKind::StepSucceeded {
                    at: self.step_item(*slot)?,
                    attempt: self.item(*slot)?.forth.attempt,
                    output: Payload::new(&self.key, json!({})),
                })
            });
        let expired = self
            .expiries
            .iter()
            .take_while(|(time, _)| *time <= clock)
            .filter_map(|(_, expiry)| match expiry {
                Expiry::Approval(slot) => self.expired(*slot),
                Expiry::Goal => None,
            });
        let mut events: Vec<EventKind> = timers.chain(expired).collect();
        if self.deadline_passed(now) {
            let deadline = Reason {
                code: "goal.deadline".into(),
                step: None,
            };
            let reason = self.failure.clone().unwrap_or(deadline);
            events.push(EventKind::UnwindingStarted { reason });
        }
        events
    }

    pub(super) fn deadline_passed(&self, now: Moment) -> bool {
        let clock = self.clock(now);
        self.expiries
            .iter()
            .take_while(|(time, _)| *time <= clock)
            .any(|(_, expiry)| *expiry == Expiry::Goal)
    }

    pub(super) fn expired(&self, slot: Slot) -> Option<EventKind> {
        let approval = self.item(slot)?.approval.as_ref()?.id.clone();
        Some(EventKind::ApprovalExpired {
            at: self.step_item(slot)?,
            approval,
        })
    }

    /// What a new driver finds: attempts that nobody carries out any more.
    pub(super) fn recover(&self, jitter: u32, now: Moment) -> Vec<EventKind> {
        self.in_flight
            .iter()
            .filter_map(|work| {
                let attempt = self.item(work.slot)?.work(work.undo).attempt;
                let error = ToolError::new(
                    INTERRUPTED,
                    "the process that carried it out ended before its outcome was known",
                );
                self.ruled(*work, attempt, Outcome::Unknown { error }, (jitter, now))
            })
            .collect()
    }

    /// Whether an unknown outcome is followed by a question to the tool rather than a repeat.
    pub(super) fn asks_after_unknown(&self, work: Work) -> bool {
        self.class_of(work).0 == domain::tool::EffectClass::Reconcilable
    }

    pub(super) fn phase_of(&self, work: Work) -> Option<WorkPhase> {
        self.item(work.slot).map(|item| item.work(work.undo).phase)
    }
}
