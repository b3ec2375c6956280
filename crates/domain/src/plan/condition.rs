//! Whether a step's `when` holds.

use std::cmp::Ordering;

use serde_json::Value;

use super::resolve::{Scope, Unresolved, resolve};
use super::{Condition, Op};

/// Whether a condition holds in a scope.
///
/// # Errors
/// A reference other than that of `exists` has no value, or the two sides cannot be ordered.
pub fn holds(condition: &Condition, scope: &Scope<'_>) -> Result<bool, Unresolved> {
    let left = resolve(&condition.left, scope);
    if condition.op == Op::Exists {
        return Ok(left.is_ok_and(|value| !value.is_null()));
    }
    let left = left?;
    let right = resolve(condition.right.as_ref().unwrap_or(&Value::Null), scope)?;
    let ordered = |accept: fn(Ordering) -> bool| match order(&left, &right) {
        Some(ordering) => Ok(accept(ordering)),
        None => Err(Unresolved {
            pointer: String::new(),
            reason: "only two numbers or two texts can be ordered".into(),
        }),
    };
    match condition.op {
        Op::Eq => Ok(equal(&left, &right)),
        Op::Ne => Ok(!equal(&left, &right)),
        Op::Lt => ordered(Ordering::is_lt),
        Op::Lte => ordered(Ordering::is_le),
        Op::Gt => ordered(Ordering::is_gt),
        Op::Gte => ordered(Ordering::is_ge),
        Op::In => match &right {
            Value::Array(items) => Ok(items.iter().any(|item| equal(item, &left))),
            _ => Err(Unresolved {
                pointer: String::new(),
                reason: "the right side of \"in\" is no array".into(),
            }),
        },
        Op::Exists => Ok(true),
    }
}

/// Equality as JSON means it: 1 and 1.0 are one number, wherever they stand.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, value)| right.get(name).is_some_and(|other| equal(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        (left, right) => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
