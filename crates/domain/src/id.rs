//! Identifiers: validated text, cheap to clone.
//!
//! Each is parsed once at the border. None is ever made here: ids are inputs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest tenant or trace id, in bytes (CONTRACT §2).
pub const ID_BYTES_MAX: usize = 128;
/// Longest subject of a principal, in bytes: OpenID Connect Core §2 bounds `sub` at 255.
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Longest step id, in bytes (CONTRACT §2, `[a-z][a-z0-9_-]{0,63}`).
pub const STEP_ID_BYTES_MAX: usize = 64;

/// Text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must match {pattern}")]
pub struct InvalidId {
    /// Which identifier was meant.
    pub what: &'static str,
    /// The pattern it has to match.
    pub pattern: &'static str,
}

/// The organisation that owns data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// The subject of a principal: who acts within a tenant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(Arc<str>);

/// What the submitter calls a goal; unique in a tenant for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId(Arc<str>);

/// A goal's id within its tenant: `goal-` and its trace id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GoalId(Arc<str>);

/// A step's id within its plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepId(Arc<str>);

impl TenantId {
    /// The tenant's id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Subject {
    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TraceId {
    /// The trace id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl GoalId {
    /// The goal's id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace id that the goal was submitted under.
    pub fn trace_id(&self) -> TraceId {
        TraceId(self.0.strip_prefix(GOAL_PREFIX).unwrap_or(&self.0).into())
    }
}

impl StepId {
    /// The step's id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What every goal id begins with.
const GOAL_PREFIX: &str = "goal-";

impl From<&TraceId> for GoalId {
    fn from(trace: &TraceId) -> Self {
        Self(format!("{GOAL_PREFIX}{trace}").into())
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        check("tenant id", &text).map(Self)
    }
}

impl TryFrom<String> for TraceId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        check("trace_id", &text).map(Self)
    }
}

impl TryFrom<String> for GoalId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let trace = text.strip_prefix(GOAL_PREFIX).unwrap_or_default();
        check("workflowId", trace)?;
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > SUBJECT_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(InvalidId {
                what: "subject",
                pattern: "1 to 255 bytes without control characters",
            });
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for StepId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = bytes.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        });
        if !(first && rest && text.len() <= STEP_ID_BYTES_MAX) {
            return Err(InvalidId {
                what: "step id",
                pattern: "[a-z][a-z0-9_-]{0,63}",
            });
        }
        Ok(Self(text.into()))
    }
}

fn check(what: &'static str, text: &str) -> Result<Arc<str>, InvalidId> {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    if text.is_empty() || text.len() > ID_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(InvalidId {
            what,
            pattern: "[A-Za-z0-9._:-]{1,128}",
        });
    }
    Ok(text.into())
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<Subject> for String {
    fn from(id: Subject) -> Self {
        id.as_str().to_owned()
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<GoalId> for String {
    fn from(id: GoalId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GoalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for GoalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<String, Error = InvalidId>>(good: &[&str], bad: &[&str]) {
        good.iter()
            .for_each(|text| assert!(T::try_from((*text).to_owned()).is_ok(), "{text:?}"));
        bad.iter()
            .for_each(|text| assert!(T::try_from((*text).to_owned()).is_err(), "{text:?}"));
    }

    #[test]
    fn each_identifier_keeps_to_its_pattern() {
        let long = "a".repeat(128);
        let longer = "a".repeat(129);
        check::<TenantId>(
            &["default", "A.b_c:d-1", &long],
            &["", "a b", "a/b", "é", "a\0", &longer],
        );
        check::<TraceId>(&["4bf92f35", "..", &long], &["", " x", "x\n", &longer]);
        check::<GoalId>(
            &["goal-4bf92f35", "goal-goal-1"],
            &["", "goal-", "goal", "x-1", "goal-a b", "Goal-1"],
        );
        check::<StepId>(
            &["a", "find-2_b", &"a".repeat(64)],
            &["", "A", "1a", "-a", "a.b", "é", &"a".repeat(65)],
        );
        check::<Subject>(
            &["u-17", "Ana Müller", "auth0|1", &"a".repeat(255)],
            &["", "a\nb", "a\u{7f}", &"a".repeat(256)],
        );
    }

    #[test]
    fn a_goal_is_named_by_its_trace_id_and_back() {
        let trace = TraceId::try_from("goal-1".to_owned()).unwrap();
        let goal = GoalId::from(&trace);
        assert_eq!(goal.as_str(), "goal-goal-1");
        assert_eq!(goal.trace_id(), trace);
    }

    #[test]
    fn an_identifier_is_plain_text_in_json_and_checked_when_read() {
        let step: StepId = serde_json::from_str("\"find\"").unwrap();
        assert_eq!(serde_json::to_string(&step).unwrap(), "\"find\"");
        let error = serde_json::from_str::<StepId>("\"Find\"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "step id must match [a-z][a-z0-9_-]{0,63}"
        );
    }
}
