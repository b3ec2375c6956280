//! Canonical JSON (RFC 8785): the one sequence of bytes that a value has, and the only thing that is ever hashed.
//!
//! The writer is our own because an entry's fields are known and sorted already; a property test holds it against
//! `serde_json_canonicalizer`. Numbers are those that every reader agrees on: ±(2^53 − 1).

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use crate::entry::SealError;

/// The largest number an entry may hold, 2^53 − 1: past it JSON readers disagree (RFC 8785 §3.2.2.3, I-JSON).
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The deepest nesting of `metadata`, itself counted: the same as a request body's, half of what `serde_json` reads.
pub const METADATA_DEPTH_MAX: usize = 64;

/// Appends a string with the escapes of RFC 8785 §3.2.2.2.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    // No early exit: the whole string is tested in a few vector instructions.
    let escapes = text.bytes().fold(false, |found, byte| {
        found | (byte < 0x20) | (byte == b'"') | (byte == b'\\')
    });
    if escapes {
        text.chars().for_each(|char| push_escaped(out, char));
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn push_escaped(out: &mut String, char: char) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\0'..='\u{1f}' => push_display(out, format_args!("\\u{:04x}", u32::from(char))),
        _ => out.push(char),
    }
}

/// Appends a number that is a whole one.
pub(crate) fn push_integer(out: &mut String, number: u64) -> Result<(), SealError> {
    if number > NUMBER_MAX {
        return Err(SealError::Number(number.to_string()));
    }
    push_digits(out, number);
    Ok(())
}

/// Appends decimal digits; three numbers an entry are too many for the formatting machinery.
fn push_digits(out: &mut String, number: u64) {
    if number >= 10 {
        push_digits(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends an object, its names sorted by UTF-16 code units (RFC 8785 §3.2.3); `depth` counts it.
pub(crate) fn push_object(
    out: &mut String,
    object: &Map<String, Value>,
    depth: usize,
) -> Result<(), SealError> {
    if depth > METADATA_DEPTH_MAX {
        return Err(SealError::Depth);
    }
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    if !members.is_sorted_by(|(left, _), (right, _)| left.is_ascii() && left < right) {
        members.sort_unstable_by(|(left, _), (right, _)| {
            left.encode_utf16().cmp(right.encode_utf16())
        });
    }
    out.push('{');
    for (position, (name, value)) in members.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push_value(out, value, depth)?;
    }
    out.push('}');
    Ok(())
}

fn push_value(out: &mut String, value: &Value, depth: usize) -> Result<(), SealError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number)?,
        Value::String(text) => push_string(out, text),
        Value::Array(items) => push_array(out, items, depth + 1)?,
        Value::Object(object) => push_object(out, object, depth + 1)?,
    }
    Ok(())
}

fn push_array(out: &mut String, items: &[Value], depth: usize) -> Result<(), SealError> {
    if depth > METADATA_DEPTH_MAX {
        return Err(SealError::Depth);
    }
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_value(out, item, depth)?;
    }
    out.push(']');
    Ok(())
}

fn push_number(out: &mut String, number: &Number) -> Result<(), SealError> {
    let refused = || SealError::Number(number.to_string());
    if let Some(integer) = number.as_i64() {
        if integer.unsigned_abs() > NUMBER_MAX {
            return Err(refused());
        }
        if integer < 0 {
            out.push('-');
        }
        push_digits(out, integer.unsigned_abs());
        return Ok(());
    }
    let float = number
        .as_f64()
        .filter(|float| float.abs() <= NUMBER_MAX as f64)
        .ok_or_else(refused)?;
    // Fractions are rare; their shortest form is ECMAScript's, which the library knows.
    let text = serde_json_canonicalizer::to_string(&float).map_err(|_| refused())?;
    out.push_str(&text);
    Ok(())
}

#[expect(
    clippy::expect_used,
    reason = "a String takes all text there is memory for"
)]
fn push_display(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a String does not fail");
}
