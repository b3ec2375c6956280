//! `respond_to_user`: what the user is told. The reply is the message; whoever reads the goal sees it.

use serde_json::{Value, json};

use domain::effect::Call;
use domain::outcome::Outcome;
use domain::tool::{EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec};

/// The tool's name.
pub(super) const NAME: &str = "respond_to_user";

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Tells the user something: the goal's reply.".to_owned(),
        input_schema: json!({
            "type": "object",
            "required": ["message"],
            "properties": { "message": { "type": "string" } },
            "additionalProperties": false }),
        compensation_schema: None,
        output_schema: json!({
            "type": "object",
            "required": ["reply"],
            "properties": { "reply": { "type": "string" } },
            "additionalProperties": false }),
        class: EffectClass::Read,
        class_rules: Vec::new(),
        lane: Lane::Green,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: 4_096,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}

pub(super) fn perform(call: &Call) -> Outcome {
    match call.input.get("message") {
        Some(Value::String(message)) => Outcome::Succeeded {
            output: json!({ "reply": message }),
        },
        _ => Outcome::permanent("input.invalid", "message must be text"),
    }
}
