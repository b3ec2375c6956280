//! Playbooks: written plans with example utterances and typed parameters (CONTRACT §4).
//!
//! `read` takes a file apart and says line by line what is wrong; `check` tells whether its plan can work here;
//! [`Playbooks`] finds the one that some words mean, exactly or not at all.

mod misfit;
mod reading;
mod shape;
mod twins;
mod unsaid;
mod utterance;
mod yaml;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::misfit::Misfit;
pub use self::reading::{Match, Playbooks, Reading};
use self::utterance::Utterance;
use crate::goal::Limits;
use crate::plan::Plan;
use crate::plan::check::{CheckRequest, Parameters, check, check_reply};
use crate::schema::{Problem, Schema, ToolSchemas, TypeSet};

/// Most bytes of a playbook's file: as much as a request with a plan may have (CONTRACT §2).
pub const PLAYBOOK_BYTES_MAX: usize = 1_024 * 1_024;
/// Most errors reported of one playbook: the file is read again for the line of each.
pub const PLAYBOOK_ERRORS_MAX: usize = 50;
/// Longest name of a playbook, in characters.
pub const PLAYBOOK_NAME_CHARS_MAX: usize = 128;
/// Most utterances of a playbook: each is compared with every goal's words.
pub const UTTERANCES_MAX: usize = 100;
/// Longest utterance, in characters.
pub const UTTERANCE_CHARS_MAX: usize = 1_024;
/// Most places of an utterance.
pub const PLACES_MAX: usize = 16;

/// A written plan that words can ask for.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// What it is called, unique in a set.
    pub name: String,
    /// Words that ask for it, with `{parameter}` places.
    pub utterances: Vec<String>,
    /// JSON Schema of the object of parameters; members that it does not declare are refused.
    pub parameters: Value,
    /// The plan, over the parameters.
    pub plan: Plan,
    /// What the user is told at the end, over parameters and outputs; `None`: what the steps say.
    pub reply: Option<Value>,
    schema: Schema,
    /// The schema without what binds parameters to each other: judges one value at a time.
    value_schema: Schema,
    patterns: Vec<Utterance>,
    source: Source,
}

/// Something that is wrong with a playbook's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{position}: {reason}", position = position(*line, *column))]
pub struct PlaybookError {
    /// The file's name, as given.
    pub file: String,
    /// The line, from 1; `None`: the whole file.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// JSON Pointer into the document; `None`: it is none yet.
    pub pointer: Option<String>,
    /// What is wrong there.
    pub reason: String,
}

/// The file that a playbook came from, to name lines in.
#[derive(Debug, Clone)]
struct Source {
    file: String,
    text: Arc<str>,
}

impl Playbook {
    /// Reads a playbook's file.
    ///
    /// # Errors
    /// Everything that is wrong with its form, each with its line; the file must be mended.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<PlaybookError>> {
        let source = Source {
            file: file.to_owned(),
            text: text.into(),
        };
        if text.len() > PLAYBOOK_BYTES_MAX {
            return Err(vec![source.error(
                "",
                format!("the file has more than {PLAYBOOK_BYTES_MAX} bytes"),
            )]);
        }
        let document = yaml::read(text).map_err(|error| {
            vec![PlaybookError {
                file: source.file.clone(),
                line: error.line,
                column: error.column,
                pointer: None,
                reason: error.reason,
            }]
        })?;
        shape::read(&document, source)
    }

    /// What is wrong with the plan and reply, and with utterances that leave the plan without what it needs, given the
    /// tools, limits and secrets of this installation.
    pub fn check(
        &self,
        tools: &ToolSchemas,
        limits: &Limits,
        secrets: &BTreeSet<String>,
    ) -> Vec<PlaybookError> {
        let parameters = Parameters::Schema(self.schema.document());
        let request = CheckRequest {
            plan: &self.plan,
            tools,
            parameters,
            limits,
            secrets,
        };
        let plan = check(&request)
            .errors
            .into_iter()
            .map(|error| (format!("/plan{}", error.pointer), error.reason));
        let reply = self
            .reply
            .iter()
            .flat_map(|reply| check_reply(&request, reply));
        let reply = reply.map(|error| (format!("/reply{}", error.pointer), error.reason));
        self.source
            .errors(plan.chain(reply).chain(unsaid::errors(self)))
    }

    /// The name of the file that it was read from.
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// What is wrong with a complete set of parameters.
    pub fn parameter_errors(&self, parameters: &Value) -> Vec<Problem> {
        self.schema.errors(parameters)
    }

    /// Joins the parameters read from words with those given beside them (an object, or null for none), and fills in defaults.
    ///
    /// # Errors
    /// What is wrong with the whole, or the parameters for which the words say something else.
    pub fn merge(&self, spoken: &Map<String, Value>, given: &Value) -> Result<Value, Vec<Problem>> {
        let problem = |pointer: String, reason: &str| {
            vec![Problem {
                pointer,
                reason: reason.into(),
            }]
        };
        let mut parameters = spoken.clone();
        let none = Map::new();
        let given = match given {
            Value::Null => &none,
            Value::Object(given) => given,
            _ => return Err(problem(String::new(), "parameters must be an object")),
        };
        for (name, value) in given {
            let said = parameters.insert(name.clone(), value.clone());
            if said.is_some_and(|said| !same(&said, value)) {
                let pointer = format!("/{}", crate::plan::reference::escape(name));
                return Err(problem(pointer, "the words say something else"));
            }
        }
        for (name, _) in self.declared() {
            if let Some(default) = self.default(name)
                && !parameters.contains_key(name)
            {
                parameters.insert(name.clone(), default.clone());
            }
        }
        let parameters = Value::Object(parameters);
        let problems = self.schema.errors(&parameters);
        if problems.is_empty() {
            Ok(parameters)
        } else {
            Err(problems)
        }
    }

    /// The value that some words stand for as a parameter; `None`: they do not.
    fn value(&self, name: &str, words: &str) -> Option<Value> {
        let types = self
            .schema
            .types_at(&format!("/{}", crate::plan::reference::escape(name)));
        let mut candidates = utterance::values(words, types).into_iter();
        candidates.find(|value| {
            let alone = Map::from_iter([(name.to_owned(), value.clone())]);
            self.value_schema.allows(&Value::Object(alone))
        })
    }

    fn declared(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.parameters
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }

    /// The value of a parameter that nobody gives; `None`: it has none then.
    fn default(&self, name: &str) -> Option<&Value> {
        let declared = self.declared().find(|(declared, _)| *declared == name);
        declared.and_then(|(_, declared)| declared.get("default"))
    }
}

impl Source {
    fn errors(&self, found: impl Iterator<Item = (String, String)>) -> Vec<PlaybookError> {
        let found = found.take(PLAYBOOK_ERRORS_MAX);
        let mut errors: Vec<PlaybookError> = found
            .map(|(pointer, reason)| self.error(&pointer, reason))
            .collect();
        errors.sort_by_key(|error| (error.line, error.column));
        errors
    }

    fn error(&self, pointer: &str, reason: String) -> PlaybookError {
        let (line, column) = yaml::locate(&self.text, pointer).unzip();
        PlaybookError {
            file: self.file.clone(),
            line,
            column,
            pointer: Some(pointer.to_owned()),
            reason,
        }
    }
}

/// Whether words can give a value of these types.
fn readable(types: TypeSet) -> bool {
    !types.excludes(TypeSet::STRING | TypeSet::NUMBER | TypeSet::BOOLEAN)
}

/// Equality as JSON means it: 1 and 1.0 are one number.
fn same(left: &Value, right: &Value) -> bool {
    left == right || (left.is_number() && right.is_number() && left.as_f64() == right.as_f64())
}

fn position(line: Option<usize>, column: Option<usize>) -> String {
    [line, column]
        .into_iter()
        .flatten()
        .map(|number| format!(":{number}"))
        .collect()
}

#[cfg(test)]
mod tests;
