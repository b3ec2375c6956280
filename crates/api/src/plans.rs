//! Plan checks on the wire: what would happen, without its happening.

use domain::goal::PlanSource;
use domain::policy::Verdict;
use domain::tool::{EffectClass, Lane};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::FieldError;
use crate::schema;

/// What a check of a goal's plan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanCheck {
    /// Whether the goal could be started.
    pub valid: bool,
    /// The plan document; null: none was given or could be made.
    #[schema(value_type = Option<Object>)]
    pub plan: Option<Value>,
    /// Who made the plan; null: there is none.
    #[schema(schema_with = schema::plan_source_or_null)]
    pub plan_source: Option<PlanSource>,
    /// The playbook's name, where one made the plan.
    pub playbook: Option<String>,
    /// The parameters as they were given or read from the words.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// Why it could not be started.
    pub code: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
    /// What policy says of each step, as far as it can be read.
    pub steps: Vec<StepCheck>,
    /// The steps that would ask a person first; one that fans out asks for each item.
    pub approvals: Vec<String>,
}

/// What a check found about one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepCheck {
    /// The step's name.
    pub id: String,
    /// The tool that it uses.
    pub tool: String,
    /// The tool's lane; null: there is no such tool.
    #[schema(schema_with = schema::lane_or_null)]
    pub lane: Option<Lane>,
    /// What policy says.
    #[schema(schema_with = schema::verdict)]
    pub verdict: Verdict,
    /// Whether a person is asked first.
    pub asks: bool,
    /// Why, for people.
    pub reason: String,
    /// What may be assumed about a repeat, as far as the input is known; null: there is no such tool.
    #[schema(schema_with = schema::effect_class_or_null)]
    pub class: Option<EffectClass>,
    /// The tool that undoes it in this plan.
    pub undone_by: Option<String>,
    /// Whether it changes the world and nothing in this plan undoes it.
    pub irreversible: bool,
}
