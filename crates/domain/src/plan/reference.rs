//! References: the places of a template that stand for a value.
//!
//! An object with a key that begins with `$` is a reference or nothing; no literal may look like one.

use serde_json::{Map, Value};

/// A reference as written (CONTRACT §2, "Steps in full").
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reference<'a> {
    /// A goal's parameter.
    Param(&'a str),
    /// A place in an earlier step's output.
    Step {
        /// The step's id.
        step: &'a str,
        /// JSON Pointer into its output; empty: the whole.
        path: &'a str,
    },
    /// In a compensation: a place in the output of the step it undoes.
    Result(&'a str),
    /// In a `for_each` step: a place in the item.
    Item(&'a str),
    /// The name of a configured secret; stays as it is until the tool sends it.
    Secret(&'a str),
    /// Text made of references.
    Format {
        /// Text with `{name}` places; `{{` and `}}` are braces.
        template: &'a str,
        /// What the names refer to.
        with: &'a Map<String, Value>,
    },
}

/// An object that looks like a reference and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidReference(pub String);

impl<'a> Reference<'a> {
    /// Reads a value as a reference; `None`: it is a literal (whose parts may be references).
    ///
    /// # Errors
    /// The value has a key with `$` but not the shape of a reference.
    pub fn read(value: &'a Value) -> Result<Option<Self>, InvalidReference> {
        let Value::Object(object) = value else {
            return Ok(None);
        };
        let Some(key) = object.keys().find(|key| key.starts_with('$')) else {
            return Ok(None);
        };
        let text = |name: &str| -> Result<&'a str, InvalidReference> {
            let value = object
                .get(name)
                .ok_or_else(|| InvalidReference(format!("{key} needs {name:?} beside it")))?;
            value
                .as_str()
                .ok_or_else(|| InvalidReference(format!("{name:?} must be text")))
        };
        let only = |names: &[&str]| match object.keys().find(|key| !names.contains(&key.as_str())) {
            Some(extra) => Err(InvalidReference(format!(
                "{extra:?} cannot stand beside {key}"
            ))),
            None => Ok(()),
        };
        let reference = match key.as_str() {
            "$param" => only(&["$param"]).and(text("$param")).map(Self::Param),
            "$result" => only(&["$result"])
                .and(pointer(text("$result")?))
                .map(Self::Result),
            "$item" => only(&["$item"])
                .and(pointer(text("$item")?))
                .map(Self::Item),
            "$secret" => only(&["$secret"]).and(text("$secret")).map(Self::Secret),
            "$step" => {
                only(&["$step", "path"])?;
                let path = if object.contains_key("path") {
                    text("path")?
                } else {
                    ""
                };
                Ok(Self::Step {
                    step: text("$step")?,
                    path: pointer(path)?,
                })
            }
            "$format" => {
                only(&["$format", "with"])?;
                let with = object.get("with").and_then(Value::as_object);
                let with = with.ok_or_else(|| {
                    InvalidReference("$format needs an object \"with\" beside it".into())
                })?;
                Ok(Self::Format {
                    template: text("$format")?,
                    with,
                })
            }
            other => Err(InvalidReference(format!(
                "{other} is no reference; there are $param, $step, $result, $item, $secret and $format"
            ))),
        };
        reference.map(Some)
    }
}

/// RFC 6901 §3: a pointer is empty or begins with a slash.
fn pointer(text: &str) -> Result<&str, InvalidReference> {
    if text.is_empty() || text.starts_with('/') {
        return Ok(text);
    }
    Err(InvalidReference(format!(
        "{text:?} is no JSON Pointer: it must be empty or begin with \"/\""
    )))
}

/// Calls `visit` for each reference in a template with its JSON Pointer, those inside `$format` included.
///
/// # Errors
/// The first object that looks like a reference and is none, with its pointer.
pub fn walk<'a>(
    template: &'a Value,
    visit: &mut impl FnMut(&str, Reference<'a>),
) -> Result<(), (String, InvalidReference)> {
    let mut first = Ok(());
    survey(template, &mut |at, found| match found {
        Ok(reference) => visit(at, reference),
        Err(invalid) if first.is_ok() => first = Err((at.to_owned(), invalid)),
        Err(_) => {}
    });
    first
}

/// As [`walk`], but also calls `visit` for every object that looks like a reference and is none.
pub fn survey<'a>(
    template: &'a Value,
    visit: &mut impl FnMut(&str, Result<Reference<'a>, InvalidReference>),
) {
    survey_at(template, &mut String::new(), visit);
}

fn survey_at<'a>(
    template: &'a Value,
    at: &mut String,
    visit: &mut impl FnMut(&str, Result<Reference<'a>, InvalidReference>),
) {
    let Some(found) = Reference::read(template).transpose() else {
        match template {
            Value::Object(object) => object
                .iter()
                .for_each(|(name, member)| below(member, &escape(name), at, visit)),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| below(item, &index.to_string(), at, visit));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        return;
    };
    let with = if let Ok(Reference::Format { with, .. }) = found {
        Some(with)
    } else {
        None
    };
    visit(at, found);
    for (name, place) in with.into_iter().flatten() {
        below(place, &format!("with/{}", escape(name)), at, visit);
    }
}

fn below<'a>(
    template: &'a Value,
    token: &str,
    at: &mut String,
    visit: &mut impl FnMut(&str, Result<Reference<'a>, InvalidReference>),
) {
    let end = at.len();
    at.push('/');
    at.push_str(token);
    survey_at(template, at, visit);
    at.truncate(end);
}

/// A name as one token of a JSON Pointer (RFC 6901 §3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
