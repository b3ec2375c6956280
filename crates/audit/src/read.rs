//! Reading an entry back, strictly: every field once, none unknown, each in the one form it may have.
//!
//! What JSON lets a writer choose freely (white space, the order of fields, escapes, `2555.0` for `2555`) is free here too,
//! because the hash is taken of the canonical form. Everything else is refused, so that no change goes unseen.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use crate::canonical::NUMBER_MAX;
use crate::entry::{Entry, push_timestamp};

/// Why a line is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The line ends before its JSON does.
    #[error("cut short: the line ends in the middle, at column {0}")]
    Cut(usize),
    /// The line is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The line is JSON, but a field is missing, unknown, repeated or of a wrong kind.
    #[error("not an entry: {0}")]
    NotAnEntry(String),
}

impl Entry {
    /// Reads one line of an export; does not check the hash.
    ///
    /// # Errors
    /// [`ReadError`] when the line is not exactly one entry.
    pub fn read(line: &[u8]) -> Result<Self, ReadError> {
        serde_json::from_slice(line).map_err(|error| ReadError::of(&error))
    }
}

impl ReadError {
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // A line has one line: of the position only the column says something.
        let reason = match text.rsplit_once(" at line ") {
            Some((reason, _)) => format!("{reason} at column {}", error.column()),
            None => text,
        };
        match error.classify() {
            Category::Eof => Self::Cut(error.column()),
            Category::Data => Self::NotAnEntry(reason),
            Category::Syntax | Category::Io => Self::NotJson(reason),
        }
    }
}

/// Reads a whole number up to 2^53 − 1, also where it is written as `2555.0`.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct IntegerVisitor;
    impl Visitor<'_> for IntegerVisitor {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number from 0 to 2^53 − 1")
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
            if number > NUMBER_MAX {
                return Err(E::invalid_value(
                    serde::de::Unexpected::Unsigned(number),
                    &self,
                ));
            }
            Ok(number)
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<u64, E> {
            if number.fract() != 0.0 || !(0.0..=NUMBER_MAX as f64).contains(&number) {
                return Err(E::invalid_value(
                    serde::de::Unexpected::Float(number),
                    &self,
                ));
            }
            Ok(number as u64)
        }
    }
    deserializer.deserialize_u64(IntegerVisitor)
}

/// Reads a time in the one form that sealing writes.
pub(crate) fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    struct TimestampVisitor;
    impl Visitor<'_> for TimestampVisitor {
        type Value = Timestamp;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time like 2026-12-01T12:00:00.000000Z")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
            let refused = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
            let timestamp: Timestamp = text.parse().map_err(|_| refused())?;
            // Another spelling of the same time would have the same canonical form: an edit that no hash shows.
            let mut written = String::with_capacity(32);
            push_timestamp(&mut written, &timestamp);
            if written != text {
                return Err(refused());
            }
            Ok(timestamp)
        }
    }
    deserializer.deserialize_str(TimestampVisitor)
}

/// Reads `metadata`, refusing repeated names at any depth.
pub(crate) fn metadata<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    match Strict::deserialize(deserializer)?.0 {
        Value::Object(object) => Ok(object),
        _ => Err(D::Error::custom("metadata is not an object")),
    }
}

/// A JSON value without repeated names.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = access.next_entry::<String, Strict>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "duplicate field `{name}` in metadata"
                )));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
