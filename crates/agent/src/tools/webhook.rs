//! `call_webhook`: one request with a JSON payload to a receiver, always with the effect's `Idempotency-Key`.
//!
//! What a status means is DESIGN §6: a redirect is refused, and whatever leaves doubt is unknown.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use domain::effect::Call;
use domain::outcome::{Outcome, ToolError};
use domain::tool::{ClassRule, EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec};

use super::{URL_PATTERN, Web, received};
use crate::outbound::{BodyEnd, Request, Response};
use crate::secrets::Secrets;

/// The tool's name.
pub(super) const NAME: &str = "call_webhook";
/// Headers that belong to the connection or to us.
const HEADERS_RESERVED: [&str; 15] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// The header that carries an effect's key (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    url: String,
    #[serde(default = "post")]
    method: String,
    payload: Option<Value>,
    #[serde(default)]
    headers: Map<String, Value>,
}

fn post() -> String {
    "POST".to_owned()
}

pub(super) fn spec(receivers: &[ClassRule]) -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Sends a JSON payload to a URL, with an Idempotency-Key header. Redirects are not followed. \
                      A JSON answer that fits into an output (limits.output_bytes_max, less 1 KiB) comes back parsed; \
                      a longer one is text, cut and marked as truncated."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": { "type": "string", "pattern": URL_PATTERN, "maxLength": 8_192, "description": "An http or https URL." },
                "method": { "enum": ["POST", "PUT", "PATCH", "DELETE"], "description": "POST unless given." },
                "payload": { "description": "What is sent, as JSON; absent: no body." },
                "headers": {
                    "type": "object", "maxProperties": 32,
                    "propertyNames": { "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", "not": { "pattern": reserved() } },
                    "additionalProperties": { "anyOf": [
                        { "type": "string", "maxLength": 8_192 },
                        { "type": "object", "required": ["$secret"], "additionalProperties": false,
                          "properties": { "$secret": { "type": "string" } } } ] } } },
            "additionalProperties": false }),
        compensation_schema: None,
        output_schema: json!({
            "type": "object",
            "required": ["status_code", "body"],
            "properties": {
                "status_code": { "type": "integer", "minimum": 200, "maximum": 299 },
                "body": { "description": "The answer: parsed where it is JSON, else text; null where it is empty." },
                "truncated": { "type": "boolean", "description": "Whether the body was too long and its end is missing." } },
            "additionalProperties": false }),
        class: EffectClass::AtMostOnce,
        class_rules: receivers.to_vec(),
        lane: Lane::Yellow,
        undone_by: vec![NAME.to_owned()],
        secrets_at: Some("/headers".to_owned()),
        concurrency: 256,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}

/// A pattern of the reserved headers in any case; not every reader of JSON Schema has a flag for that.
fn reserved() -> String {
    let either_case = |letter: char| match letter {
        '-' => letter.to_string(),
        _ => format!("[{}{letter}]", letter.to_ascii_uppercase()),
    };
    let names = HEADERS_RESERVED.map(|name| name.chars().map(either_case).collect::<String>());
    format!("^(?:{})$", names.join("|"))
}

pub(super) async fn perform(call: &Call, web: Web<'_>) -> Outcome {
    let request = match request(call, web) {
        Ok(request) => request,
        Err(error) => return Outcome::permanent(error.code, error.message),
    };
    let receiver = request.url.host_str().unwrap_or_default().to_owned();
    match web.outbound.send(request, web.deadline).await {
        Ok(response) => outcome(&receiver, &response, web),
        Err(failure) => failure.into(),
    }
}

fn request(call: &Call, web: Web<'_>) -> Result<Request, ToolError> {
    let invalid = |reason: String| ToolError::new("input.invalid", reason);
    let input = Input::deserialize(&*call.input).map_err(|error| invalid(error.to_string()))?;
    let url = Url::parse(&input.url).map_err(|error| {
        ToolError::new("outbound.url", format!("the URL is malformed: {error}"))
    })?;
    let method = match input.method.as_str() {
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        other => {
            return Err(invalid(format!(
                "method {other:?} is not POST, PUT, PATCH or DELETE"
            )));
        }
    };
    let mut headers = headers(&input.headers, &url, web.secrets)?;
    let key =
        HeaderValue::try_from(call.key.to_string()).map_err(|error| invalid(error.to_string()))?;
    headers.insert(IDEMPOTENCY_KEY, key);
    if input.payload.is_some() {
        headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
    }
    let body = input
        .payload
        .map_or_else(Bytes::new, |payload| Bytes::from(payload.to_string()));
    Ok(Request {
        method,
        url,
        headers,
        body,
        body_max: web.body_max(),
    })
}

fn headers(
    input: &Map<String, Value>,
    url: &Url,
    secrets: &Secrets,
) -> Result<HeaderMap, ToolError> {
    let mut headers = HeaderMap::new();
    for (name, value) in input {
        let invalid =
            |reason: &str| ToolError::new("input.invalid", format!("header {name:?} {reason}"));
        let parsed =
            HeaderName::try_from(name.as_str()).map_err(|_| invalid("is no header name"))?;
        if HEADERS_RESERVED.contains(&parsed.as_str()) {
            return Err(invalid("cannot be set"));
        }
        let (text, secret) = match (value.as_str(), value.get("$secret").and_then(Value::as_str)) {
            (Some(text), _) => (text, false),
            (None, Some(secret)) => (secrets.for_url(secret, url)?, true),
            (None, None) => return Err(invalid("must be text or a $secret")),
        };
        let mut text = HeaderValue::try_from(text)
            .map_err(|_| invalid("has a value that no header can have"))?;
        text.set_sensitive(secret);
        if headers.insert(parsed, text).is_some() {
            return Err(invalid("is given twice"));
        }
    }
    Ok(headers)
}

fn outcome(receiver: &str, response: &Response, web: Web<'_>) -> Outcome {
    let status = response.status;
    let said = || {
        format!(
            "{receiver} answered {status}{}",
            received::excerpt(&response.body, web.secrets)
        )
    };
    match status {
        _ if status.is_success() => match response.end {
            BodyEnd::Cut => Outcome::unknown(
                "http.cut",
                format!("{receiver} answered {status}, then the connection broke"),
            ),
            BodyEnd::TimedOut => Outcome::unknown(
                "http.timeout",
                format!("{receiver} answered {status}, then nothing in time"),
            ),
            BodyEnd::Whole | BodyEnd::OverLimit => succeeded(response, web),
        },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::transient("http.status", said())
        }
        _ if status.is_redirection() => Outcome::permanent(
            "http.redirect",
            format!("{}; redirects are not followed", said()),
        ),
        _ if status.is_client_error() => Outcome::permanent("http.status", said()),
        _ => Outcome::unknown("http.status", said()),
    }
}

fn succeeded(response: &Response, web: Web<'_>) -> Outcome {
    let (body, truncated) = received::body(response, web.answer_max(), web.secrets);
    let mut output = json!({ "status_code": response.status.as_u16(), "body": body });
    if truncated && let Some(output) = output.as_object_mut() {
        output.insert("truncated".to_owned(), Value::Bool(true));
    }
    Outcome::Succeeded { output }
}
