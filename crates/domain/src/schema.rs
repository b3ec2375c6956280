//! JSON Schemas, compiled: what is wrong with a value, and what cannot be mended in one that still has references.
//!
//! Nothing is ever fetched: a schema that refers to another document does not compile. Reasons name what is wanted and
//! never print the value, which may be personal or a megabyte.

mod condition;
mod mend;
mod places;
mod reason;
mod slips;
mod tools;

use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

pub(crate) use self::mend::References;
pub use self::places::{TypeSet, types_at};
pub(crate) use self::slips::slips;
pub(crate) use self::tools::is_below;
pub use self::tools::{ToolSchemaError, ToolSchemas};
use crate::plan::reference;

/// Most problems reported of one value: past this nobody reads on.
pub const PROBLEMS_MAX: usize = 20;
/// Steps a pattern may go back while it looks for a match, so that no text holds a thread for long.
const PATTERN_STEPS_MAX: usize = 100_000;

/// A JSON Schema (draft 2020-12 unless it names another), ready to validate; cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    document: Arc<Value>,
    validator: Arc<Validator>,
}

/// A document that is no usable JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SchemaError {
    /// JSON Pointer into the schema.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

/// Something in a value that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer into the value.
    pub pointer: String,
    /// What is wrong there, without the value.
    pub reason: String,
}

impl Schema {
    /// Compiles a schema; `format` is validated, references to other documents are refused.
    ///
    /// # Errors
    /// The document is no JSON Schema, or refers to what is not in it.
    pub fn compile(document: &Value) -> Result<Self, SchemaError> {
        let built = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(PATTERN_STEPS_MAX))
            .build(document);
        let validator = built.map_err(|error| SchemaError {
            pointer: error.instance_path().as_str().to_owned(),
            reason: reason::of(&error, document),
        })?;
        Ok(Self {
            document: Arc::new(document.clone()),
            validator: Arc::new(validator),
        })
    }

    /// The schema as written.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The JSON types that the schema allows at a place.
    pub fn types_at(&self, pointer: &str) -> TypeSet {
        types_at(&self.document, pointer)
    }

    /// Whether the schema allows a value.
    pub fn allows(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What is wrong with a value, at most [`PROBLEMS_MAX`] problems.
    pub fn errors(&self, value: &Value) -> Vec<Problem> {
        self.errors_beside(value, &References::default())
    }

    /// What is wrong with a template whatever its references turn out to be, at most [`PROBLEMS_MAX`] problems.
    pub fn template_errors(&self, template: &Value) -> Vec<Problem> {
        let mut references = References::default();
        reference::survey(template, &mut |pointer, _| references.add(pointer));
        self.errors_beside(template, &references)
    }

    /// What is wrong with a value that the given places, once known, cannot mend.
    pub(crate) fn errors_beside(&self, value: &Value, references: &References) -> Vec<Problem> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let lasting = self
            .validator
            .iter_errors(value)
            .filter(|error| !mend::could_mend(error, references, &self.document));
        let mut problems: Vec<Problem> = lasting
            .flat_map(|error| reason::problems(&error, &self.document))
            .take(PROBLEMS_MAX)
            .collect();
        problems.sort_by(|left, right| {
            (&left.pointer, &left.reason).cmp(&(&right.pointer, &right.reason))
        });
        problems.dedup();
        problems
    }
}

#[cfg(test)]
mod tests;
