//! Slips in a schema that people wrote: what JSON Schema passes over in silence, though nobody means it.
//!
//! A keyword that nobody knows restricts nothing, a format that nobody knows is not checked, and bounds the wrong way
//! round allow nothing. Keywords that begin with `x-` are somebody's own.

use serde_json::{Map, Value};

use super::SchemaError;
use crate::plan::reference::escape;
use crate::suggest::did_you_mean;

/// Most slips reported of one schema: past this nobody reads on.
const SLIPS_MAX: usize = 20;

/// Keywords whose values hold subschemas by names of their own.
const NAMED: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// Keywords whose value is a subschema, or a list of them.
const NESTED: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// The other keywords of JSON Schema, drafts 4 to 2020-12.
const PLAIN: [&str; 41] = [
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$ref",
    "$schema",
    "$vocabulary",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];
/// The formats of JSON Schema (validation §7.3) that are checked here: all but those of international names.
const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];
/// Keywords of a least and a most, and whether they leave nothing already where they are equal.
const BOUNDS: [(&str, &str, bool); 8] = [
    ("minimum", "maximum", false),
    ("minimum", "exclusiveMaximum", true),
    ("exclusiveMinimum", "maximum", true),
    ("exclusiveMinimum", "exclusiveMaximum", true),
    ("minLength", "maxLength", false),
    ("minItems", "maxItems", false),
    ("minProperties", "maxProperties", false),
    ("minContains", "maxContains", false),
];

/// The slips in a schema, each with its place, at most [`SLIPS_MAX`].
pub(crate) fn slips(schema: &Value) -> Vec<SchemaError> {
    let mut found = Vec::new();
    look(schema, "", &mut found);
    found
}

fn look(schema: &Value, at: &str, found: &mut Vec<SchemaError>) {
    let Value::Object(keywords) = schema else {
        return;
    };
    bounds(keywords, at, found);
    for (keyword, value) in keywords {
        if found.len() >= SLIPS_MAX {
            return;
        }
        let at = format!("{at}/{}", escape(keyword));
        match (keyword.as_str(), value) {
            ("format", Value::String(name)) if !FORMATS.contains(&name.as_str()) => {
                let guess = did_you_mean(name, FORMATS);
                add(found, at, format!("there is no format {name:?}{guess}"));
            }
            (keyword, Value::Object(named)) if NAMED.contains(&keyword) => {
                for (name, inner) in named {
                    look(inner, &format!("{at}/{}", escape(name)), found);
                }
            }
            (keyword, Value::Array(list)) if NESTED.contains(&keyword) => {
                for (index, inner) in list.iter().enumerate() {
                    look(inner, &format!("{at}/{index}"), found);
                }
            }
            (keyword, inner) if NESTED.contains(&keyword) => look(inner, &at, found),
            (keyword, _) if !is_known(keyword) => {
                let known = NAMED.iter().chain(&NESTED).chain(&PLAIN).copied();
                let guess = did_you_mean(keyword, known);
                add(
                    found,
                    at,
                    format!("JSON Schema has no keyword {keyword:?}{guess}"),
                );
            }
            _ => {}
        }
    }
}

fn bounds(keywords: &Map<String, Value>, at: &str, found: &mut Vec<SchemaError>) {
    let number = |keyword: &str| keywords.get(keyword).and_then(Value::as_f64);
    for (least, most, open) in BOUNDS {
        let (Some(low), Some(high)) = (number(least), number(most)) else {
            continue;
        };
        if low > high || (open && low >= high) {
            let reason = format!("{least} {low} and {most} {high} leave no value");
            add(found, format!("{at}/{least}"), reason);
        }
    }
}

fn is_known(keyword: &str) -> bool {
    NAMED.contains(&keyword)
        || NESTED.contains(&keyword)
        || PLAIN.contains(&keyword)
        || keyword.starts_with("x-")
}

fn add(found: &mut Vec<SchemaError>, pointer: String, reason: String) {
    if found.len() < SLIPS_MAX {
        found.push(SchemaError { pointer, reason });
    }
}
