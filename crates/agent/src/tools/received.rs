//! What came from outside, made fit to be an output: bounded, free of secrets, and storable.
//!
//! NUL is replaced and integers past 2^53 − 1 become text, because neither survives every store and every reader.

use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

use crate::outbound::{BodyEnd, Response};
use crate::secrets::Secrets;

/// Largest integer that every JSON reader keeps exactly (RFC 8259 §6).
const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Characters of an answer that an error message quotes.
const EXCERPT_CHARS_MAX: usize = 200;

/// A text and whether something is missing at its end.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) truncated: bool,
}

/// Bytes as text of at most `max` bytes, counted as JSON writes them.
pub(super) fn text(bytes: &[u8], max: usize, secrets: &Secrets) -> Text {
    let mut text = secrets.redact(without_nul(String::from_utf8_lossy(bytes).into_owned()));
    let mut length = 0;
    let end = text.char_indices().find_map(|(at, character)| {
        length += json_length(character);
        (length > max).then_some(at)
    });
    if let Some(end) = end {
        text.truncate(end);
    }
    Text {
        text,
        truncated: end.is_some(),
    }
}

/// The body as JSON where it says so and is, else as text; null where it is empty. At most `max` bytes of JSON.
pub(super) fn body(response: &Response, max: usize, secrets: &Secrets) -> (Value, bool) {
    let complete = response.end == BodyEnd::Whole;
    if response.body.is_empty() {
        return (Value::Null, false);
    }
    if complete
        && is_json(&response.headers)
        && let Ok(value) = serde_json::from_slice(&response.body)
    {
        let value = secrets.redact_value(storable(value));
        if value.to_string().len() <= max {
            return (value, false);
        }
    }
    let text = text(&response.body, max, secrets);
    (Value::String(text.text), text.truncated || !complete)
}

/// The beginning of a body on one line, for an error message; empty if there is none.
pub(super) fn excerpt(body: &[u8], secrets: &Secrets) -> String {
    let whole = secrets.redact(String::from_utf8_lossy(body).into_owned());
    let line = whole.replace(char::is_control, " ");
    let text: String = line.trim().chars().take(EXCERPT_CHARS_MAX).collect();
    if text.is_empty() {
        text
    } else {
        format!(": {text}")
    }
}

/// The value of `Content-Type`, empty if there is none.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// `application/json` and everything that ends in `+json` (RFC 6839 §3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let essence = content_type(headers)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

fn storable(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.into_iter().map(storable).collect(),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, member)| (without_nul(key), storable(member)))
                .collect::<Map<_, _>>(),
        ),
        Value::Number(number) => {
            let text = number.to_string();
            let integer = text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-');
            let exact = |value: i64| value.unsigned_abs() <= INTEGER_MAX;
            let keeps = if integer {
                text.parse().is_ok_and(exact)
            } else {
                number.as_f64().is_some_and(f64::is_finite)
            };
            if keeps {
                Value::Number(number)
            } else {
                Value::String(text)
            }
        }
        Value::Null | Value::Bool(_) => value,
    }
}

fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// Bytes that JSON spends on a character (RFC 8259 §7).
fn json_length(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}
