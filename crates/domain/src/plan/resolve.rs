//! Making values of templates, once everything they refer to is known.

use serde_json::{Map, Value};

use super::reference::{self, Reference};

/// What references can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The goal's parameters, an object.
    pub parameters: &'a Value,
    /// The outputs of steps by id; `None`: the step has none.
    pub outputs: &'a dyn Fn(&str) -> Option<&'a Value>,
    /// In a compensation: the output of the step it undoes.
    pub result: Option<&'a Value>,
    /// In a `for_each` step: the item.
    pub item: Option<&'a Value>,
}

/// A reference to something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unresolved {
    /// JSON Pointer of the reference in its template.
    pub pointer: String,
    /// What is missing.
    pub reason: String,
}

/// Whether a template refers to anything; if not it is its own value.
pub fn is_literal(template: &Value) -> bool {
    let mut literal = true;
    let walked = reference::walk(template, &mut |_, found| {
        literal &= matches!(found, Reference::Secret(_))
    });
    literal && walked.is_ok()
}

/// The value of a template. `$secret` stays as it is.
///
/// # Errors
/// The first reference whose value is not there.
pub fn resolve(template: &Value, scope: &Scope<'_>) -> Result<Value, Unresolved> {
    resolve_at(template, scope, "")
}

fn resolve_at(template: &Value, scope: &Scope<'_>, at: &str) -> Result<Value, Unresolved> {
    let fail = |reason: String| Unresolved {
        pointer: at.to_owned(),
        reason,
    };
    match Reference::read(template).map_err(|error| fail(error.0))? {
        Some(Reference::Secret(_)) => Ok(template.clone()),
        Some(Reference::Format { template, with }) => format(template, with, scope)
            .map_err(fail)
            .map(Value::String),
        Some(reference) => {
            let value = look_up(reference, scope).map_err(fail)?;
            if names_secret(value) {
                return Err(fail("a value from elsewhere must not name a secret".into()));
            }
            Ok(value.clone())
        }
        None => match template {
            Value::Object(object) => {
                let members = object.iter().map(|(name, member)| {
                    let at = format!("{at}/{}", reference::escape(name));
                    Ok((name.clone(), resolve_at(member, scope, &at)?))
                });
                members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            Value::Array(items) => {
                let items = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| resolve_at(item, scope, &format!("{at}/{index}")));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(template.clone())
            }
        },
    }
}

/// Whether a value has the form of a secret's reference in it: only the plan itself may name secrets, or whoever writes
/// a row or answers a call could have them sent.
fn names_secret(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.contains_key("$secret") || object.values().any(names_secret)
        }
        Value::Array(items) => items.iter().any(names_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What a plain reference stands for.
pub(super) fn look_up<'a>(
    reference: Reference<'_>,
    scope: &Scope<'a>,
) -> Result<&'a Value, String> {
    let (whole, path, name) = match reference {
        Reference::Param(name) => {
            return scope
                .parameters
                .get(name)
                .ok_or_else(|| format!("the goal has no parameter {name:?}"));
        }
        Reference::Step { step, path } => (
            (scope.outputs)(step),
            path,
            format!("the output of step {step:?}"),
        ),
        Reference::Result(path) => (scope.result, path, "the step's result".to_owned()),
        Reference::Item(path) => (scope.item, path, "the item".to_owned()),
        Reference::Secret(_) | Reference::Format { .. } => {
            return Err("only a plain reference can stand here".into());
        }
    };
    let whole = whole.ok_or_else(|| format!("{name} is not there"))?;
    whole
        .pointer(path)
        .ok_or_else(|| format!("{name} has nothing at {path:?}"))
}

fn format(template: &str, with: &Map<String, Value>, scope: &Scope<'_>) -> Result<String, String> {
    let mut text = String::with_capacity(template.len());
    for piece in pieces(template)? {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Place(name) => {
                let place = with
                    .get(name)
                    .ok_or_else(|| format!("$format has no {name:?} under \"with\""))?;
                match resolve_at(place, scope, "").map_err(|error| error.reason)? {
                    Value::String(value) => text.push_str(&value),
                    value => text.push_str(&value.to_string()),
                }
            }
        }
    }
    Ok(text)
}

/// A piece of a `$format` text or an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it stands.
    Text(&'a str),
    /// A `{name}` place.
    Place(&'a str),
}

/// Cuts text with `{name}` places into pieces; `{{` and `}}` are braces.
///
/// # Errors
/// A brace that is neither doubled nor part of a place.
pub fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let (doubled, single) = if from.starts_with('{') {
            ("{{", '{')
        } else {
            ("}}", '}')
        };
        if let Some(after) = from.strip_prefix(doubled) {
            found.push(Piece::Text(before));
            found.push(Piece::Text(if single == '{' { "{" } else { "}" }));
            rest = after;
            continue;
        }
        let place = from
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = place.filter(|(name, _)| !name.is_empty() && !name.contains('{'))
        else {
            return Err(format!("a lone {single:?} in {template:?}; write it twice"));
        };
        found.push(Piece::Text(before));
        found.push(Piece::Place(name));
        rest = after;
    }
    found.push(Piece::Text(rest));
    found.retain(|piece| *piece != Piece::Text(""));
    Ok(found)
}

#[cfg(test)]
mod tests;
