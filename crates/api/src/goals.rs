//! Goals on the wire: the body that starts one, the answer, and the goal as it is shown.

use std::collections::BTreeMap;

use domain::goal::{GoalStatus, PlanSource};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::list::PageQuery;
use crate::plans::PlanCheck;
use crate::schema;
use crate::steps::StepView;

/// The body of `POST /api/v1/goals` and `/plans/check`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalSubmission {
    /// What is wanted, in plain words: 1 to 8,192 characters.
    #[schema(min_length = 1, max_length = 8192)]
    pub user_intent: String,
    /// What the caller calls the goal; made by the server when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    pub trace_id: Option<String>,
    /// The token's subject, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Whether to start it.
    #[serde(default)]
    pub mode: Mode,
    /// What `$param` refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Map<String, Value>>,
    /// An explicit plan; without it one is made of the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub plan: Option<Value>,
    /// When the goal fails unless it has ended.
    #[serde(
        default,
        deserialize_with = "time",
        skip_serializing_if = "Option::is_none"
    )]
    pub deadline: Option<Timestamp>,
    /// Up to 16 names of up to 64 characters, with values of up to 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// A time, or null; the refusal is for people.
fn time<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(reader)?;
    let time = text.map(|text| text.parse()).transpose();
    time.map_err(|_| D::Error::custom("must be an RFC 3339 time such as 2026-12-01T12:00:00Z"))
}

/// What is done with a submission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Start it.
    #[default]
    Run,
    /// Check it, and start nothing.
    DryRun,
}

/// The answer to a goal that was accepted: it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// The goal's id.
    #[serde(rename = "workflowId")]
    pub workflow_id: String,
    /// Always `started`.
    pub status: String,
    /// Where to look.
    pub links: Links,
}

/// Where a goal is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// The goal.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events.
    pub events: String,
}

/// A goal as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GoalView {
    /// The goal's id.
    #[serde(rename = "workflowId")]
    pub workflow_id: String,
    /// What the submitter calls it.
    pub trace_id: String,
    /// Who submitted it.
    pub user_id: String,
    /// Where it stands.
    #[schema(schema_with = schema::goal_status)]
    pub status: GoalStatus,
    /// Why it stands there, as a code; null: nothing to say.
    pub reason: Option<String>,
    /// The words; null: they were erased.
    pub user_intent: Option<String>,
    /// What the user is told; null before the end.
    pub reply: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When anything happened last.
    pub updated_at: Timestamp,
    /// When it ended; null: it is open.
    pub finished_at: Option<Timestamp>,
    /// When it fails unless it has ended; null: as the limits say.
    pub deadline: Option<Timestamp>,
    /// What it was tagged with.
    pub tags: BTreeMap<String, String>,
    /// What `$param` refers to.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// The plan document; null: there is none yet, or it was erased.
    #[schema(value_type = Option<Object>)]
    pub plan: Option<Value>,
    /// Who made the plan; null: there is none yet.
    #[schema(schema_with = schema::plan_source_or_null)]
    pub plan_source: Option<PlanSource>,
    /// The playbook's name, where one made the plan.
    pub playbook: Option<String>,
    /// How far the undo is.
    pub compensation: CompensationProgress,
    /// The steps, in the plan's order.
    pub steps: Vec<StepView>,
}

/// The answer of `POST /api/v1/goals` with 200.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Answered {
    /// The goal, whose end was waited for.
    Goal(Box<GoalView>),
    /// The check, where nothing was to be started.
    Check(Box<PlanCheck>),
}

/// How far an undo is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompensationProgress {
    /// Effects made good.
    pub done: u32,
    /// Effects to make good in all.
    pub of: u32,
}

/// A goal in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GoalSummary {
    /// The goal's id.
    #[serde(rename = "workflowId")]
    pub workflow_id: String,
    /// Who submitted it.
    pub user_id: String,
    /// Where it stands.
    #[schema(schema_with = schema::goal_status)]
    pub status: GoalStatus,
    /// Why it stands there, as a code.
    pub reason: Option<String>,
    /// The words; null: they were erased.
    pub user_intent: Option<String>,
    /// What it was tagged with.
    pub tags: BTreeMap<String, String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When anything happened last.
    pub updated_at: Timestamp,
    /// When it ended; null: it is open.
    pub finished_at: Option<Timestamp>,
}

/// Which goals are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GoalQuery {
    /// Only those that stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only those with this tag: `name` or `name:value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Only those whose words hold this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Most items, 1 to 200; 50 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The answer to a wish that the goal will follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wished {
    /// The goal's id.
    #[serde(rename = "workflowId")]
    pub workflow_id: String,
    /// Always `accepted`: the wish is durable, the goal then reaches the state.
    pub status: String,
}

impl Started {
    /// The answer for a goal.
    pub fn new(workflow_id: &str) -> Self {
        let this = format!("/api/v1/goals/{workflow_id}");
        let events = format!("{this}/events");
        Self {
            workflow_id: workflow_id.to_owned(),
            status: "started".into(),
            links: Links { this, events },
        }
    }
}

impl Wished {
    /// The answer for a goal.
    pub fn new(workflow_id: &str) -> Self {
        Self {
            workflow_id: workflow_id.to_owned(),
            status: "accepted".into(),
        }
    }
}

impl GoalQuery {
    /// The page that is asked for.
    pub fn page(&self) -> PageQuery {
        PageQuery {
            limit: self.limit,
            cursor: self.cursor.clone(),
        }
    }
}
