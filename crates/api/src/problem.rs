//! Errors as they travel: RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::code::Code;

/// The media type of a problem (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` begins with; the code follows.
const TYPE_PREFIX: &str = "urn:omnihub:problem:";

/// Why a request was not granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URN made of the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same short text for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The stable, dotted code.
    pub code: String,
    /// The trace that the request belongs to.
    pub trace_id: String,
    /// Which fields of the body are wrong, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What else belongs to this code, such as `workflowId`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One wrong place of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer from the root of the body.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
    /// A stable dotted code, where there is one, such as `plan.unknown_tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl FieldError {
    /// A wrong place and why.
    pub fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
            code: None,
        }
    }

    /// Adds a stable dotted code.
    #[must_use]
    pub fn coded(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            trace_id: String::new(),
            errors: Vec::new(),
            more: Map::new(),
        }
    }
}
