//! What the thing that a reference refers to can be: its JSON types, as far as schemas and values tell.

use serde_json::Value;

use super::template::Template;
use super::{Checker, Parameters};
use crate::plan::reference::{Reference, escape};
use crate::plan::resolve::{Scope, resolve};
use crate::schema::TypeSet;

impl<'a> Checker<'a> {
    /// The types of a goal's parameter; an unknown one is an error unless the template may do without.
    pub(super) fn parameter(&mut self, template: &Template<'a>, at: &str, name: &str) -> TypeSet {
        let unknown =
            |known: Vec<&str>| format!("there is no parameter {name:?}{}", self.guess(name, known));
        match self.request.parameters {
            Parameters::Values(values) => match values.get(name) {
                Some(value) => TypeSet::of(value),
                None => {
                    if !template.may_lack_parameters {
                        self.add(at, "plan.unknown_parameter", unknown(names(values)));
                    }
                    TypeSet::ANY
                }
            },
            Parameters::Schema(schema) => {
                let declared = schema.get("properties");
                if declared.is_none_or(|declared| declared.get(name).is_none()) {
                    self.add(
                        at,
                        "plan.unknown_parameter",
                        unknown(declared.map(names).unwrap_or_default()),
                    );
                    return TypeSet::ANY;
                }
                crate::schema::types_at(schema, &format!("/{}", escape(name)))
            }
        }
    }

    /// The types of a place in the whole output of a step.
    pub(super) fn output_types(&self, place: usize, path: &str) -> TypeSet {
        let Some(step) = self.request.plan.steps.get(place) else {
            return TypeSet::ANY;
        };
        if step.for_each.is_none() {
            return self.effect_types(&step.tool, path);
        }
        // The output of a step with `for_each` is made of those of its effects: {"items": [output, …]}.
        let mut tokens = path.splitn(4, '/').skip(1);
        match (tokens.next(), tokens.next(), tokens.next()) {
            (None, _, _) => TypeSet::OBJECT,
            (Some("items"), None, _) => TypeSet::ARRAY,
            (Some("items"), Some(index), rest) if index == "-" || index.parse::<u32>().is_ok() => {
                self.effect_types(
                    &step.tool,
                    &rest.map(|rest| format!("/{rest}")).unwrap_or_default(),
                )
            }
            _ => TypeSet::NONE,
        }
    }

    /// The types of a place in the output of one effect of a tool.
    pub(super) fn effect_types(&self, tool: &str, path: &str) -> TypeSet {
        self.request
            .tools
            .output(tool)
            .map_or(TypeSet::ANY, |schema| schema.types_at(path))
    }

    /// The types of a place in the items of a step with `for_each`.
    pub(super) fn item_types(&self, items: &Value, path: &str) -> TypeSet {
        match Reference::read(items) {
            Ok(Some(Reference::Step { step, path: list })) => {
                let place = self.places.get(step);
                place.map_or(TypeSet::ANY, |place| {
                    self.output_types(*place, &format!("{list}/-{path}"))
                })
            }
            Ok(Some(Reference::Param(name))) => match self.request.parameters {
                Parameters::Schema(schema) => {
                    crate::schema::types_at(schema, &format!("/{}/-{path}", escape(name)))
                }
                Parameters::Values(_) => TypeSet::ANY,
            },
            _ => TypeSet::ANY,
        }
    }

    /// The value of a template over what is known before the start; `None`: it needs more.
    pub(super) fn known(&self, template: &Value, item: Option<&Value>) -> Option<Value> {
        let Parameters::Values(parameters) = self.request.parameters else {
            return None;
        };
        resolve(
            template,
            &Scope {
                parameters,
                outputs: &|_| None,
                result: None,
                item,
            },
        )
        .ok()
    }
}

fn names(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}
