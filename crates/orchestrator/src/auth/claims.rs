//! The claims of a token, and whether they hold now.

use domain::id::Subject;
use jiff::Timestamp;
use serde_json::Value;

use super::{LEEWAY_SECONDS, taken_until};

/// What a token says: an object.
#[derive(Debug)]
pub(super) struct Claims(pub(super) Value);

impl Claims {
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.get("iss").and_then(Value::as_str)
    }

    pub(super) fn subject(&self) -> Result<Subject, &'static str> {
        let subject = self
            .0
            .get("sub")
            .and_then(Value::as_str)
            .ok_or("no subject")?;
        Subject::try_from(subject.to_owned()).map_err(|_| "malformed subject")
    }

    /// What stands at a JSON Pointer, as text that is not empty.
    pub(super) fn text_at(&self, pointer: &str) -> Option<&str> {
        self.0
            .pointer(pointer)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// Checks audience and times; returns when the token expires.
    pub(super) fn check(&self, audience: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
        let for_us = match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => {
                many.iter().all(Value::is_string)
                    && many.iter().any(|one| one.as_str() == Some(audience))
            }
            _ => false,
        };
        if !for_us {
            return Err("another audience");
        }
        let expires = self.time("exp")?.ok_or("no expiry")?;
        if now >= taken_until(expires) {
            return Err("expired");
        }
        let later = now
            .saturating_add(jiff::SignedDuration::from_secs(LEEWAY_SECONDS))
            .unwrap_or(Timestamp::MAX);
        if self.time("nbf")?.is_some_and(|begins| begins > later) {
            return Err("not valid yet");
        }
        if self.time("iat")?.is_some_and(|issued| issued > later) {
            return Err("issued in the future");
        }
        Ok(expires)
    }

    /// A NumericDate (RFC 7519 §2), cut to whole seconds; past the end of time it is the end of time.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, &'static str> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let seconds = value.as_f64().ok_or("malformed time")?;
        if seconds < 0.0 {
            return Err("malformed time");
        }
        // The strict reader has bounded every number by 2^53.
        #[expect(clippy::cast_possible_truncation, reason = "bounded by 2^53")]
        let seconds = seconds as i64;
        Ok(Some(
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX),
        ))
    }
}
