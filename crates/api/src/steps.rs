//! Steps on the wire: how a goal shows them, and the body that settles one.

use domain::goal::StepStatus;
use domain::tool::Lane;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::schema;

/// A step as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its name in the plan.
    pub id: String,
    /// The tool that it uses.
    pub tool: String,
    /// The tool's lane.
    #[schema(schema_with = schema::lane_or_null)]
    pub lane: Option<Lane>,
    /// Where it stands and what came of it.
    #[serde(flatten)]
    pub work: Work,
    /// One sentence for people.
    pub summary: String,
    /// The items of a fan-out, in order; absent where the step has one effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemView>,
}

/// One item of a fan-out as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemView {
    /// Its place, from 0.
    pub item: u32,
    /// Where it stands and what came of it.
    #[serde(flatten)]
    pub work: Work,
}

/// Where a piece of work stands and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Work {
    /// Where it stands.
    #[schema(schema_with = schema::step_status)]
    pub state: StepStatus,
    /// Tries so far.
    pub attempts: u32,
    /// The resolved input; null: not known yet, or erased.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Value>,
    /// What the tool answered.
    #[schema(value_type = Option<Object>)]
    pub output: Option<Value>,
    /// Why it failed, or what is known of a doubt.
    pub error: Option<StepError>,
    /// When its first attempt was admitted.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Since when it, or its undo, is in doubt; absent: neither is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Its undo; absent until that is begun. While it is there, `since` and `error` are the undo's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// The undo of a piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Undo {
    /// The tool that undoes it.
    pub tool: String,
    /// Tries so far.
    pub attempts: u32,
    /// The resolved input; null: not known yet, or erased.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Value>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepError {
    /// Stable dotted code.
    pub code: String,
    /// One sentence; null: it was erased.
    pub message: Option<String>,
}

/// The body that ends a doubt or a stuck undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// How it ends.
    pub result: SettleResult,
    /// Which item of a fan-out, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// What the effect answered, where it happened and somebody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub output: Option<Value>,
    /// Why, in words.
    #[schema(min_length = 1, max_length = 1024)]
    pub reason: String,
}

/// How a doubt or a stuck undo ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettleResult {
    /// The effect happened.
    Happened,
    /// The effect did not happen.
    DidNotHappen,
    /// What the step did has been made good by other means.
    Undone,
    /// The effect is to be tried again under the same key.
    TryAgain,
}
