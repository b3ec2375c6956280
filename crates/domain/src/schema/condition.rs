//! Whether an error comes from a branch of `if` that is not certain, because a reference stands where its condition looks.
//!
//! What a condition looks at is read from plain keywords; one that looks further than can be told is taken to look at
//! everything in its scope. So what is called certain is certain.

use jsonschema::ValidationError;
use serde_json::Value;

use super::mend::References;
use super::places::local;
use crate::plan::reference::escape;

/// References of a condition followed one from another: it may refer to itself.
const HOPS_MAX: u32 = 32;

/// Whether the error comes from a `then` or `else` that was chosen while its condition looked at a reference.
pub(super) fn depends_on_condition(
    error: &ValidationError<'_>,
    references: &References,
    schema: &Value,
) -> bool {
    let path = error.evaluation_path().as_str();
    if !path.contains("/then") && !path.contains("/else") {
        return false;
    }
    let at = error.instance_path().as_str();
    let mut depth = 0;
    // The subschema that the path has come to; `None`: it cannot be followed.
    let mut here = Some(schema);
    let mut tokens = path.split('/').skip(1).peekable();
    while let Some(token) = tokens.next() {
        let above = here;
        here = above.and_then(|above| match token {
            "$ref" => local(schema, above.get(token)?.as_str()?),
            _ => child(above, token),
        });
        let mut below = |token: Option<&str>| {
            here = here.and_then(|here| child(here, token?));
        };
        match token {
            "properties" | "patternProperties" | "prefixItems" => {
                below(tokens.next());
                depth += 1;
            }
            "items" => {
                let index = |next: &&str| next.bytes().all(|byte| byte.is_ascii_digit());
                if let Some(index) = tokens.next_if(index) {
                    below(Some(index));
                }
                depth += 1;
            }
            "additionalProperties"
            | "additionalItems"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "contains" => {
                depth += 1;
            }
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => {
                below(tokens.next());
            }
            "then" | "else" => {
                let scope = first_tokens(at, depth);
                let condition = above.and_then(|above| above.get("if"));
                let look = Look { schema, references };
                if condition.is_none_or(|condition| look.sees_reference(condition, scope, 0)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

struct Look<'a> {
    schema: &'a Value,
    references: &'a References,
}

impl Look<'_> {
    /// Whether a reference stands where a condition on a place looks.
    fn sees_reference(&self, condition: &Value, place: &str, hops: u32) -> bool {
        let Value::Object(keywords) = condition else {
            return false;
        };
        if keywords.is_empty() {
            return false;
        }
        if self.references.is_at(place) {
            return true;
        }
        if !self.references.is_below(place) {
            return false;
        }
        if hops > HOPS_MAX {
            return true;
        }
        keywords
            .iter()
            .any(|(keyword, value)| match (keyword.as_str(), value) {
                ("properties", Value::Object(members)) => members.iter().any(|(name, member)| {
                    self.sees_reference(member, &format!("{place}/{}", escape(name)), hops)
                }),
                ("allOf" | "anyOf" | "oneOf", Value::Array(branches)) => branches
                    .iter()
                    .any(|branch| self.sees_reference(branch, place, hops)),
                ("not" | "if" | "then" | "else", inner) => self.sees_reference(inner, place, hops),
                ("$ref", Value::String(reference)) => local(self.schema, reference)
                    .is_none_or(|target| self.sees_reference(target, place, hops + 1)),
                (keyword, _) => !looks_no_deeper(keyword),
            })
    }
}

/// Whether a keyword looks at a place alone and not at the values below it, only at their names and number.
fn looks_no_deeper(keyword: &str) -> bool {
    matches!(
        keyword,
        "type"
            | "required"
            | "minProperties"
            | "maxProperties"
            | "dependentRequired"
            | "propertyNames"
            | "minItems"
            | "maxItems"
            | "pattern"
            | "format"
            | "minLength"
            | "maxLength"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "multipleOf"
            | "title"
            | "description"
            | "$comment"
            | "$defs"
    )
}

/// The part of a schema that a token of a JSON Pointer leads to.
fn child<'a>(schema: &'a Value, token: &str) -> Option<&'a Value> {
    match schema {
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => schema.get(token.replace("~1", "/").replace("~0", "~")),
    }
}

/// The first `count` tokens of a pointer.
fn first_tokens(pointer: &str, count: usize) -> &str {
    let end = pointer
        .match_indices('/')
        .nth(count)
        .map_or(pointer.len(), |(end, _)| end);
    pointer.get(..end).unwrap_or(pointer)
}
