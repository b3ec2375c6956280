//! The table `omnihub_effects`: which writes happened, in the very database and transaction in which they happened.
//!
//! Its row answers a repeat and knows what an undo needs: whole rows, columns that are not registered included.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::{Cell, Row};
use super::refusal::Refusal;

/// The table's name; no table of this name can be registered.
pub(crate) const TABLE: &str = "omnihub_effects";

/// Its columns, in order (CONTRACT §3).
const COLUMNS: [&str; 5] = ["key", "digest", "output", "before", "at"];

/// What a write did to its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The tool that did it.
    pub(crate) tool: String,
    /// The table's name in the database.
    pub(crate) table: String,
    /// The value of the row's key.
    pub(crate) id: Cell,
    /// The whole row before; `None`: there was none.
    pub(crate) before: Option<Row>,
    /// The whole row after; `None`: there is none any more.
    pub(crate) after: Option<Row>,
}

/// A write that happened.
#[derive(Debug)]
pub(crate) struct Effect {
    /// Digest of what was asked for.
    pub(crate) digest: String,
    /// What the tool answered.
    pub(crate) output: Value,
    /// What it did.
    pub(crate) change: Change,
}

/// Makes the table.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    // No STRICT and nothing else that an older sqlite3 of the database's owner could not read.
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS main.omnihub_effects (\"key\" TEXT PRIMARY KEY NOT NULL, \
         \"digest\" TEXT NOT NULL, \"output\" TEXT NOT NULL, \"before\" TEXT NOT NULL, \"at\" TEXT NOT NULL)",
    )
}

/// Whether the table is there; one of its name with other columns is refused.
pub(super) fn is_there(connection: &Connection) -> Result<bool, String> {
    let found = columns(connection).map_err(|error| error.to_string())?;
    if found.is_empty() || found == COLUMNS {
        return Ok(!found.is_empty());
    }
    Err(format!(
        "table {TABLE:?} has the columns {} instead of {}",
        found.join(", "),
        COLUMNS.join(", ")
    ))
}

fn columns(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main')")?;
    statement.query_map([TABLE], |row| row.get(0))?.collect()
}

/// The write of that key, if it happened.
pub(crate) fn find(connection: &Connection, key: &str) -> Result<Option<Effect>, Refusal> {
    let mut statement = connection
        .prepare_cached("SELECT e.\"digest\", e.\"output\", e.\"before\" FROM main.omnihub_effects AS e WHERE e.\"key\" = ?1")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
        ))
    };
    let Some((digest, output, before)) = statement.query_row([key], row).optional()? else {
        return Ok(None);
    };
    let damaged = |_| {
        Refusal::permanent(
            "database.damaged",
            format!("a row of {TABLE:?} cannot be read"),
        )
    };
    let output = serde_json::from_str(&output).map_err(damaged)?;
    let change = serde_json::from_str(&before).map_err(damaged)?;
    Ok(Some(Effect {
        digest,
        output,
        change,
    }))
}

/// Writes down what happened under a key.
pub(crate) fn record(connection: &Connection, key: &str, effect: &Effect) -> Result<(), Refusal> {
    let change = serde_json::to_string(&effect.change);
    let change = change.map_err(|error| Refusal::permanent("database.error", error.to_string()))?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO main.omnihub_effects (\"key\", \"digest\", \"output\", \"before\", \"at\") \
         VALUES (?1, ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
    )?;
    statement.execute(params![
        key,
        effect.digest,
        effect.output.to_string(),
        change
    ])?;
    Ok(())
}
