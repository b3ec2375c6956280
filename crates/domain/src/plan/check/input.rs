//! Checking a tool's input with all that is known filled in: against the schema, the references' types and the size limit.

use std::borrow::Cow;

use serde_json::Value;

use super::Checker;
use super::template::{Place, Template, describe};
use crate::plan::reference::{self, Reference, escape};
use crate::schema::{References, Schema, TypeSet, is_below};

impl<'a> Checker<'a> {
    /// Checks a tool's input: its references, then all that is known of it against the schema and the size limit.
    ///
    /// Gives the input with what is known filled in, for the first item where there are several.
    pub(super) fn input(
        &mut self,
        template: &Template<'a>,
        schema: Option<&Schema>,
        items: Option<&[Value]>,
    ) -> Cow<'a, Value> {
        let places = self.references(template);
        let uses_item = places.iter().any(|place| uses_item(template.value, place));
        let items = items.filter(|_| uses_item).unwrap_or_default();
        let value = self.filled(
            template,
            &places,
            schema,
            items.first().map(|item| (0, item)),
        );
        for (index, item) in items.iter().enumerate().skip(1) {
            let before = self.errors.len();
            self.filled(template, &places, schema, Some((index, item)));
            if self.errors.len() > before {
                break;
            }
        }
        value
    }

    fn filled(
        &mut self,
        template: &Template<'a>,
        places: &[Place<'a>],
        schema: Option<&Schema>,
        item: Option<(usize, &Value)>,
    ) -> Cow<'a, Value> {
        if let Some((index, item)) = item {
            self.item_paths(template, index, item);
        }
        let mut known = References::default();
        let value = self.fill(
            template.value,
            item.map(|(_, item)| item),
            &mut String::new(),
            &mut known,
        );
        let mut open = References::default();
        places
            .iter()
            .filter(|place| !known.is_at(&place.pointer))
            .for_each(|place| open.add(&place.pointer));
        let of_item = item
            .map(|(index, _)| format!("item {index}: "))
            .unwrap_or_default();
        for problem in schema
            .map(|schema| schema.errors_beside(&value, &open))
            .unwrap_or_default()
        {
            let pointer = known.above(&problem.pointer).unwrap_or(&problem.pointer);
            self.add(
                format!("{}{pointer}", template.at),
                "plan.input",
                format!("{of_item}{}", problem.reason),
            );
        }
        if let Some(schema) = schema {
            self.types(
                template,
                places.iter().filter(|place| open.is_at(&place.pointer)),
                schema,
            );
        }
        let most = self.request.limits.input_bytes_max as usize;
        if size(&value) > most && literal_size(&value) > most {
            let reason = format!("{of_item}the input is larger than the limit of {most} bytes");
            self.add(template.at.clone(), "plan.input_too_large", reason);
        }
        value
    }

    /// Checks that a known item has what the template takes from it.
    fn item_paths(&mut self, template: &Template<'a>, index: usize, item: &Value) {
        reference::survey(template.value, &mut |pointer, read| {
            if let Ok(Reference::Item(path)) = read
                && item.pointer(path).is_none()
            {
                let reason = format!("item {index} has nothing at {path:?}");
                self.add(
                    format!("{}{pointer}", template.at),
                    "plan.no_such_item",
                    reason,
                );
            }
        });
    }

    /// Compares what references can be with what the schema wants in their places.
    fn types<'p>(
        &mut self,
        template: &Template<'a>,
        places: impl Iterator<Item = &'p Place<'a>>,
        schema: &Schema,
    ) where
        'a: 'p,
    {
        for place in places {
            let wanted = schema.types_at(&place.pointer);
            let Some(reference) = place.reference else {
                continue;
            };
            // Where nothing may stand, the schema's own error has said so.
            if wanted != TypeSet::NONE && place.types.excludes(wanted) {
                let reason = format!(
                    "must be {wanted}, but {} is {}",
                    describe(reference),
                    place.types
                );
                self.add(
                    format!("{}{}", template.at, place.pointer),
                    "plan.type_mismatch",
                    reason,
                );
            }
        }
    }

    /// A template with all references replaced whose values are known; `known` collects their places.
    fn fill<'t>(
        &self,
        template: &'t Value,
        item: Option<&Value>,
        at: &mut String,
        known: &mut References,
    ) -> Cow<'t, Value> {
        match Reference::read(template) {
            Ok(None) => {}
            Ok(Some(Reference::Param(_) | Reference::Item(_) | Reference::Format { .. })) => {
                let Some(value) = self.known(template, item) else {
                    return Cow::Borrowed(template);
                };
                known.add(at);
                return Cow::Owned(value);
            }
            Ok(Some(Reference::Step { .. } | Reference::Result(_) | Reference::Secret(_)))
            | Err(_) => {
                return Cow::Borrowed(template);
            }
        }
        let mut below = |member: &'t Value, token: &str| {
            let end = at.len();
            at.push('/');
            at.push_str(token);
            let filled = self.fill(member, item, at, known);
            at.truncate(end);
            filled
        };
        let mut changed = Cow::Borrowed(template);
        match template {
            Value::Object(object) => {
                for (name, member) in object {
                    if let Cow::Owned(value) = below(member, &escape(name))
                        && let Some(slot) = changed.to_mut().get_mut(name)
                    {
                        *slot = value;
                    }
                }
            }
            Value::Array(items) => {
                for (index, member) in items.iter().enumerate() {
                    if let Cow::Owned(value) = below(member, &index.to_string())
                        && let Some(slot) = changed.to_mut().get_mut(index)
                    {
                        *slot = value;
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        changed
    }
}

/// Whether the value of a place depends on the item.
fn uses_item(template: &Value, place: &Place<'_>) -> bool {
    let mut found = false;
    if let Some(value) = template.pointer(&place.pointer) {
        reference::survey(value, &mut |_, read| {
            found |= matches!(read, Ok(Reference::Item(_)))
        });
    }
    found
}

/// Bytes of a value as compact JSON.
fn size(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Values always serialise and the counter never fails; were it otherwise, the count so far is too small, not too large.
    serde_json::to_writer(&mut counter, value).unwrap_or_default();
    counter.0
}

/// Bytes that a template has at least, whatever its references turn out to be.
fn literal_size(value: &Value) -> usize {
    let mut references = 0;
    let mut inside: Option<String> = None;
    reference::survey(value, &mut |pointer, _| {
        if inside
            .as_deref()
            .is_none_or(|inside| !is_below(pointer, inside))
        {
            references += value.pointer(pointer).map_or(0, size);
            inside = Some(pointer.to_owned());
        }
    });
    size(value) - references
}
