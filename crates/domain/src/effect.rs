//! Effects: what the world owes a goal, as the call that a tool gets.

use std::sync::Arc;

use serde_json::Value;

use crate::digest::Digest;
use crate::id::{GoalId, StepId, TenantId};
use crate::tool::EffectClass;

/// One attempt of one effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Whose goal it is.
    pub tenant: TenantId,
    /// The goal.
    pub goal: GoalId,
    /// The step.
    pub step: StepId,
    /// The item of a `for_each` step, from 0; `None`: the step has one effect.
    pub item: Option<u32>,
    /// The tool to use.
    pub tool: String,
    /// Its resolved input; `$secret` references still stand in it.
    pub input: Arc<Value>,
    /// The effect's idempotency key, the same for every attempt.
    pub key: Digest,
    /// In a compensation: the key of the effect that it undoes.
    pub undoes: Option<Digest>,
    /// What may be assumed about a repeat.
    pub class: EffectClass,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Seconds it may take.
    pub timeout_seconds: u32,
}
