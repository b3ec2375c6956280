//! Tools on the wire: what a plan can use.

use domain::tool::{EffectClass, Lane, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::schema;

/// A tool as it is offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    /// The name that plans use.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What may be assumed about a repeat.
    #[schema(schema_with = schema::effect_class)]
    pub class: EffectClass,
    /// Its risk class.
    #[schema(schema_with = schema::lane)]
    pub lane: Lane,
    /// The tools that may undo it; empty: it cannot be undone, or has nothing to undo.
    pub undone_by: Vec<String>,
    /// JSON Schema of its input.
    #[schema(value_type = Object)]
    pub input_schema: Value,
    /// JSON Schema of its output.
    #[schema(value_type = Object)]
    pub output_schema: Value,
    /// Seconds that one attempt may take unless its step says otherwise.
    pub timeout_seconds: u32,
}

impl From<&ToolSpec> for ToolView {
    fn from(spec: &ToolSpec) -> Self {
        Self {
            name: spec.name.clone(),
            description: spec.description.clone(),
            class: spec.class,
            lane: spec.lane,
            undone_by: spec.undone_by.clone(),
            input_schema: spec.input_schema.clone(),
            output_schema: spec.output_schema.clone(),
            timeout_seconds: spec.timeout_seconds,
        }
    }
}
