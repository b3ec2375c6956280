//! Checking what a template refers to, and whether it may do so where it stands.

use serde_json::Value;

use super::Checker;
use crate::plan::Step;
use crate::plan::reference::{self, Reference};
use crate::plan::resolve::{Piece, pieces};
use crate::schema::{TypeSet, is_below};
use crate::tool::ToolSpec;

/// A template, where it stands and what it may do.
pub(super) struct Template<'a> {
    pub(super) value: &'a Value,
    /// JSON Pointer of the template in the plan.
    pub(super) at: String,
    pub(super) site: Site,
    /// The step it belongs to, with its place; `None`: it is a reply.
    pub(super) step: Option<(usize, &'a Step)>,
    /// The tool whose input it is.
    pub(super) spec: Option<&'a ToolSpec>,
    /// Whether parameters that the goal does not have are no error.
    pub(super) may_lack_parameters: bool,
}

/// Where a template stands; it decides what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    Input,
    Compensation,
    When,
    Items,
    Reply,
}

/// A reference and what is known of its value.
pub(super) struct Place<'a> {
    /// JSON Pointer in the template.
    pub(super) pointer: String,
    /// `None`: it is written wrongly, which has been reported.
    pub(super) reference: Option<Reference<'a>>,
    pub(super) types: TypeSet,
}

impl<'a> Template<'a> {
    pub(super) fn of_reply(value: &'a Value) -> Self {
        Self {
            value,
            at: String::new(),
            site: Site::Reply,
            step: None,
            spec: None,
            may_lack_parameters: false,
        }
    }

    fn is_input(&self) -> bool {
        matches!(self.site, Site::Input | Site::Compensation)
    }
}

impl<'a> Checker<'a> {
    /// Checks what a template refers to; the places are those outside of `$format`.
    pub(super) fn references(&mut self, template: &Template<'a>) -> Vec<Place<'a>> {
        let mut found = Vec::new();
        reference::survey(template.value, &mut |pointer, read| {
            found.push((pointer.to_owned(), read))
        });
        let mut places: Vec<Place<'a>> = Vec::with_capacity(found.len());
        for (pointer, read) in found {
            let at = format!("{}{pointer}", template.at);
            let in_format = places
                .last()
                .is_some_and(|place| is_below(&pointer, &place.pointer));
            let (reference, types) = match read {
                Ok(Reference::Secret(_)) if in_format => {
                    self.add(
                        at,
                        "plan.reference_not_allowed",
                        "$secret cannot be part of a $format",
                    );
                    continue;
                }
                Ok(reference) => (
                    Some(reference),
                    self.reference(template, (&at, &pointer), reference),
                ),
                Err(invalid) => {
                    self.add(at, "plan.invalid_reference", invalid.to_string());
                    (None, TypeSet::ANY)
                }
            };
            if !in_format {
                places.push(Place {
                    pointer,
                    reference,
                    types,
                });
            }
        }
        places
    }

    /// Checks one reference; gives the types that its value can have.
    fn reference(
        &mut self,
        template: &Template<'a>,
        (at, pointer): (&str, &str),
        reference: Reference<'a>,
    ) -> TypeSet {
        let types = match reference {
            Reference::Param(name) => return self.parameter(template, at, name),
            Reference::Format {
                template: text,
                with,
            } => {
                self.format(at, text, with);
                return TypeSet::STRING;
            }
            Reference::Secret(name) => {
                self.secret(template, (at, pointer), name);
                return TypeSet::STRING;
            }
            Reference::Step { step, path } => {
                let Some(place) = self.source_step(template, at, step) else {
                    return TypeSet::ANY;
                };
                self.output_types(place, path)
            }
            Reference::Result(path) => match template.step {
                Some((_, step)) if template.site == Site::Compensation => {
                    self.effect_types(&step.tool, path)
                }
                _ => return self.not_allowed(at, "$result can stand only in a compensation"),
            },
            Reference::Item(path) => {
                match template.step.and_then(|(_, step)| step.for_each.as_ref()) {
                    Some(for_each) if template.is_input() => self.item_types(&for_each.items, path),
                    _ => {
                        return self.not_allowed(
                            at,
                            "$item can stand only in the inputs of a step with for_each",
                        );
                    }
                }
            }
        };
        if types == TypeSet::NONE {
            self.add(
                at,
                "plan.no_such_output",
                format!("{} cannot be there", describe(reference)),
            );
            return TypeSet::ANY;
        }
        types
    }

    fn not_allowed(&mut self, at: &str, reason: &str) -> TypeSet {
        self.add(at, "plan.reference_not_allowed", reason);
        TypeSet::ANY
    }

    /// The place of the step that `$step` names, where the template may refer to it.
    fn source_step(&mut self, template: &Template<'a>, at: &str, id: &str) -> Option<usize> {
        let Some(place) = self.places.get(id).copied() else {
            let guess = self.guess(id, self.places.keys().copied());
            self.add(
                at,
                "plan.unknown_step",
                format!("there is no step {id:?}{guess}"),
            );
            return None;
        };
        let Some((own, step)) = template.step else {
            return Some(place);
        };
        if place == own && template.site != Site::Compensation {
            self.add(
                at,
                "plan.own_output",
                format!("step {id:?} cannot refer to its own output"),
            );
            return None;
        }
        if place == own && step.for_each.is_some() {
            // Each item is undone by itself, also when others failed and there is no whole output.
            self.add(
                at,
                "plan.own_output",
                "a compensation under for_each refers to its own output by $result",
            );
            return None;
        }
        if place > own {
            self.add(
                at,
                "plan.later_reference",
                format!("step {id:?} comes later; only earlier outputs can be used"),
            );
            return None;
        }
        Some(place)
    }

    fn secret(&mut self, template: &Template<'a>, (at, pointer): (&str, &str), name: &str) {
        let place = template.spec.and_then(|spec| spec.secrets_at.as_deref());
        match place {
            Some(place) if is_below(pointer, place) => {}
            Some(place) => {
                self.not_allowed(
                    at,
                    &format!("$secret can stand only below {place:?} of this tool's input"),
                );
            }
            None => {
                self.not_allowed(
                    at,
                    "$secret can stand only in the headers of tools that leave the house",
                );
            }
        }
        if !self.request.secrets.contains(name) {
            self.add(
                at,
                "plan.unknown_secret",
                format!("no secret {name:?} is configured"),
            );
        }
    }

    fn format(&mut self, at: &str, text: &str, with: &serde_json::Map<String, Value>) {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(reason) => return self.add(at, "plan.format", reason),
        };
        for piece in pieces {
            if let Piece::Place(name) = piece
                && !with.contains_key(name)
            {
                let guess = self.guess(name, with.keys().map(String::as_str));
                self.add(
                    at,
                    "plan.format",
                    format!("there is no {name:?} under \"with\"{guess}"),
                );
            }
        }
    }
}

/// What a reference refers to, in words.
pub(super) fn describe(reference: Reference<'_>) -> String {
    let at = |whole: &str, path: &str| {
        if path.is_empty() {
            whole.to_owned()
        } else {
            format!("{path:?} of {whole}")
        }
    };
    match reference {
        Reference::Param(name) => format!("parameter {name:?}"),
        Reference::Step { step, path } => at(&format!("the output of step {step:?}"), path),
        Reference::Result(path) => at("the step's result", path),
        Reference::Item(path) => at("the item", path),
        Reference::Secret(name) => format!("secret {name:?}"),
        Reference::Format { .. } => "a $format".into(),
    }
}
