//! Taking a playbook's document apart: its keys, its parameters' schema, its utterances, its plan's form.

use serde_json::{Map, Value, json};

use super::utterance::Utterance;
use super::{PLAYBOOK_NAME_CHARS_MAX, Playbook, PlaybookError, Source, UTTERANCES_MAX, readable};
use crate::plan::parse::parse;
use crate::plan::reference::escape;
use crate::schema::{Schema, TypeSet, slips};
use crate::suggest::did_you_mean;

const KEYS: [&str; 5] = ["name", "utterances", "parameters", "plan", "reply"];
/// What binds parameters to each other, and so cannot judge one value alone.
pub(super) const BINDING: [&str; 14] = [
    "required",
    "minProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "if",
    "then",
    "else",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "unevaluatedProperties",
    "default",
];

/// Reads a document as a playbook.
pub(super) fn read(document: &Value, source: Source) -> Result<Playbook, Vec<PlaybookError>> {
    let Value::Object(members) = document else {
        return Err(vec![source.error(
            "",
            "a playbook must be a mapping with name, utterances and plan".into(),
        )]);
    };
    let mut reader = Reader { errors: Vec::new() };
    for name in members.keys().filter(|name| !KEYS.contains(&name.as_str())) {
        reader.add(
            format!("/{}", escape(name)),
            format!("unknown key {name:?}{}", did_you_mean(name, KEYS)),
        );
    }
    let name = reader.name(members);
    let parameters = reader.parameters(members);
    let utterances = reader.utterances(members);
    let patterns = parameters
        .as_ref()
        .map(|parameters| reader.patterns(&utterances, parameters))
        .unwrap_or_default();
    let plan = reader
        .required(members, "plan")
        .and_then(|plan| match parse(plan) {
            Ok(plan) => Some(plan),
            Err(errors) => {
                errors
                    .into_iter()
                    .for_each(|error| reader.add(format!("/plan{}", error.pointer), error.reason));
                None
            }
        });
    let complete = name.zip(parameters).zip(plan);
    match complete {
        Some(((name, (parameters, schema, value_schema)), plan)) if reader.errors.is_empty() => {
            Ok(Playbook {
                name,
                utterances: utterances.into_iter().map(str::to_owned).collect(),
                parameters,
                plan,
                reply: members
                    .get("reply")
                    .filter(|reply| !reply.is_null())
                    .cloned(),
                schema,
                value_schema,
                patterns,
                source,
            })
        }
        _ => Err(source.errors(reader.errors.into_iter())),
    }
}

struct Reader {
    errors: Vec<(String, String)>,
}

impl Reader {
    fn add(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.errors.push((pointer.into(), reason.into()));
    }

    fn required<'a>(&mut self, members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        let value = members.get(name);
        if value.is_none() {
            self.add("", format!("key {name:?} is missing"));
        }
        value
    }

    fn name(&mut self, members: &Map<String, Value>) -> Option<String> {
        let name = self.required(members, "name")?.as_str().unwrap_or_default();
        let long = name.chars().count() > PLAYBOOK_NAME_CHARS_MAX;
        if name.trim().is_empty() || long || name.chars().any(char::is_control) {
            self.add(
                "/name",
                format!("name must be text of 1 to {PLAYBOOK_NAME_CHARS_MAX} characters"),
            );
        }
        Some(name.to_owned())
    }

    /// The parameters' schema as written, closed and compiled, and compiled for one value at a time.
    fn parameters(&mut self, members: &Map<String, Value>) -> Option<(Value, Schema, Schema)> {
        let written = members
            .get("parameters")
            .filter(|schema| !schema.is_null())
            .cloned()
            .unwrap_or(json!({}));
        let Value::Object(mut closed) = written else {
            self.add(
                "/parameters",
                "parameters must be the JSON Schema of an object",
            );
            return None;
        };
        if closed.get("type").is_some_and(|kind| kind != "object") {
            self.add(
                "/parameters/type",
                "parameters must be the JSON Schema of an object",
            );
            return None;
        }
        for slip in slips(&Value::Object(closed.clone())) {
            self.add(format!("/parameters{}", slip.pointer), slip.reason);
        }
        closed.insert("type".into(), json!("object"));
        let written = Value::Object(closed.clone());
        if [
            "additionalProperties",
            "patternProperties",
            "unevaluatedProperties",
        ]
        .iter()
        .all(|key| !closed.contains_key(*key))
        {
            closed.insert("additionalProperties".into(), Value::Bool(false));
        }
        let mut single = closed.clone();
        single.retain(|keyword, _| !BINDING.contains(&keyword.as_str()));
        let schema = self.compile(&Value::Object(closed))?;
        let value_schema = self.compile(&Value::Object(single))?;
        let properties = written
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (name, default) in
            properties.filter_map(|(name, property)| Some((name, property.get("default")?)))
        {
            for problem in value_schema.errors(&json!({ name: default })) {
                self.add(
                    format!("/parameters/properties/{}/default", escape(name)),
                    format!("default {}", problem.reason),
                );
            }
        }
        Some((written, schema, value_schema))
    }

    fn compile(&mut self, schema: &Value) -> Option<Schema> {
        let compiled = Schema::compile(schema);
        compiled
            .map_err(|error| self.add(format!("/parameters{}", error.pointer), error.reason))
            .ok()
    }

    fn utterances<'a>(&mut self, members: &'a Map<String, Value>) -> Vec<&'a str> {
        let Some(listed) = self.required(members, "utterances") else {
            return Vec::new();
        };
        let items = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        if items.is_empty() || items.len() > UTTERANCES_MAX {
            self.add(
                "/utterances",
                format!("utterances must be a list of 1 to {UTTERANCES_MAX} texts"),
            );
            return Vec::new();
        }
        let texts = items.iter().enumerate().filter_map(|(index, item)| {
            if !item.is_string() {
                self.add(format!("/utterances/{index}"), "an utterance must be text");
            }
            item.as_str()
        });
        texts.collect()
    }

    fn patterns(
        &mut self,
        utterances: &[&str],
        (written, schema, _): &(Value, Schema, Schema),
    ) -> Vec<Utterance> {
        let properties = written.get("properties").and_then(Value::as_object);
        let required = written
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let default = |name: &str| {
            properties
                .and_then(|all| all.get(name))
                .and_then(|property| property.get("default"))
        };
        let needed: Vec<&str> = required.filter(|name| default(name).is_none()).collect();
        let mut patterns = Vec::new();
        for (index, text) in utterances.iter().enumerate() {
            let at = format!("/utterances/{index}");
            let pattern = match Utterance::read(text) {
                Ok(pattern) => pattern,
                Err(reason) => {
                    self.add(at, reason);
                    continue;
                }
            };
            for place in pattern.places() {
                let known = properties
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str());
                if !properties.is_some_and(|properties| properties.contains_key(place)) {
                    let guess = did_you_mean(place, known);
                    self.add(
                        at.clone(),
                        format!("{{{place}}} is no declared parameter{guess}"),
                    );
                    continue;
                }
                let types = schema.types_at(&format!("/{}", escape(place)));
                if types == TypeSet::NONE || !readable(types) {
                    self.add(
                        at.clone(),
                        format!("{{{place}}} is {types}, which words cannot give"),
                    );
                }
            }
            for name in needed
                .iter()
                .filter(|name| !pattern.places().any(|place| place == **name))
            {
                self.add(
                    at.clone(),
                    format!("required parameter {name:?} has no place here and no default"),
                );
            }
            patterns.push(pattern);
        }
        patterns
    }
}
