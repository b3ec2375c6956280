//! What the record tools are: class, lane, limits, and what undoes what (CONTRACT §3).
//!
//! A tool that no registered table allows is left out. A compensation needs another right than a step: taking back a new
//! row needs `insert`, not `delete`. Hence the second schema, `compensation_schema`.

use domain::tool::{ClassMatch, ClassRule, EffectClass, Lane, TIMEOUT_SECONDS_DEFAULT, ToolSpec};
use serde_json::json;

use super::{CREATE, DELETE, SEARCH, UPDATE, schema};
use crate::databases::table::Table;

/// Searches at once: more than the reading threads, so that none of them waits for the next.
const SEARCHES_AT_ONCE: u32 = 16;
/// Writes at once: as many as share a transaction.
const WRITES_AT_ONCE: u32 = 64;

/// All record tools that some table allows.
pub(crate) fn all(tables: &[&Table]) -> Vec<ToolSpec> {
    let only = |may: fn(&Table) -> bool| {
        tables
            .iter()
            .copied()
            .filter(|table| may(table))
            .collect::<Vec<_>>()
    };
    let creates = only(|table| table.insert);
    let updates = only(|table| table.updatable().next().is_some());
    let deletes = only(|table| table.delete);
    // Without its effects table a database knows nothing about a write, so its undo needs a right of its own.
    let taken_back = only(|table| table.insert && (table.keeps_effects || table.delete));
    let brought_back = only(|table| table.delete && (table.keeps_effects || table.insert));
    let mut specs = Vec::new();
    if !tables.is_empty() {
        specs.push(search(tables));
    }
    if !(creates.is_empty() && brought_back.is_empty()) {
        specs.push(ToolSpec {
            input_schema: schema::create(&creates),
            compensation_schema: Some(schema::restore(&brought_back, &[])),
            output_schema: schema::output(&json!({ "id": {}, "row": { "type": "object" } })),
            ..write(tables, CREATE, "Makes a row in a table.", DELETE)
        });
    }
    if !updates.is_empty() {
        let row = json!({ "type": "object" });
        specs.push(ToolSpec {
            input_schema: schema::update(&updates),
            compensation_schema: Some(schema::restore(&updates, &["id"])),
            output_schema: schema::output(&json!({ "id": {}, "before": row, "after": row })),
            ..write(
                tables,
                UPDATE,
                "Changes columns of one row, which is named by its key.",
                UPDATE,
            )
        });
    }
    if !(deletes.is_empty() && taken_back.is_empty()) {
        specs.push(ToolSpec {
            input_schema: schema::delete(&deletes),
            compensation_schema: Some(schema::take_back(&taken_back)),
            output_schema: schema::output(&json!({ "id": {}, "before": { "type": "object" } })),
            lane: Lane::Red,
            ..write(
                tables,
                DELETE,
                "Deletes one row, which is named by its key.",
                CREATE,
            )
        });
    }
    specs
}

fn search(tables: &[&Table]) -> ToolSpec {
    let rows = json!({ "type": "array", "items": { "type": "object" } });
    ToolSpec {
        name: SEARCH.to_owned(),
        description: "Finds rows of a table by typed filters; \"ne\" finds rows without a value, too, and in \"like\" \
                      % stands for any text, _ for one character, \\ before them for themselves."
            .to_owned(),
        input_schema: schema::search(tables),
        compensation_schema: None,
        output_schema: schema::output(&json!({ "rows": rows, "count": { "type": "integer", "minimum": 0 } })),
        class: EffectClass::Read,
        class_rules: Vec::new(),
        lane: Lane::Green,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: SEARCHES_AT_ONCE,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}

/// What all writing tools have in common.
fn write(tables: &[&Table], name: &str, description: &str, undone_by: &str) -> ToolSpec {
    let forgetful = tables
        .iter()
        .filter(|table| !table.keeps_effects)
        .flat_map(|table| &table.spellings);
    let class_rules = forgetful.map(|table| ClassRule {
        pointer: "/table".to_owned(),
        matches: ClassMatch::Text(table.clone()),
        class: EffectClass::AtMostOnce,
        window_seconds: None,
    });
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema: json!(false),
        compensation_schema: None,
        output_schema: json!(true),
        class: EffectClass::Idempotent,
        class_rules: class_rules.collect(),
        lane: Lane::Yellow,
        undone_by: vec![undone_by.to_owned()],
        secrets_at: None,
        concurrency: WRITES_AT_ONCE,
        timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
    }
}
