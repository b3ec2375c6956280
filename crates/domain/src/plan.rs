//! Plans: the typed graph of steps, as the document that callers write and journals keep (DESIGN §6, CONTRACT §2).
//!
//! `parse` reads a document, `check` tells whether it can work, `graph` says what needs what, `reference` and `resolve`
//! make values of references.

pub mod check;
pub mod condition;
#[cfg(test)]
pub(crate) mod documents;
pub mod graph;
pub mod parse;
pub mod reference;
pub mod resolve;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::StepId;

/// The plan format written today.
pub const PLAN_VERSION: u32 = 1;

/// A plan document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format's version.
    #[serde(default = "version")]
    pub version: u32,
    /// The steps, in the order written; their needs decide the order of work.
    pub steps: Vec<Step>,
}

/// One use of one tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's name within the plan.
    pub id: StepId,
    /// The tool it uses.
    pub tool: String,
    /// The tool's input, with references.
    #[serde(default = "empty_object")]
    pub input: Value,
    /// Steps that must be over first, beside those it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<StepId>,
    /// Where it does not hold, the step is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Runs the step once for each item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// What makes good what the step did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Compensation>,
    /// Ask a person even where the lane would not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// Tries, the first included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Seconds one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// The tool call that makes good what a step did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compensation {
    /// The tool it uses.
    pub tool: String,
    /// The tool's input; `$result` refers to the output of the step it undoes.
    #[serde(default = "empty_object")]
    pub input: Value,
    /// Tries, the first included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Seconds one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// A comparison over references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A reference.
    pub left: Value,
    /// How they are compared.
    pub op: Op,
    /// A value or reference; absent for `exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Value>,
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Left is an element of right.
    In,
    /// Left refers to something that is there and not null.
    Exists,
}

/// A bounded fan-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// A reference to an array.
    pub items: Value,
    /// Most items; more fail the step before its first effect.
    pub max: u32,
}

fn version() -> u32 {
    PLAN_VERSION
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}
