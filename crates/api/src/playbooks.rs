//! Playbooks on the wire: which words make which plan.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A playbook as it is offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlaybookView {
    /// Its name.
    pub name: String,
    /// The words that it answers to, with `{parameter}` places.
    pub utterances: Vec<String>,
    /// JSON Schema of the parameters.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// The plan document.
    #[schema(value_type = Object)]
    pub plan: Value,
}
