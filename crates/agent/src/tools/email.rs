//! `send_email`: one mail, which nobody can take back.

use serde_json::{Value, json};
use tokio::time::Instant;

use domain::effect::Call;
use domain::outcome::Outcome;
use domain::tool::{EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec};

use crate::email::{BODY_BYTES_MAX, Mail, Mailer, RECIPIENTS_MAX, SUBJECT_BYTES_MAX};

/// The tool's name.
pub(super) const NAME: &str = "send_email";
/// Longest address with its name, in characters: RFC 5321 §4.5.3.1 bounds the address itself at 254.
const ADDRESS_CHARS_MAX: usize = 512;
/// What every address looks like; the rest is found when it is read. Here so that a plan with another is refused.
const ADDRESS_PATTERN: &str = r"^[^\x00-\x1f\x7f]+@[^\x00-\x1f\x7f]+$";

pub(super) fn spec() -> ToolSpec {
    let address = json!({ "type": "string", "minLength": 3, "maxLength": ADDRESS_CHARS_MAX, "pattern": ADDRESS_PATTERN });
    ToolSpec {
        name: NAME.to_owned(),
        description: "Sends a plain-text mail. It cannot be undone.".to_owned(),
        input_schema: json!({
            "type": "object",
            "required": ["to", "subject", "body"],
            "properties": {
                "to": { "description": "One address or several.",
                        "anyOf": [address, { "type": "array", "items": address, "minItems": 1, "maxItems": RECIPIENTS_MAX }] },
                "subject": { "type": "string", "maxLength": SUBJECT_BYTES_MAX, "pattern": r"^[^\x00-\x1f\x7f]*$" },
                "body": { "type": "string", "maxLength": BODY_BYTES_MAX } },
            "additionalProperties": false }),
        compensation_schema: None,
        output_schema: json!({
            "type": "object",
            "required": ["message_id"],
            "properties": { "message_id": { "type": "string" } },
            "additionalProperties": false }),
        class: EffectClass::AtMostOnce,
        class_rules: Vec::new(),
        lane: Lane::Red,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: 16,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}

pub(super) async fn perform(call: &Call, mailer: &Mailer, deadline: Instant) -> Outcome {
    let text = |name: &str| call.input.get(name).and_then(Value::as_str);
    let to: Option<Vec<&str>> = match call.input.get("to") {
        Some(Value::Array(addresses)) => addresses.iter().map(Value::as_str).collect(),
        Some(Value::String(address)) => Some(vec![address]),
        _ => None,
    };
    let (Some(to), Some(subject), Some(body)) = (to, text("subject"), text("body")) else {
        return Outcome::permanent("input.invalid", "to, subject and body must be text");
    };
    let key = call.key.to_string();
    match mailer
        .send(
            Mail {
                key: &key,
                to: &to,
                subject,
                body,
            },
            deadline,
        )
        .await
    {
        Ok(message_id) => Outcome::Succeeded {
            output: json!({ "message_id": message_id }),
        },
        Err(failure) => failure.into(),
    }
}
