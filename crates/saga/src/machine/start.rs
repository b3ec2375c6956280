//! The start of an attempt: its input, its digest and its key.

use std::sync::Arc;

use domain::digest::Digest;
use domain::effect::Call;
use domain::id::{GoalId, StepId};
use domain::outcome::ToolError;
use domain::plan::resolve::{Scope, is_literal, resolve};
use domain::tool::{
    ATTEMPTS_DEFAULT, COMPENSATION_ATTEMPTS_DEFAULT, EffectClass, TIMEOUT_SECONDS_DEFAULT,
    TIMEOUT_SECONDS_MAX, WAIT,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{Phase, Saga, Slot, Work};
use crate::effect::Effect;
use crate::event::{EventKind, FailureClass};
use crate::input::Start;
use crate::moment::{Moment, later};
use crate::payload::Payload;
use crate::step::WorkPhase;

/// Everything that an effect is, in the order of the names: what its digest is made of.
#[derive(Serialize)]
struct ExactEffect<'a> {
    arguments: &'a Value,
    compensation: Option<Value>,
    goal: Option<&'a GoalId>,
    item: usize,
    labels: [String; 0],
    policy_version: Option<&'a str>,
    step: Option<&'a StepId>,
    tool: Option<&'a str>,
}

impl Saga {
    /// Admits an attempt for which there is room.
    pub(super) fn start(&self, start: &Start, now: Moment) -> Vec<EventKind> {
        let Some(slot) = self.slot(&start.at) else {
            return Vec::new();
        };
        let work = Work {
            slot,
            undo: start.undo,
        };
        if !self.may_start(work, now) {
            return Vec::new();
        }
        if self.phase == Phase::Running && self.deadline_passed(now) {
            return self.tick(now);
        }
        self.begin_attempt(work, now).into_iter().collect()
    }

    fn may_start(&self, work: Work, now: Moment) -> bool {
        if !self.may_act() {
            return false;
        }
        match self.phase_of(work) {
            Some(WorkPhase::Backoff(until)) => until <= self.clock(now) && self.has_way(work),
            Some(WorkPhase::Idle) if work.undo => self.next_undo() == Some(work.slot),
            Some(WorkPhase::Idle) => self.is_ready(work.slot),
            _ => false,
        }
    }

    fn is_ready(&self, slot: Slot) -> bool {
        let tool = self.tool_name(Work { slot, undo: false });
        tool.and_then(|tool| self.ready.get(tool))
            .is_some_and(|slots| slots.contains(&slot))
    }

    fn begin_attempt(&self, work: Work, now: Moment) -> Option<EventKind> {
        let at = self.step_item(work.slot)?;
        let item = self.item(work.slot)?;
        let state = item.work(work.undo);
        let attempt = state.attempt + 1;
        let asked = item.approval.as_ref();
        if !work.undo && attempt == 1 && asked.is_some_and(|asked| asked.expires <= self.clock(now))
        {
            return self.expired(work.slot);
        }
        if !state.unknown.is_empty() && self.safe_until(work).is_some_and(|until| now.at >= until) {
            let code = "effect.window_over".to_owned();
            let error = self
                .failure_of(
                    FailureClass::Unknown,
                    ToolError::new(&code, "a repeat is no longer safe"),
                )
                .error;
            return Some(EventKind::StepInDoubt {
                at,
                undo: work.undo,
                attempt: state.attempt,
                code,
                error,
            });
        }
        let (input, payload) = match state.input.clone() {
            Some(input) => (input, None),
            None => match self.resolved(work) {
                Ok(resolved) => resolved,
                Err(error) if work.undo => {
                    let failure = self.failure_of(FailureClass::Permanent, error);
                    return Some(EventKind::CompensationFailed {
                        at,
                        attempt,
                        failure,
                        retry_in_ms: None,
                    });
                }
                Err(error) => return Some(self.cannot_start(at, attempt, error)),
            },
        };
        let ask = state.ask;
        if work.undo {
            let generation = state.generation;
            return Some(EventKind::CompensationStarted {
                at,
                attempt,
                generation,
                input: payload,
                ask,
            });
        }
        let wait_ms = match self.wait_ms(work, &input, now) {
            Ok(wait) => wait,
            Err(error) => return Some(self.cannot_start(at, attempt, error)),
        };
        let digest = self.effect_digest(work, &input);
        Some(EventKind::StepStarted {
            at,
            attempt,
            digest,
            input: payload,
            wait_ms,
            ask,
        })
    }

    /// The input of a work with its references resolved, and a payload where it differs from the plan's.
    pub(super) fn resolved(&self, work: Work) -> Result<(Arc<Value>, Option<Payload>), ToolError> {
        let unresolved = |reason: String| ToolError::new("input.unresolved", reason);
        let step = self
            .step(work.slot.place)
            .ok_or_else(|| unresolved("the plan is not there".into()))?;
        let template = match (&step.compensation, work.undo) {
            (Some(compensation), true) => &compensation.input,
            (_, _) => &step.input,
        };
        if is_literal(template) {
            return Ok((Arc::new(template.clone()), None));
        }
        let state = self.steps.get(work.slot.place);
        let fan = state.and_then(|state| state.fan.as_ref());
        let result = self
            .item(work.slot)
            .and_then(|item| item.output.as_ref())
            .and_then(Payload::value);
        let own = step.id.as_str();
        // In a compensation the step's own name means the item that is undone, as `$result` does.
        let outputs = |id: &str| {
            if work.undo && id == own {
                result.map(|value| &**value)
            } else {
                self.output_of(id)
            }
        };
        let scope = Scope {
            parameters: &self.parameters,
            outputs: &outputs,
            result: result.filter(|_| work.undo).map(|value| &**value),
            item: fan.and_then(|items| items.get(work.slot.item)),
        };
        let input = resolve(template, &scope)
            .map_err(|error| unresolved(format!("{}: {}", error.pointer, error.reason)))?;
        let payload = Payload::new(&self.key, input);
        let bytes = payload.bytes().map_or(0, |bytes| bytes.len());
        let most = self
            .acceptance
            .as_ref()
            .map_or(u32::MAX, |goal| goal.limits.input_bytes_max);
        if u32::try_from(bytes).is_ok_and(|bytes| bytes <= most) {
            let value = payload.value().cloned().unwrap_or_default();
            return Ok((value, Some(payload)));
        }
        Err(ToolError::new(
            "input.too_large",
            format!("the resolved input has {bytes} bytes, at most {most}"),
        ))
    }

    /// How long a `wait` step waits; `None` for every other tool.
    fn wait_ms(&self, work: Work, input: &Value, now: Moment) -> Result<Option<u64>, ToolError> {
        if self.tool_name(work) != Some(WAIT) {
            return Ok(None);
        }
        let invalid = || ToolError::new("input.invalid", "wait needs \"seconds\" or \"until\"");
        let wait = match (input.get("seconds"), input.get("until")) {
            (Some(seconds), None) => {
                let seconds = seconds
                    .as_f64()
                    .filter(|seconds| seconds.is_finite())
                    .ok_or_else(invalid)?;
                SignedDuration::try_from_secs_f64(seconds).map_err(|_| invalid())?
            }
            (None, Some(until)) => {
                let until: Timestamp = until
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(invalid)?;
                until.duration_since(now.at)
            }
            (_, _) => return Err(invalid()),
        };
        Ok(Some(u64::try_from(wait.as_millis()).unwrap_or(0)))
    }

    /// The digest of the exact effect: what an approval is bound to (DESIGN §6).
    pub(super) fn effect_digest(&self, work: Work, input: &Value) -> Digest {
        let step = self.step(work.slot.place);
        let exact = ExactEffect {
            arguments: input,
            compensation: step
                .and_then(|step| serde_json::to_value(step.compensation.as_ref()?).ok()),
            goal: self.acceptance.as_ref().map(|goal| &goal.goal),
            item: work.slot.item,
            labels: [],
            policy_version: self.acceptance.as_ref().map(|goal| &*goal.policy_version),
            step: step.map(|step| &step.id),
            tool: self.tool_name(work),
        };
        // Names and values of the plan always have text.
        let exact = serde_json::to_vec(&exact).unwrap_or_default();
        self.key.digest(&[b"effect", &exact])
    }

    /// The idempotency key of a work.
    fn effect_key(&self, work: Work, generation: u32) -> Digest {
        let step = self
            .step(work.slot.place)
            .map(|step| step.id.as_str())
            .unwrap_or_default();
        let item = work.slot.item.to_string();
        let direction: &[u8] = if work.undo { b"undo" } else { b"do" };
        let generation = generation.to_string();
        self.key.digest(&[
            b"key",
            step.as_bytes(),
            item.as_bytes(),
            direction,
            generation.as_bytes(),
        ])
    }

    pub(super) fn effect(&self, work: Work) -> Option<Effect> {
        let acceptance = self.acceptance.as_ref()?;
        let item = self.item(work.slot)?;
        let state = item.work(work.undo);
        let at = self.step_item(work.slot)?;
        let call = Call {
            tenant: acceptance.tenant.clone(),
            goal: acceptance.goal.clone(),
            step: at.step,
            item: at.item,
            tool: self.tool_name(work)?.to_owned(),
            input: state.input.clone()?,
            key: self.effect_key(work, state.generation),
            undoes: work.undo.then(|| {
                self.effect_key(
                    Work {
                        undo: false,
                        ..work
                    },
                    item.forth.generation,
                )
            }),
            class: self.class_of(work).0,
            attempt: state.attempt,
            timeout_seconds: self.timeout_seconds(work),
        };
        Some(Effect {
            call,
            undo: work.undo,
            ask: state.ask,
        })
    }

    fn timeout_seconds(&self, work: Work) -> u32 {
        let step = self.step(work.slot.place);
        let own = if work.undo {
            step.and_then(|step| step.compensation.as_ref())
                .and_then(|undo| undo.timeout_seconds)
        } else {
            step.and_then(|step| step.timeout_seconds)
        };
        let tool = self
            .tool(work)
            .map_or(TIMEOUT_SECONDS_DEFAULT, |tool| tool.timeout_seconds);
        own.unwrap_or(tool).clamp(1, TIMEOUT_SECONDS_MAX)
    }

    pub(super) fn attempts_max(&self, work: Work) -> u32 {
        let step = self.step(work.slot.place);
        if work.undo {
            let own = step
                .and_then(|step| step.compensation.as_ref())
                .and_then(|undo| undo.attempts);
            return own.unwrap_or(COMPENSATION_ATTEMPTS_DEFAULT);
        }
        step.and_then(|step| step.attempts)
            .unwrap_or(ATTEMPTS_DEFAULT)
    }

    /// The effect class of a work's input, and for how many seconds a repeat is safe.
    pub(super) fn class_of(&self, work: Work) -> (EffectClass, Option<u64>) {
        let input = self
            .item(work.slot)
            .and_then(|item| item.work(work.undo).input.clone());
        let class = self
            .tool(work)
            .map(|tool| tool.class_for(input.as_deref().unwrap_or(&Value::Null)));
        class.unwrap_or((EffectClass::AtMostOnce, None))
    }

    /// When repeats stop being safe, by the wall clock.
    pub(super) fn safe_until(&self, work: Work) -> Option<Timestamp> {
        let seconds = self.class_of(work).1?;
        let started = self.item(work.slot)?.work(work.undo).first_started?;
        Some(later(
            started,
            SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
        ))
    }
}
