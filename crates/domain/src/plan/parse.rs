//! Reading a plan document, with everything that is wrong with its form.
//!
//! Form only: names, types and shapes. Whether the plan can work is for `check`.

use serde_json::{Map, Value};

use super::{Compensation, Condition, ForEach, Op, PLAN_VERSION, Plan, Step};
use crate::id::StepId;
use crate::plan::reference::escape;
use crate::schema::TypeSet;
use crate::suggest::did_you_mean;

/// Most errors reported of one plan: past this nobody reads on, and the answer must stay small.
pub const PLAN_ERRORS_MAX: usize = 200;

const PLAN_FIELDS: [&str; 2] = ["version", "steps"];
const STEP_FIELDS: [&str; 10] = [
    "id",
    "tool",
    "input",
    "after",
    "when",
    "for_each",
    "compensation",
    "approval",
    "attempts",
    "timeout_seconds",
];
const COMPENSATION_FIELDS: [&str; 4] = ["tool", "input", "attempts", "timeout_seconds"];
const CONDITION_FIELDS: [&str; 3] = ["left", "op", "right"];
const FOR_EACH_FIELDS: [&str; 2] = ["items", "max"];
const OPS: [(&str, Op); 8] = [
    ("eq", Op::Eq),
    ("ne", Op::Ne),
    ("lt", Op::Lt),
    ("lte", Op::Lte),
    ("gt", Op::Gt),
    ("gte", Op::Gte),
    ("in", Op::In),
    ("exists", Op::Exists),
];

/// Something that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PlanError {
    /// JSON Pointer into the plan document.
    pub pointer: String,
    /// Stable dotted code, such as `plan.unknown_tool`.
    pub code: &'static str,
    /// What is wrong there.
    pub reason: String,
}

/// Reads a plan document.
///
/// # Errors
/// Everything that is wrong with its form, at most [`PLAN_ERRORS_MAX`] errors.
pub fn parse(document: &Value) -> Result<Plan, Vec<PlanError>> {
    let (plan, errors) = read(document);
    if errors.is_empty() {
        Ok(plan)
    } else {
        Err(errors)
    }
}

/// As [`parse`], with the plan as far as it could be read beside the errors, for a report on a broken plan.
///
/// A step without a readable id and tool is left out, so places in that plan are not places in the document.
pub fn read(document: &Value) -> (Plan, Vec<PlanError>) {
    let mut reader = Reader { errors: Vec::new() };
    let mut plan = Plan {
        version: PLAN_VERSION,
        steps: Vec::new(),
    };
    if let Some(fields) = reader.object(document, "", &PLAN_FIELDS) {
        if let Some(version) = fields
            .get("version")
            .filter(|version| version.as_u64() != Some(PLAN_VERSION.into()))
        {
            reader.add(
                "/version",
                "plan.version",
                format!("version must be {PLAN_VERSION}, not {}", plain(version)),
            );
        }
        match fields.get("steps") {
            None => reader.missing("", "steps"),
            Some(Value::Array(steps)) => {
                let steps = steps.iter().enumerate();
                plan.steps = steps
                    .filter_map(|(place, step)| reader.step(step, &format!("/steps/{place}")))
                    .collect();
            }
            Some(other) => reader.wrong_type("/steps", "an array", other),
        }
    }
    (plan, reader.errors)
}

struct Reader {
    errors: Vec<PlanError>,
}

impl Reader {
    fn step(&mut self, document: &Value, at: &str) -> Option<Step> {
        let fields = self.object(document, at, &STEP_FIELDS)?;
        let id = self
            .text(fields, at, "id")
            .and_then(|id| self.step_id(id, &format!("{at}/id")));
        let tool = self.text(fields, at, "tool");
        let input = self.input(fields, at);
        let after = self.after(fields, at);
        let when = self.optional(fields, at, "when", Self::condition);
        let for_each = self.optional(fields, at, "for_each", Self::for_each);
        let compensation = self.optional(fields, at, "compensation", Self::compensation);
        let approval = match fields.get("approval") {
            None => false,
            Some(Value::Bool(approval)) => *approval,
            Some(other) => {
                self.wrong_type(&format!("{at}/approval"), "true or false", other);
                false
            }
        };
        let attempts = self.optional(fields, at, "attempts", Self::count);
        let timeout_seconds = self.optional(fields, at, "timeout_seconds", Self::count);
        Some(Step {
            id: id?,
            tool: tool?.to_owned(),
            input,
            after,
            when,
            for_each,
            compensation,
            approval,
            attempts,
            timeout_seconds,
        })
    }

    fn compensation(&mut self, document: &Value, at: &str) -> Option<Compensation> {
        let fields = self.object(document, at, &COMPENSATION_FIELDS)?;
        let tool = self.text(fields, at, "tool");
        let input = self.input(fields, at);
        let attempts = self.optional(fields, at, "attempts", Self::count);
        let timeout_seconds = self.optional(fields, at, "timeout_seconds", Self::count);
        Some(Compensation {
            tool: tool?.to_owned(),
            input,
            attempts,
            timeout_seconds,
        })
    }

    fn condition(&mut self, document: &Value, at: &str) -> Option<Condition> {
        let fields = self.object(document, at, &CONDITION_FIELDS)?;
        let left = self.required(fields, at, "left");
        let op = self.text(fields, at, "op").and_then(|name| {
            let known = OPS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, op)| *op);
            if known.is_none() {
                let names = OPS.map(|(name, _)| name);
                let reason = format!(
                    "op must be one of {}{}",
                    names.join(", "),
                    did_you_mean(name, names)
                );
                self.add(&format!("{at}/op"), "plan.condition", reason);
            }
            known
        });
        if op.is_some_and(|op| op != Op::Exists) {
            self.required(fields, at, "right");
        }
        // As serde reads it back: no right side and null are the same.
        let right = fields
            .get("right")
            .filter(|right| !right.is_null())
            .cloned();
        Some(Condition {
            left: left?.clone(),
            op: op?,
            right,
        })
    }

    fn for_each(&mut self, document: &Value, at: &str) -> Option<ForEach> {
        let fields = self.object(document, at, &FOR_EACH_FIELDS)?;
        let items = self.required(fields, at, "items");
        let max = self
            .required(fields, at, "max")
            .and_then(|max| self.count(max, &format!("{at}/max")));
        Some(ForEach {
            items: items?.clone(),
            max: max?,
        })
    }

    fn input(&mut self, fields: &Map<String, Value>, at: &str) -> Value {
        match fields.get("input") {
            Some(input) if !input.is_object() => {
                self.wrong_type(&format!("{at}/input"), "an object", input);
                super::empty_object()
            }
            input => input.cloned().unwrap_or_else(super::empty_object),
        }
    }

    fn after(&mut self, fields: &Map<String, Value>, at: &str) -> Vec<StepId> {
        match fields.get("after") {
            None => Vec::new(),
            Some(Value::Array(ids)) => {
                let read = ids.iter().enumerate().filter_map(|(place, id)| {
                    let at = format!("{at}/after/{place}");
                    let Some(text) = id.as_str() else {
                        self.wrong_type(&at, "text", id);
                        return None;
                    };
                    self.step_id(text, &at)
                });
                read.collect()
            }
            Some(other) => {
                self.wrong_type(&format!("{at}/after"), "an array", other);
                Vec::new()
            }
        }
    }

    fn object<'a>(
        &mut self,
        value: &'a Value,
        at: &str,
        known: &[&'static str],
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(fields) = value else {
            self.wrong_type(at, "an object", value);
            return None;
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let pointer = format!("{at}/{}", escape(name));
            let guess = did_you_mean(name, known.iter().copied());
            self.add(
                &pointer,
                "plan.unknown_field",
                format!("unknown field {:?}{guess}", short(name)),
            );
        }
        Some(fields)
    }

    fn required<'a>(
        &mut self,
        fields: &'a Map<String, Value>,
        at: &str,
        name: &str,
    ) -> Option<&'a Value> {
        let value = fields.get(name);
        if value.is_none() {
            self.missing(at, name);
        }
        value
    }

    fn text<'a>(
        &mut self,
        fields: &'a Map<String, Value>,
        at: &str,
        name: &str,
    ) -> Option<&'a str> {
        let value = self.required(fields, at, name)?;
        if !value.is_string() {
            self.wrong_type(&format!("{at}/{name}"), "text", value);
        }
        value.as_str()
    }

    /// A field that may be left out; `null` leaves it out as well.
    fn optional<T>(
        &mut self,
        fields: &Map<String, Value>,
        at: &str,
        name: &str,
        read: fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Option<T> {
        let value = fields.get(name).filter(|value| !value.is_null())?;
        read(self, value, &format!("{at}/{name}"))
    }

    fn count(&mut self, value: &Value, at: &str) -> Option<u32> {
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            self.wrong_type(at, "a whole number from 0", value);
        }
        count
    }

    fn step_id(&mut self, text: &str, at: &str) -> Option<StepId> {
        match StepId::try_from(text.to_owned()) {
            Ok(id) => Some(id),
            Err(invalid) => {
                self.add(at, "plan.invalid_id", invalid.to_string());
                None
            }
        }
    }

    fn missing(&mut self, at: &str, name: &str) {
        self.add(
            at,
            "plan.missing_field",
            format!("field {name:?} is missing"),
        );
    }

    fn wrong_type(&mut self, at: &str, wanted: &str, value: &Value) {
        self.add(
            at,
            "plan.wrong_type",
            format!("must be {wanted}, not {}", plain(value)),
        );
    }

    fn add(&mut self, pointer: &str, code: &'static str, reason: String) {
        if self.errors.len() < PLAN_ERRORS_MAX {
            self.errors.push(PlanError {
                pointer: pointer.to_owned(),
                code,
                reason,
            });
        }
    }
}

/// A number as it is, of anything else only the type.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => TypeSet::of(other).to_string(),
    }
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
