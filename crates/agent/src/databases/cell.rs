//! Values as SQLite has them, and the three forms they take: bound to a statement, shown as JSON, kept for the undo.
//!
//! Shown values may lose what JSON cannot say (large integers become text, blobs an object); kept ones lose nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

/// Largest integer that every reader of JSON keeps exact: 2^53 − 1 (RFC 8259 §6).
const EXACT_INTEGER_MAX: u64 = (1 << 53) - 1;

/// One value of one column of one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "Kept", try_from = "Kept")]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    /// Bytes, since SQLite does not insist on UTF-8.
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// A whole row, by column.
pub(crate) type Row = BTreeMap<String, Cell>;

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as outputs show it.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) if integer.unsigned_abs() <= EXACT_INTEGER_MAX => {
                (*integer).into()
            }
            Self::Integer(integer) => integer.to_string().into(),
            Self::Real(real) => {
                Number::from_f64(*real).map_or_else(|| real.to_string().into(), Value::Number)
            }
            Self::Text(bytes) => String::from_utf8_lossy(bytes).into(),
            Self::Blob(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
        }
    }
}

/// Equal to the last bit: what decides whether a row is as it was left.
impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Integer(left), Self::Integer(right)) => left == right,
            (Self::Real(left), Self::Real(right)) => left.to_bits() == right.to_bits(),
            (Self::Text(left), Self::Text(right)) | (Self::Blob(left), Self::Blob(right)) => {
                left == right
            }
            _ => false,
        }
    }
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(integer) => Self::Integer(integer),
            ValueRef::Real(real) => Self::Real(real),
            ValueRef::Text(bytes) => Self::Text(bytes.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A [`Cell`] as `omnihub_effects` keeps it: exact, whatever reads it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Null,
    Integer(i64),
    /// Shortest decimal that reads back as the same number.
    Real(String),
    Text(String),
    /// Text that is not UTF-8, in base64.
    RawText(String),
    Blob(String),
}

impl From<Cell> for Kept {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Integer(integer) => Self::Integer(integer),
            Cell::Real(real) => Self::Real(real.to_string()),
            Cell::Text(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text(text),
                Err(error) => Self::RawText(BASE64_STANDARD.encode(error.as_bytes())),
            },
            Cell::Blob(bytes) => Self::Blob(BASE64_STANDARD.encode(bytes)),
        }
    }
}

impl TryFrom<Kept> for Cell {
    type Error = String;
    fn try_from(kept: Kept) -> Result<Self, String> {
        let bytes = |text: String| {
            BASE64_STANDARD
                .decode(text)
                .map_err(|error| error.to_string())
        };
        Ok(match kept {
            Kept::Null => Self::Null,
            Kept::Integer(integer) => Self::Integer(integer),
            Kept::Real(text) => Self::Real(
                text.parse()
                    .map_err(|error| format!("{text:?} is no number: {error}"))?,
            ),
            Kept::Text(text) => Self::Text(text.into_bytes()),
            Kept::RawText(text) => Self::Text(bytes(text)?),
            Kept::Blob(text) => Self::Blob(bytes(text)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_cells_come_back_to_the_last_bit() {
        let awkward = [
            Cell::Null,
            Cell::Integer(i64::MIN),
            Cell::Real(0.1 + 0.2),
            Cell::Real(-0.0),
            Cell::Real(5.0),
            Cell::Real(f64::INFINITY),
            Cell::Real(f64::MIN_POSITIVE / 3.0),
            Cell::text("naïve\0text"),
            Cell::Text(vec![0xff, 0x00, 0x41]),
            Cell::Blob(vec![0xff, 0x00]),
        ];
        for cell in awkward {
            let kept = serde_json::to_string(&cell).unwrap();
            assert_eq!(serde_json::from_str::<Cell>(&kept).unwrap(), cell, "{kept}");
        }
    }

    #[test]
    fn integers_that_json_readers_would_round_are_shown_as_text() {
        assert_eq!(
            Cell::Integer(9_007_199_254_740_991).shown(),
            json!(9_007_199_254_740_991_i64)
        );
        assert_eq!(
            Cell::Integer(9_007_199_254_740_992).shown(),
            json!("9007199254740992")
        );
        assert_eq!(
            Cell::Integer(i64::MIN).shown(),
            json!("-9223372036854775808")
        );
    }
}
