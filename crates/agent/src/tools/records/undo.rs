//! Undo: exactly what one write did, and nothing that anybody did since.
//!
//! The write's row in `omnihub_effects` says which row it touched, how that row was and how it was left. Law: a row that
//! is not as it was left stays as it is.

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::row;
use super::write::{
    Done, Verb, Write, by_right as do_by_right, cells, create, delete, not_allowed, update,
};
use crate::databases::cell::{Cell, Row};
use crate::databases::effects::{Change, Effect};
use crate::databases::refusal::Refusal;
use crate::databases::table::Table;

/// Undoes a write that left its row in `omnihub_effects`; needs no right but that the write had its own.
pub(super) fn exactly(
    connection: &Connection,
    write: &Write,
    effect: &Effect,
) -> Result<Done, Refusal> {
    let (table, change) = (&*write.table, &effect.change);
    if change.tool != write.verb.undoes().tool() || change.table != table.name {
        return Err(mismatch(format!(
            "{} on {:?} does not undo {} on {:?}",
            write.verb.tool(),
            table.name,
            change.tool,
            change.table
        )));
    }
    match write.verb {
        Verb::Delete => delete(connection, table, as_left(connection, write, change)?),
        Verb::Update => {
            let now = as_left(connection, write, change)?;
            if write
                .input
                .data
                .as_ref()
                .is_some_and(|data| !says(effect, data))
            {
                return do_by_right(connection, write);
            }
            let was = change
                .before
                .as_ref()
                .map(|before| restored(table, before, &now))
                .unwrap_or_default();
            update(connection, table, now, &was)
        }
        Verb::Create => {
            if write
                .input
                .data
                .as_ref()
                .is_some_and(|data| !says(effect, data))
            {
                return Err(mismatch(
                    "the undo of a delete brings back that row, not another".to_owned(),
                ));
            }
            if row::read(connection, table, &change.id)?.is_some() {
                return Err(changed(table, "another row has its key"));
            }
            let before = change
                .before
                .iter()
                .flatten()
                .filter(|(name, _)| !table.generated.contains(*name));
            create(
                connection,
                table,
                &before
                    .map(|(name, cell)| (name.as_str(), cell.clone()))
                    .collect::<Vec<_>>(),
            )
        }
    }
}

/// Undoes a write that left nothing behind, as far as the input says how and the registration allows it.
pub(super) fn by_right(connection: &Connection, write: &Write) -> Result<Done, Refusal> {
    let table = &*write.table;
    let Some(before) = &write.input.before else {
        return do_by_right(connection, write);
    };
    match write.verb {
        Verb::Delete => do_by_right(connection, write),
        Verb::Update => {
            let kept = |name: &String| table.updatable().any(|column| column.name == *name);
            let data = before.iter().filter(|(name, _)| kept(name));
            let data = data
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>();
            let cells = cells(Some(&data), |name| table.column(name).cloned())?;
            let now = row::read(connection, table, &write.id()?)?
                .ok_or_else(|| changed(table, "it is gone"))?;
            update(connection, table, now, &cells)
        }
        Verb::Create if !table.insert => Err(not_allowed(table, "insert = true")),
        Verb::Create => {
            let lost = before
                .keys()
                .find(|name| table.insertable().all(|column| column.name != **name));
            if table.has_hidden || lost.is_some_and(|name| !table.generated.contains(name)) {
                let message = format!(
                    "the row of {:?} cannot come back whole: nothing was kept of it",
                    table.name
                );
                return Err(Refusal::permanent("undo.incomplete", message));
            }
            let data = before
                .iter()
                .filter(|(name, _)| !table.generated.contains(*name));
            let data = data
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>();
            create(
                connection,
                table,
                &cells(Some(&data), |name| table.column(name).cloned())?,
            )
        }
    }
}

impl Verb {
    /// What it undoes (CONTRACT §3).
    fn undoes(self) -> Self {
        match self {
            Self::Create => Self::Delete,
            Self::Update => Self::Update,
            Self::Delete => Self::Create,
        }
    }
}

/// The row, if it is the one that the write touched and is as the write left it.
fn as_left(connection: &Connection, write: &Write, change: &Change) -> Result<Row, Refusal> {
    let table = &*write.table;
    if !write.means(&change.id)? {
        return Err(mismatch(format!(
            "the undo names another row of {:?} than the one that was written",
            table.name
        )));
    }
    let now =
        row::read(connection, table, &change.id)?.ok_or_else(|| changed(table, "it is gone"))?;
    if change.after.as_ref() != Some(&now) {
        return Err(changed(table, "it is not as it was left"));
    }
    Ok(now)
}

/// The columns in which a row differs from what it was, as they were.
fn restored<'a>(table: &Table, before: &'a Row, now: &Row) -> Vec<(&'a str, Cell)> {
    let differs = before
        .iter()
        .filter(|(name, cell)| now.get(*name) != Some(cell));
    let differs = differs.filter(|(name, _)| !table.generated.contains(*name));
    differs
        .map(|(name, cell)| (name.as_str(), cell.clone()))
        .collect()
}

/// Whether `data` is the row as it was, or a part of it: then the undo means "as it was", and not values of its own.
fn says(effect: &Effect, data: &Map<String, Value>) -> bool {
    let before = effect.output.get("before");
    data.iter().all(|(name, value)| {
        before
            .and_then(|before| before.get(name))
            .is_some_and(|was| same(was, value))
    })
}

/// Equal as JSON goes: outputs travel through forms that write 5.0 as 5.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) if left != right => {
            match (left.as_f64(), right.as_f64()) {
                (Some(left), Some(right)) => (left - right).abs() <= f64::EPSILON * left.abs(),
                _ => false,
            }
        }
        _ => left == right,
    }
}

fn changed(table: &Table, how: &str) -> Refusal {
    Refusal::permanent(
        "row.changed",
        format!("the row of {:?} cannot be undone: {how}", table.name),
    )
}

fn mismatch(message: String) -> Refusal {
    Refusal::permanent("undo.mismatch", message)
}
