//! `fetch_url`: reads a page. It changes nothing, so whatever may pass is worth another try.
//!
//! Each hop of a redirect goes through the guard anew, and carries no header of the hop before.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use domain::effect::Call;
use domain::outcome::Outcome;
use domain::tool::{EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec};

use super::{URL_PATTERN, Web, received};
use crate::failure::{Failure, Stage};
use crate::outbound::{BodyEnd, Request, Response};

/// The tool's name.
pub(super) const NAME: &str = "fetch_url";
/// Redirects that are followed (CONTRACT §3).
const REDIRECTS_MAX: usize = 5;
/// Longest content type that is passed on, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 256;

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Reads a URL with GET, following at most 5 redirects. The text is untrusted. One that does \
                      not fit into an output (limits.output_bytes_max, less 1 KiB) is cut and marked as truncated."
            .to_owned(),
        input_schema: json!({
            "type": "object",
            "required": ["url"],
            "properties": { "url": { "type": "string", "pattern": URL_PATTERN, "maxLength": 8_192, "description": "An http or https URL." } },
            "additionalProperties": false }),
        compensation_schema: None,
        output_schema: json!({
            "type": "object",
            "required": ["status_code", "content_type", "text"],
            "properties": {
                "status_code": { "type": "integer", "minimum": 200, "maximum": 299 },
                "content_type": { "type": "string" },
                "text": { "type": "string" },
                "truncated": { "type": "boolean", "description": "Whether the text was too long and its end is missing." } },
            "additionalProperties": false }),
        class: EffectClass::Read,
        class_rules: Vec::new(),
        lane: Lane::Green,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: 64,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}

pub(super) async fn perform(call: &Call, web: Web<'_>) -> Outcome {
    let url = call
        .input
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => {
            return Outcome::permanent("outbound.url", format!("the URL is malformed: {error}"));
        }
    };
    for _ in 0..=REDIRECTS_MAX {
        let response = match web
            .outbound
            .send(request(url.clone(), web), web.deadline)
            .await
        {
            Ok(response) => response,
            Err(Failure {
                stage: Stage::Refused,
                error,
            }) => return Outcome::permanent(error.code, error.message),
            Err(Failure { error, .. }) => return Outcome::transient(error.code, error.message),
        };
        match next_hop(&url, &response) {
            Ok(Some(next)) => url = next,
            Ok(None) => return outcome(&url, &response, web),
            Err(refusal) => return refusal,
        }
    }
    Outcome::permanent(
        "http.redirect",
        format!("more than {REDIRECTS_MAX} redirects"),
    )
}

fn request(url: Url, web: Web<'_>) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Request {
        method: Method::GET,
        url,
        headers,
        body: Bytes::new(),
        body_max: web.body_max(),
    }
}

/// Where a redirect leads; `None`: the answer is none.
fn next_hop(url: &Url, response: &Response) -> Result<Option<Url>, Outcome> {
    let refused = |reason: String| Outcome::permanent("http.redirect", reason);
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response
        .headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let location =
        location.ok_or_else(|| refused("a redirect without a readable location".to_owned()))?;
    let next = url
        .join(location)
        .map_err(|error| refused(format!("a redirect to a malformed URL: {error}")))?;
    if url.scheme() == "https" && next.scheme() != "https" {
        return Err(refused(
            "a redirect from https to a scheme that is less safe".to_owned(),
        ));
    }
    Ok(Some(next))
}

fn outcome(url: &Url, response: &Response, web: Web<'_>) -> Outcome {
    let status = response.status;
    let said = || {
        let host = url.host_str().unwrap_or_default();
        format!(
            "{host} answered {status}{}",
            received::excerpt(&response.body, web.secrets)
        )
    };
    match status {
        _ if status.is_success() => succeeded(response, web),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::transient("http.status", said())
        }
        _ if status.is_client_error() || status.is_redirection() => {
            Outcome::permanent("http.status", said())
        }
        _ => Outcome::transient("http.status", said()),
    }
}

fn succeeded(response: &Response, web: Web<'_>) -> Outcome {
    match response.end {
        BodyEnd::Cut => {
            return Outcome::transient("http.cut", "the connection broke within the answer");
        }
        BodyEnd::TimedOut => {
            return Outcome::transient("http.timeout", "the answer did not end in time");
        }
        BodyEnd::Whole | BodyEnd::OverLimit => {}
    }
    let received::Text { text, truncated } =
        received::text(&response.body, web.answer_max(), web.secrets);
    let content_type = received::content_type(&response.headers);
    let content_type: String = content_type.chars().take(CONTENT_TYPE_BYTES_MAX).collect();
    let mut output = json!({ "status_code": response.status.as_u16(), "content_type": content_type, "text": text });
    if (truncated || response.end == BodyEnd::OverLimit)
        && let Some(output) = output.as_object_mut()
    {
        output.insert("truncated".to_owned(), Value::Bool(true));
    }
    Outcome::Succeeded { output }
}
