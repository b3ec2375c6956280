//! Which errors of a template its references could mend once they are known, and which they never can.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::condition::depends_on_condition;
use crate::plan::reference::Reference;

/// The places of a value that are not known yet, as JSON Pointers.
#[derive(Debug, Clone, Default)]
pub(crate) struct References(BTreeSet<String>);

impl References {
    pub(crate) fn add(&mut self, pointer: &str) {
        self.0.insert(pointer.to_owned());
    }

    pub(crate) fn is_at(&self, pointer: &str) -> bool {
        self.0.contains(pointer)
    }

    /// The reference above a place, if it is part of one.
    pub(crate) fn above(&self, pointer: &str) -> Option<&str> {
        let mut rest = pointer;
        while let Some((parent, _)) = rest.rsplit_once('/') {
            if let Some(found) = self.0.get(parent) {
                return Some(found);
            }
            rest = parent;
        }
        None
    }

    pub(super) fn is_below(&self, pointer: &str) -> bool {
        let from = format!("{pointer}/");
        self.0
            .range(from.clone()..)
            .next()
            .is_some_and(|first| first.starts_with(&from))
    }
}

/// Whether some value of the references would make the error go away.
///
/// Only what no value can mend is kept: an unknown or missing member, a literal of the wrong type, two equal items.
/// Where the keyword is too clever to tell, the error counts as mendable: the resolved input is checked again.
pub(super) fn could_mend(
    error: &ValidationError<'_>,
    references: &References,
    schema: &Value,
) -> bool {
    let at = error.instance_path().as_str();
    if references.above(at).is_some() || depends_on_condition(error, references, schema) {
        return true;
    }
    if references.is_at(at) {
        return !matches!(error.kind(), Kind::FalseSchema);
    }
    if !references.is_below(at) {
        return false;
    }
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => context.iter().any(|branch| {
            branch
                .iter()
                .all(|error| could_mend(error, references, schema))
        }),
        Kind::Constant { expected_value } => could_equal(error.instance(), expected_value),
        Kind::Enum { options } => options.as_array().is_none_or(|options| {
            options
                .iter()
                .any(|option| could_equal(error.instance(), option))
        }),
        Kind::OneOfMultipleValid { .. }
        | Kind::Not { .. }
        | Kind::Contains
        | Kind::UnevaluatedItems { .. }
        | Kind::UnevaluatedProperties { .. }
        | Kind::Custom { .. } => true,
        _ => false,
    }
}

/// Whether a template can come out as this value.
fn could_equal(template: &Value, value: &Value) -> bool {
    if !matches!(Reference::read(template), Ok(None)) {
        return true;
    }
    match (template, value) {
        (Value::Object(template), Value::Object(value)) => {
            template.len() == value.len()
                && template.iter().all(|(name, member)| {
                    value
                        .get(name)
                        .is_some_and(|value| could_equal(member, value))
                })
        }
        (Value::Array(template), Value::Array(value)) => {
            template.len() == value.len()
                && template
                    .iter()
                    .zip(value)
                    .all(|(item, value)| could_equal(item, value))
        }
        (Value::Number(template), Value::Number(value)) => template.as_f64() == value.as_f64(),
        (template, value) => template == value,
    }
}
