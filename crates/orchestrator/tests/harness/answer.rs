//! Answers, and their text with everything that differs from run to run masked.

use axum::response::Response;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code of a refusal, in a line.
    pub(crate) fn refusal(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(!self.header("x-request-id").is_empty());
        let mut line = format!("{} {}", self.status, problem["code"].as_str().unwrap());
        for error in problem["errors"].as_array().into_iter().flatten() {
            line.push_str(&format!(
                "\n  {} {}",
                error["pointer"],
                error["reason"].as_str().unwrap()
            ));
        }
        line
    }

    /// Status, kept headers and masked body.
    pub(crate) fn shown(&self) -> String {
        let mut text = format!("{}", self.status);
        for name in [
            "content-type",
            "retry-after",
            "allow",
            "preference-applied",
            "idempotency-replayed",
            "www-authenticate",
        ] {
            if let Some(value) = self.headers.get(name) {
                text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
            }
        }
        match serde_json::from_str::<Value>(&self.text) {
            Ok(value) => format!(
                "{text}\n{}",
                serde_json::to_string_pretty(&mask(value)).unwrap()
            ),
            Err(_) => format!("{text}\n{}", self.text),
        }
    }
}

/// Masks times, ids that are made, and digests.
pub(crate) fn mask(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_text(&text)),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, mask(value)))
            .collect(),
        other => other,
    }
}

fn mask_text(text: &str) -> String {
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "[time]".into();
    }
    if hex(text, 64) {
        return "[digest]".into();
    }
    if hex(text, 32) {
        return "[trace]".into();
    }
    if text.strip_prefix("apr-").is_some_and(|rest| hex(rest, 32)) {
        return "[approval]".into();
    }
    match text
        .strip_prefix("goal-")
        .filter(|rest| rest.len() == 36 && rest.matches('-').count() == 4)
    {
        Some(_) => "goal-[uuid]".into(),
        None => text.to_owned(),
    }
}
