//! Saying what is wrong with a value, in words that hold nothing of the value.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::{Problem, TypeSet};
use crate::plan::reference::escape;
use crate::suggest::did_you_mean;

/// Longest piece of a schema or name quoted in a reason, in characters.
const QUOTE_CHARS_MAX: usize = 120;
/// Most alternatives named in a reason.
const ALTERNATIVES_MAX: usize = 10;
/// Most forms of an `anyOf` that are told apart in a reason.
const FORMS_MAX: usize = 3;
/// How deep forms within forms are told apart.
const FORMS_DEPTH_MAX: usize = 2;

/// The problems of one error: one, or one for each member that should not be there.
pub(super) fn problems(error: &ValidationError<'_>, schema: &Value) -> Vec<Problem> {
    let at = error.instance_path().as_str();
    let (Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected }) =
        error.kind()
    else {
        return vec![Problem {
            pointer: at.to_owned(),
            reason: of(error, schema),
        }];
    };
    let known = members(error, schema);
    let unknown = |name: &String| Problem {
        pointer: format!("{at}/{}", escape(name)),
        reason: format!(
            "unknown member {}{}",
            quote(name),
            did_you_mean(name, known.iter().copied())
        ),
    };
    unexpected.iter().map(unknown).collect()
}

/// What is wrong, as one sentence.
pub(super) fn of(error: &ValidationError<'_>, schema: &Value) -> String {
    sentence(error, schema, 0)
}

fn sentence(error: &ValidationError<'_>, schema: &Value, depth: usize) -> String {
    match error.kind() {
        Kind::Type { kind } => format!(
            "must be {}, not {}",
            wanted(kind),
            TypeSet::of(error.instance())
        ),
        Kind::Required { property } => format!("member {} is missing", short(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!(
                "unknown members {}",
                list(unexpected.iter().map(|name| quote(name)))
            )
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            format!("must be one of {}", list(options.iter().map(short)))
        }
        Kind::Constant { expected_value } => format!("must be {}", short(expected_value)),
        Kind::Pattern { pattern } => format!("does not match the pattern {}", cut(pattern)),
        Kind::Format { format } => format!("is no valid {format}"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => forms(context, schema, depth),
        Kind::OneOfMultipleValid { .. } => {
            "fits more than one of the forms of which exactly one is allowed".into()
        }
        Kind::Not { .. } => "is just what the schema excludes".into(),
        Kind::FalseSchema => "nothing may stand here".into(),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} members"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} members"),
        Kind::UniqueItems => "must not have the same item twice".into(),
        Kind::Contains => "lacks an item that the schema asks for".into(),
        Kind::UnevaluatedItems { .. } => "has items that the schema does not know".into(),
        Kind::PropertyNames { error } => format!(
            "has a member with a name that {}",
            sentence(error, schema, depth + 1)
        ),
        Kind::BacktrackLimitExceeded { .. } => "takes too long to compare with its pattern".into(),
        Kind::Referencing(_) => cut(&format!("the schema refers to what is not in it: {error}")),
        Kind::Custom { .. }
        | Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::FromUtf8 { .. }
        | Kind::RegexEngineFailure { .. } => cut(&error.masked().to_string()),
    }
}

/// What each of the first forms lacks.
fn forms(context: &[Vec<ValidationError<'static>>], schema: &Value, depth: usize) -> String {
    let plain = "fits none of the forms that are allowed";
    if depth >= FORMS_DEPTH_MAX || context.len() > FORMS_MAX {
        return plain.into();
    }
    let mut lacks: Vec<String> = context
        .iter()
        .filter_map(|branch| branch.first())
        .map(|error| sentence(error, schema, depth + 1))
        .collect();
    lacks.dedup();
    if lacks.is_empty() {
        plain.into()
    } else {
        format!("{plain}: {}", lacks.join(", or "))
    }
}

fn wanted(kind: &TypeKind) -> String {
    let name = |kind: &JsonType| TypeSet::named(&kind.to_string());
    match kind {
        TypeKind::Single(kind) => name(kind).to_string(),
        TypeKind::Multiple(kinds) => kinds
            .iter()
            .map(|kind| name(&kind))
            .fold(TypeSet::NONE, TypeSet::union)
            .to_string(),
    }
}

/// The members that the schema of a closed object names.
fn members<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Vec<&'a str> {
    let path = error.schema_path().as_str();
    let object = path
        .rsplit_once('/')
        .and_then(|(parent, _)| schema.pointer(parent));
    let properties = object
        .and_then(|object| object.get("properties"))
        .and_then(Value::as_object);
    properties
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.take(ALTERNATIVES_MAX + 1).collect();
    if items.len() > ALTERNATIVES_MAX {
        items.truncate(ALTERNATIVES_MAX);
        items.push("…".into());
    }
    items.join(", ")
}

fn short(value: &Value) -> String {
    cut(&value.to_string())
}

fn quote(name: &str) -> String {
    format!("{:?}", cut(name))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
