//! The record tools' schemas, made from what is registered.
//!
//! A plan check against them alone finds unknown tables and columns, columns that may not be written and operators that
//! a column does not take. Law: a value's schema never hides behind `anyOf`: errors must point at the value itself, so
//! that a reference in its place can be told from a mistake.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::filter::ORDERED;
use super::{IN_VALUES_MAX, PATTERN_CHARS_MAX, ROWS_DEFAULT, ROWS_MAX};
use crate::databases::table::{Column, Kind, Table};

/// Input of `search_database`.
pub(super) fn search(tables: &[&Table]) -> Value {
    let properties = json!({
        "filters": { "type": "object" },
        "select": { "type": "array", "minItems": 1, "items": { "type": "string" } },
        "order_by": { "type": "array", "items": {
            "type": "object",
            "required": ["column"],
            "additionalProperties": false,
            "properties": { "column": { "type": "string" }, "direction": { "enum": ["asc", "desc"] } },
        } },
        "limit": { "type": "integer", "minimum": 1, "maximum": ROWS_MAX, "default": ROWS_DEFAULT },
    });
    of_tables(tables, (properties, &[]), |table| {
        let names = table
            .columns
            .iter()
            .map(|column| &column.name)
            .collect::<Vec<_>>();
        json!({
            "filters": object(table.columns.iter(), "filter"),
            "select": { "items": { "enum": names } },
            "order_by": { "items": { "properties": { "column": { "enum": names } } } },
        })
    })
}

/// Input of `create_record`.
pub(super) fn create(tables: &[&Table]) -> Value {
    of_tables(
        tables,
        (json!({ "data": { "type": "object" } }), &["data"]),
        |table| {
            // A column that needs a value and may not be given one stays here: no row can be made then.
            let required = table
                .columns
                .iter()
                .chain([&table.key])
                .filter(|column| column.required);
            let required = required
                .map(|column| column.name.as_str())
                .collect::<BTreeSet<_>>();
            let mut data = object(table.insertable(), "value");
            data.insert("required".to_owned(), json!(required));
            json!({ "data": data })
        },
    )
}

/// Input of `update_record`.
pub(super) fn update(tables: &[&Table]) -> Value {
    let data = json!({ "type": "object", "minProperties": 1 });
    of_tables(
        tables,
        (json!({ "id": {}, "data": data }), &["id", "data"]),
        |table| json!({ "id": id(table), "data": object(table.updatable(), "value") }),
    )
}

/// Input of `delete_record`.
pub(super) fn delete(tables: &[&Table]) -> Value {
    of_tables(
        tables,
        (json!({ "id": {} }), &["id"]),
        |table| json!({ "id": id(table) }),
    )
}

/// Input of a compensation that says how the row was, under `before` or `data`; whether it names a row is up to `ids`.
///
/// Values are not looked at: they are outputs, and a database may hold others than its columns declare.
pub(super) fn restore(tables: &[&Table], ids: &[&str]) -> Value {
    let mut properties = json!({ "before": { "type": "object" }, "data": { "type": "object" } });
    if let (Value::Object(properties), [id]) = (&mut properties, ids) {
        properties.insert((*id).to_owned(), json!({}));
    }
    let mut schema = of_tables(tables, (properties, ids), |table| {
        let names = table
            .columns
            .iter()
            .chain([&table.key])
            .map(|column| &column.name)
            .collect::<BTreeSet<_>>();
        let row = json!({ "propertyNames": { "enum": names } });
        json!({ "before": row, "data": row })
    });
    if let Value::Object(schema) = &mut schema {
        schema.insert(
            "oneOf".to_owned(),
            json!([{ "required": ["before"] }, { "required": ["data"] }]),
        );
    }
    schema
}

/// Input of a compensation that takes a new row away.
pub(super) fn take_back(tables: &[&Table]) -> Value {
    of_tables(tables, (json!({ "id": {} }), &["id"]), |_| json!({}))
}

/// Output of a tool: an object of these members, and no others.
pub(super) fn output(members: &Value) -> Value {
    let names = members
        .as_object()
        .map(|members| members.keys().collect::<Vec<_>>());
    json!({ "type": "object", "required": names, "properties": members, "additionalProperties": false })
}

/// An input with a table, members that hold for every table, and what more holds for each.
fn of_tables(
    tables: &[&Table],
    (mut properties, required): (Value, &[&str]),
    more: impl Fn(&Table) -> Value,
) -> Value {
    let names = tables
        .iter()
        .flat_map(|table| &table.spellings)
        .collect::<Vec<_>>();
    if let Value::Object(properties) = &mut properties {
        properties.insert("table".to_owned(), json!({ "enum": names }));
    }
    let each = tables.iter().map(|table| {
        let named = json!({ "required": ["table"], "properties": { "table": { "enum": table.spellings } } });
        json!({ "if": named, "then": { "properties": more(table) } })
    });
    let required = [&["table"], required].concat();
    let mut schema = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    });
    let each = each.collect::<Vec<_>>();
    if let (Value::Object(schema), false) = (&mut schema, each.is_empty()) {
        let definitions = definitions(&each);
        schema.insert("allOf".to_owned(), each.into());
        schema.insert("$defs".to_owned(), definitions);
    }
    schema
}

/// An object whose members are columns.
fn object<'a>(columns: impl Iterator<Item = &'a Column>, what: &str) -> Map<String, Value> {
    let members = columns
        .map(|column| (column.name.clone(), reference(what, column.kind)))
        .collect::<Map<_, _>>();
    let schema = json!({ "type": "object", "additionalProperties": false, "properties": members });
    let Value::Object(schema) = schema else {
        return Map::new();
    };
    schema
}

fn id(table: &Table) -> Value {
    not_null(table.key.kind)
}

fn reference(what: &str, kind: Kind) -> Value {
    json!({ "$ref": format!("#/$defs/{what}_{}", name(kind)) })
}

fn not_null(kind: Kind) -> Value {
    json!({ "$ref": format!("#/$defs/value_{}", name(kind)), "not": { "type": "null" } })
}

/// The definitions that some schemas refer to, those that the definitions refer to included.
fn definitions(schemas: &[Value]) -> Value {
    let text = schemas.iter().map(Value::to_string).collect::<String>();
    let refers =
        |what: &str, kind: Kind| text.contains(&format!("#/$defs/{what}_{}\"", name(kind)));
    let mut found = Map::new();
    for kind in [
        Kind::Integer,
        Kind::Real,
        Kind::Text,
        Kind::Boolean,
        Kind::Any,
    ] {
        if refers("filter", kind) {
            found.insert(format!("filter_{}", name(kind)), filter(kind));
        }
        if refers("filter", kind) || refers("value", kind) {
            found.insert(format!("value_{}", name(kind)), value(kind));
        }
    }
    found.into()
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "integer",
        Kind::Real => "real",
        Kind::Text => "text",
        Kind::Boolean => "boolean",
        Kind::Any => "any",
    }
}

/// What a column takes. Integers may be decimal text, since not every integer of a database is one in JSON.
fn value(kind: Kind) -> Value {
    match kind {
        Kind::Integer => {
            json!({ "type": ["integer", "string", "null"], "pattern": "^-?[0-9]{1,19}$" })
        }
        Kind::Real => json!({ "type": ["number", "null"] }),
        Kind::Text => json!({ "type": ["string", "null"] }),
        Kind::Boolean => json!({ "type": ["boolean", "integer", "null"] }),
        Kind::Any => json!({ "type": ["string", "number", "boolean", "null"] }),
    }
}

/// What a column is compared with: a value, or an object of operators.
fn filter(kind: Kind) -> Value {
    let value = reference("value", kind);
    let mut operators = json!({
        "eq": value,
        "ne": value,
        "in": { "type": "array", "maxItems": IN_VALUES_MAX, "items": value },
        "is_null": { "type": "boolean" },
    });
    if let Value::Object(operators) = &mut operators {
        if kind != Kind::Boolean {
            let value = not_null(kind);
            operators.extend(ORDERED.map(|(name, _)| (name.to_owned(), value.clone())));
        }
        if matches!(kind, Kind::Text | Kind::Any) {
            operators.insert(
                "like".to_owned(),
                json!({ "type": "string", "maxLength": PATTERN_CHARS_MAX }),
            );
        }
    }
    let operators = json!({ "type": "object", "minProperties": 1, "additionalProperties": false, "properties": operators });
    json!({ "if": { "type": "object" }, "then": operators, "else": value })
}
