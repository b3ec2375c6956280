//! Strict reading of JSON bodies: what two readers could understand differently is refused.
//!
//! One pass over the bytes makes the value and finds repeated keys, too deep nesting, integers outside ±(2^53 − 1) and NUL
//! in text; then the value is read as its type, and a wrong or unknown field is named by its JSON Pointer.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::problem::FieldError;

mod value;

/// Deepest nesting of arrays and objects (CONTRACT §2).
pub const DEPTH_MAX: usize = 64;
/// Largest integer, and with a minus the smallest: 2^53 − 1 (CONTRACT §2; RFC 8259 §6).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Most wrong places that one answer names.
pub const FIELD_ERRORS_MAX: usize = 32;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no JSON text in UTF-8.
    #[error("{0}")]
    NotJson(String),
    /// An object has the key at this pointer twice.
    #[error("the key at {0:?} is repeated")]
    DuplicateKey(String),
    /// It is nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// It is JSON, with wrong or unknown fields.
    #[error("the body has wrong or unknown fields")]
    Fields(Vec<FieldError>),
}

/// Reads a body as a type that is an object.
///
/// # Errors
/// [`Refused`], the first that applies in the order of its variants.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    object(read_value(bytes)?)
}

/// Reads a value as a type that is an object.
///
/// # Errors
/// As [`typed`].
pub fn object<T: DeserializeOwned>(value: Value) -> Result<T, Refused> {
    // Serde would take an array's items for a struct's fields in their order.
    if !value.is_object() {
        return Err(Refused::Fields(vec![FieldError::new(
            "",
            "the body must be an object",
        )]));
    }
    typed(value)
}

/// Reads a body as a value.
///
/// # Errors
/// As [`read`].
pub fn read_value(bytes: &[u8]) -> Result<Value, Refused> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Refused::NotJson(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    value::read(text)
}

/// Reads a value as a type.
///
/// # Errors
/// [`Refused::Fields`] with the first field that is wrong or unknown.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Refused> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(error.path());
        Refused::Fields(vec![FieldError::new(
            pointer,
            error.into_inner().to_string(),
        )])
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&domain::plan::reference::escape(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests;
