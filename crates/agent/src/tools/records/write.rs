//! Writes: `create_record`, `update_record`, `delete_record`, each once for its key.
//!
//! The look-up of the key, the write and its row in `omnihub_effects` share one transaction. A failure after the look-up
//! therefore proves that no attempt under this key changed anything.

use std::sync::Arc;

use domain::effect::Call;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{CREATE, DELETE, OUTPUT_BYTES_MAX, UPDATE, row, undo};
use crate::databases::cell::{Cell, Row};
use crate::databases::effects::{self, Change, Effect};
use crate::databases::refusal::Refusal;
use crate::databases::table::{Column, Table};

/// A write that is ready to be done, as often as it takes.
pub(crate) struct Write {
    pub(super) table: Arc<Table>,
    pub(super) verb: Verb,
    pub(super) input: Input,
    /// The key under which it happens once.
    key: String,
    /// In a compensation: the key of the write that it undoes.
    undoes: Option<String>,
    /// Digest of what is asked for.
    digest: String,
}

/// What is done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Delete,
}

/// The input of a writing tool; the schemas say which members each takes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    table: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Map<String, Value>>,
    /// Only in a compensation: the row as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Map<String, Value>>,
}

/// What a write did, and what is told of it.
pub(super) struct Done {
    pub(super) id: Cell,
    pub(super) before: Option<Row>,
    pub(super) after: Option<Row>,
}

/// Reads a call as a write.
pub(crate) fn prepare(table: Arc<Table>, call: &Call) -> Result<Write, Refusal> {
    let invalid = |message: String| Refusal::permanent("input.invalid", message);
    let verb = [Verb::Create, Verb::Update, Verb::Delete]
        .into_iter()
        .find(|verb| verb.tool() == call.tool);
    let verb = verb.ok_or_else(|| {
        Refusal::permanent("tool.unknown", format!("{:?} writes nothing", call.tool))
    })?;
    let input = Input::deserialize(&*call.input).map_err(|error| invalid(error.to_string()))?;
    if input.before.is_some() && (call.undoes.is_none() || input.data.is_some()) {
        return Err(invalid(
            "\"before\" is for compensations, and stands there instead of \"data\"".into(),
        ));
    }
    if input.id.is_some() != (verb != Verb::Create) {
        return Err(invalid(format!(
            "{} {} \"id\"",
            call.tool,
            if verb == Verb::Create {
                "takes no"
            } else {
                "needs an"
            }
        )));
    }
    if verb == Verb::Delete && (input.data.is_some() || input.before.is_some()) {
        return Err(invalid(format!(
            "{} takes only \"table\" and \"id\"",
            call.tool
        )));
    }
    let asked = serde_json_canonicalizer::to_vec(&json!([call.tool, call.input]));
    let digest = Sha256::digest(asked.map_err(|error| invalid(error.to_string()))?);
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let undoes = call.undoes.map(|key| key.to_string());
    Ok(Write {
        table,
        verb,
        input,
        key: call.key.to_string(),
        undoes,
        digest,
    })
}

/// Does a write inside a transaction, unless it was done already; gives the tool's output.
pub(crate) fn run(connection: &Connection, write: &Write) -> Result<Value, Refusal> {
    if !write.table.keeps_effects {
        let done = carry_out(connection, write)?;
        return output(write, &done);
    }
    if let Some(effect) = effects::find(connection, &write.key)? {
        if effect.digest == write.digest {
            return Ok(effect.output);
        }
        return Err(Refusal::permanent(
            "effect.key_reused",
            "this key stands for another write in the database",
        ));
    }
    first_time(connection, write).map_err(Refusal::for_every_attempt)
}

fn first_time(connection: &Connection, write: &Write) -> Result<Value, Refusal> {
    let done = carry_out(connection, write)?;
    let output = output(write, &done)?;
    let tool = write.verb.tool().to_owned();
    let change = Change {
        tool,
        table: write.table.name.clone(),
        id: done.id,
        before: done.before,
        after: done.after,
    };
    let effect = Effect {
        digest: write.digest.clone(),
        output,
        change,
    };
    effects::record(connection, &write.key, &effect)?;
    Ok(effect.output)
}

fn carry_out(connection: &Connection, write: &Write) -> Result<Done, Refusal> {
    let Some(undoes) = &write.undoes else {
        return by_right(connection, write);
    };
    let effect = if write.table.keeps_effects {
        effects::find(connection, undoes)?
    } else {
        None
    };
    match effect {
        Some(effect) => undo::exactly(connection, write, &effect),
        None => undo::by_right(connection, write),
    }
}

/// Does what the registration allows anybody.
pub(super) fn by_right(connection: &Connection, write: &Write) -> Result<Done, Refusal> {
    let (table, data) = (&*write.table, write.input.data.as_ref());
    match write.verb {
        Verb::Create if !table.insert => Err(not_allowed(table, "insert = true")),
        Verb::Create => create(
            connection,
            table,
            &cells(data, |name| writable(table, name, table.insertable()))?,
        ),
        Verb::Update => {
            let cells = cells(data, |name| writable(table, name, table.updatable()))?;
            let id = write.id()?;
            let before = row::read(connection, table, &id)?.ok_or_else(|| not_found(table))?;
            update(connection, table, before, &cells)
        }
        Verb::Delete if !table.delete => Err(not_allowed(table, "delete = true")),
        Verb::Delete => {
            let id = write.id()?;
            let before = row::read(connection, table, &id)?.ok_or_else(|| not_found(table))?;
            delete(connection, table, before)
        }
    }
}

/// Makes a row; what the database adds to it by itself is part of it.
pub(super) fn create(
    connection: &Connection,
    table: &Table,
    cells: &[(&str, Cell)],
) -> Result<Done, Refusal> {
    let id = row::insert(connection, table, cells)?;
    let after = row::read(connection, table, &id)?.ok_or_else(|| vanished(table))?;
    Ok(Done {
        id,
        before: None,
        after: Some(after),
    })
}

/// Changes the row that was read.
pub(super) fn update(
    connection: &Connection,
    table: &Table,
    before: Row,
    cells: &[(&str, Cell)],
) -> Result<Done, Refusal> {
    let changes = |name: &String| {
        cells
            .iter()
            .any(|(column, cell)| column == name && before.get(name) != Some(cell))
    };
    row::refuse_spread(connection, table, &before, |referrer| {
        referrer.forgets_update && referrer.columns.iter().any(|(_, here)| changes(here))
    })?;
    let id = key_of(table, &before)?;
    row::update(connection, table, &id, cells)?;
    let after = row::read(connection, table, &id)?.ok_or_else(|| vanished(table))?;
    Ok(Done {
        id,
        before: Some(before),
        after: Some(after),
    })
}

/// Deletes the row that was read.
pub(super) fn delete(connection: &Connection, table: &Table, before: Row) -> Result<Done, Refusal> {
    row::refuse_spread(connection, table, &before, |referrer| {
        referrer.follows_delete
    })?;
    let id = key_of(table, &before)?;
    row::delete(connection, table, &id)?;
    Ok(Done {
        id,
        before: Some(before),
        after: None,
    })
}

impl Write {
    /// The name of the row that is meant.
    pub(super) fn id(&self) -> Result<Cell, Refusal> {
        self.table
            .key
            .cell(self.input.id.as_ref().unwrap_or(&Value::Null))
    }

    /// Whether a row of that name is meant; outputs show some names as text.
    pub(super) fn means(&self, id: &Cell) -> Result<bool, Refusal> {
        Ok(self.input.id.as_ref() == Some(&id.shown()) || self.id()? == *id)
    }
}

impl Verb {
    /// The tool that does it.
    pub(super) fn tool(self) -> &'static str {
        match self {
            Self::Create => CREATE,
            Self::Update => UPDATE,
            Self::Delete => DELETE,
        }
    }
}

/// What the tool answers: registered columns only.
fn output(write: &Write, done: &Done) -> Result<Value, Refusal> {
    let shown = |row: &Option<Row>| row.as_ref().map(|row| write.table.shown(row));
    let id = done.id.shown();
    let output = match write.verb {
        Verb::Create => json!({ "id": id, "row": shown(&done.after) }),
        Verb::Update => {
            json!({ "id": id, "before": shown(&done.before), "after": shown(&done.after) })
        }
        Verb::Delete => json!({ "id": id, "before": shown(&done.before) }),
    };
    if output.to_string().len() > OUTPUT_BYTES_MAX {
        let message =
            format!("the row is larger than {OUTPUT_BYTES_MAX} bytes, the most an output may have");
        return Err(Refusal::permanent("output.too_large", message));
    }
    Ok(output)
}

/// JSON members as cells of the columns that `column` finds for them.
pub(super) fn cells(
    members: Option<&Map<String, Value>>,
    column: impl Fn(&str) -> Result<Column, Refusal>,
) -> Result<Vec<(&str, Cell)>, Refusal> {
    let members =
        members.ok_or_else(|| Refusal::permanent("input.invalid", "\"data\" is missing"))?;
    members
        .iter()
        .map(|(name, value)| Ok((name.as_str(), column(name)?.cell(value)?)))
        .collect()
}

fn writable<'a>(
    table: &Table,
    name: &str,
    mut columns: impl Iterator<Item = &'a Column>,
) -> Result<Column, Refusal> {
    columns
        .find(|column| column.name == name)
        .cloned()
        .ok_or_else(|| {
            let message = format!("column {name:?} of table {:?} is not writable", table.name);
            Refusal::permanent("column.not_writable", message)
        })
}

fn key_of(table: &Table, row: &Row) -> Result<Cell, Refusal> {
    row.get(&table.key.name).cloned().ok_or_else(|| {
        Refusal::permanent(
            "database.error",
            format!(
                "table {:?} has no column {:?} any more",
                table.name, table.key.name
            ),
        )
    })
}

pub(super) fn not_allowed(table: &Table, setting: &str) -> Refusal {
    Refusal::permanent(
        "table.not_allowed",
        format!("table {:?} is not registered with {setting}", table.name),
    )
}

fn not_found(table: &Table) -> Refusal {
    Refusal::permanent(
        "row.not_found",
        format!("table {:?} has no row with this key", table.name),
    )
}

fn vanished(table: &Table) -> Refusal {
    let message = format!(
        "a trigger of {:?} took the row away as it was written; nothing was changed",
        table.name
    );
    Refusal::permanent("row.constraint", message)
}
