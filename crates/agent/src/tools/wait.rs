//! `wait`: a timer of the machine. It is a tool for plans only; no effect of it is ever carried out.

use serde_json::json;

use domain::tool::{EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec, WAIT};

/// Longest wait in seconds: 30 days, as long as a goal's deadline (CONTRACT §2).
const SECONDS_MAX: u32 = 30 * 24 * 3_600;

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: WAIT.to_owned(),
        description: "Waits some seconds, or until a moment.".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "seconds": { "type": "number", "minimum": 0, "maximum": SECONDS_MAX },
                "until": { "type": "string", "format": "date-time", "description": "RFC 3339." } },
            "oneOf": [{ "required": ["seconds"] }, { "required": ["until"] }],
            "additionalProperties": false }),
        compensation_schema: None,
        output_schema: json!({ "type": "object", "additionalProperties": false }),
        class: EffectClass::Read,
        class_rules: Vec::new(),
        lane: Lane::Green,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: u32::MAX,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}
