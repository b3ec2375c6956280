//! The schemas of a set of tools, compiled once and then used for every plan and call.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Problem, References, Schema, SchemaError};
use crate::plan::reference::{self, Reference};
use crate::suggest::nearest;
use crate::tool::{ToolSpec, Toolset};

/// A set of tools with their schemas compiled; build it once per set and keep it.
#[derive(Debug, Clone)]
pub struct ToolSchemas {
    tools: Toolset,
    compiled: BTreeMap<String, Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    input: Schema,
    /// `None`: a compensation's input is like any other.
    compensation: Option<Schema>,
    output: Schema,
}

/// A tool whose schema is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool {tool:?} has a broken {which} schema at {pointer:?}", pointer = source.pointer)]
pub struct ToolSchemaError {
    /// The tool.
    pub tool: String,
    /// `input`, `compensation` or `output`.
    pub which: &'static str,
    /// What is wrong.
    #[source]
    pub source: SchemaError,
}

impl ToolSchemas {
    /// Compiles the schemas of a set of tools.
    ///
    /// # Errors
    /// The first tool with a schema that does not compile.
    pub fn compile(tools: Toolset) -> Result<Self, ToolSchemaError> {
        let mut compiled = BTreeMap::new();
        for spec in tools.iter() {
            let broken = |which| {
                move |source| ToolSchemaError {
                    tool: spec.name.clone(),
                    which,
                    source,
                }
            };
            let input = Schema::compile(&spec.input_schema).map_err(broken("input"))?;
            let compensation = spec
                .compensation_schema
                .as_ref()
                .map(Schema::compile)
                .transpose();
            let compensation = compensation.map_err(broken("compensation"))?;
            let output = Schema::compile(&spec.output_schema).map_err(broken("output"))?;
            compiled.insert(
                spec.name.clone(),
                Compiled {
                    input,
                    compensation,
                    output,
                },
            );
        }
        Ok(Self { tools, compiled })
    }

    /// The set of tools.
    pub fn tools(&self) -> &Toolset {
        &self.tools
    }

    /// The specification of the tool of that name.
    pub fn spec(&self, tool: &str) -> Option<&ToolSpec> {
        self.tools.get(tool)
    }

    /// The tool whose name is nearest to one that does not exist.
    pub fn nearest(&self, tool: &str) -> Option<&str> {
        nearest(tool, self.compiled.keys().map(String::as_str))
    }

    /// The compiled input schema of a tool.
    pub fn input(&self, tool: &str) -> Option<&Schema> {
        self.compiled.get(tool).map(|compiled| &compiled.input)
    }

    /// The compiled schema of a tool's input where the tool is a compensation.
    pub fn compensation(&self, tool: &str) -> Option<&Schema> {
        self.compiled
            .get(tool)
            .map(|compiled| compiled.compensation.as_ref().unwrap_or(&compiled.input))
    }

    /// The compiled output schema of a tool.
    pub fn output(&self, tool: &str) -> Option<&Schema> {
        self.compiled.get(tool).map(|compiled| &compiled.output)
    }

    /// What is wrong with a resolved input, in which `$secret` still stands where the tool allows it.
    ///
    /// An unknown tool allows nothing.
    pub fn input_errors(&self, tool: &str, input: &Value) -> Vec<Problem> {
        self.call_errors(tool, self.input(tool), input)
    }

    /// As [`ToolSchemas::input_errors`], for the input of a compensation.
    pub fn compensation_errors(&self, tool: &str, input: &Value) -> Vec<Problem> {
        self.call_errors(tool, self.compensation(tool), input)
    }

    fn call_errors(&self, tool: &str, schema: Option<&Schema>, input: &Value) -> Vec<Problem> {
        let (Some(spec), Some(schema)) = (self.spec(tool), schema) else {
            return vec![unknown(tool)];
        };
        let mut secrets = References::default();
        if let Some(place) = &spec.secrets_at {
            reference::survey(input, &mut |pointer, found| {
                if matches!(found, Ok(Reference::Secret(_))) && is_below(pointer, place) {
                    secrets.add(pointer);
                }
            });
        }
        schema.errors_beside(input, &secrets)
    }

    /// What is wrong with what a tool answered; an unknown tool answers nothing that is right.
    pub fn output_errors(&self, tool: &str, output: &Value) -> Vec<Problem> {
        self.output(tool)
            .map_or_else(|| vec![unknown(tool)], |schema| schema.errors(output))
    }
}

/// Whether a JSON Pointer leads below another.
pub(crate) fn is_below(pointer: &str, ancestor: &str) -> bool {
    pointer
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn unknown(tool: &str) -> Problem {
    Problem {
        pointer: String::new(),
        reason: format!("there is no tool {tool:?}"),
    }
}
