//! The record tools against real SQLite files.

mod opening;
mod random;
mod schemas;
mod searching;
mod sharing;
mod undoing;
mod writing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use agent::databases::{DatabaseConfig, Databases, OpenError};
use domain::digest::Digest;
use domain::effect::Call;
use domain::outcome::{FailureKind, Outcome, Proof};
use domain::tool::EffectClass;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A shop with one table that plans may do anything to, and columns that they may not see.
const SHOP: &str = "
    CREATE TABLE orders (id INTEGER PRIMARY KEY, email TEXT NOT NULL, status TEXT DEFAULT 'new', amount REAL, margin REAL, note BLOB);
    INSERT INTO orders VALUES (1, 'ana@example.com', 'new', 10.5, 0.25, x'00ff'), (2, 'bob@example.com', 'paid', 99, 0.1, NULL);
";

/// A folder with databases in it, and the record tools on them.
struct World {
    folder: TempDir,
    databases: Databases,
}

/// One database, `shop`, with everything allowed on `orders`.
fn shop() -> World {
    let orders = json!({
        "key": "id", "columns": ["id", "email", "status", "amount"], "writable": ["email", "status", "amount"],
        "insert": true, "delete": true,
    });
    world(SHOP, json!({ "orders": orders }))
}

fn world(sql: &str, tables: Value) -> World {
    try_world(sql, json!({ "tables": tables })).unwrap()
}

fn try_world(sql: &str, config: Value) -> Result<World, OpenError> {
    open(BTreeMap::from([("shop", (sql, config))]))
}

fn open(databases: BTreeMap<&str, (&str, Value)>) -> Result<World, OpenError> {
    let folder = tempfile::tempdir().unwrap();
    let mut configs = BTreeMap::new();
    for (name, (sql, mut config)) in databases {
        let path = folder.path().join(format!("{name}.db"));
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        config["url"] = json!(format!("sqlite:{name}.db"));
        let mut config: DatabaseConfig = serde_json::from_value(config).unwrap();
        config.resolve_against(folder.path());
        configs.insert(name.to_owned(), config);
    }
    let databases = Databases::open(&configs)?;
    databases.prepare()?;
    Ok(World { folder, databases })
}

impl World {
    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    /// A connection of somebody else.
    fn stranger(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        connection
    }

    fn execute(&self, sql: &str) {
        self.stranger().execute_batch(sql).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        self.stranger()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    async fn call(&self, tool: &str, input: Value, key: u8) -> String {
        text(self.databases.perform(&call(tool, input, key)).await)
    }

    async fn undo(&self, tool: &str, input: Value, (key, undoes): (u8, u8)) -> String {
        let undo = Call {
            undoes: Some(digest(undoes)),
            ..call(tool, input, key)
        };
        text(self.databases.perform(&undo).await)
    }

    /// The rows of a search, as one line of JSON.
    async fn find(&self, input: Value) -> String {
        match self
            .databases
            .perform(&call("search_database", input, 0))
            .await
        {
            Outcome::Succeeded { output } => output["rows"].to_string(),
            other => text(other),
        }
    }

    /// Everything in the database but its effects table.
    fn dump(&self) -> Vec<(String, Vec<Sql>)> {
        let connection = self.stranger();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('omnihub_effects') \
                      AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
        let mut statement = connection.prepare(tables).unwrap();
        let tables = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .map(Result::unwrap);
        let rows = tables.flat_map(|table| {
            let name = table.replace('"', "\"\"");
            let mut statement = connection
                .prepare(&format!("SELECT * FROM \"{name}\" ORDER BY 1"))
                .unwrap();
            let columns = statement.column_count();
            let cells = |row: &rusqlite::Row<'_>| {
                (0..columns)
                    .map(|at| row.get(at))
                    .collect::<Result<Vec<Sql>, _>>()
            };
            let rows = statement.query_map([], cells).unwrap().map(Result::unwrap);
            rows.map(|row| (table.clone(), row)).collect::<Vec<_>>()
        });
        rows.collect()
    }
}

fn call(tool: &str, input: Value, key: u8) -> Call {
    Call {
        tenant: "default".to_owned().try_into().unwrap(),
        goal: "goal-1".to_owned().try_into().unwrap(),
        step: "step".to_owned().try_into().unwrap(),
        item: None,
        tool: tool.to_owned(),
        input: Arc::new(input),
        key: digest(key),
        undoes: None,
        class: EffectClass::Idempotent,
        attempt: 1,
        timeout_seconds: 30,
    }
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

/// An outcome as a line: what is proved about a failure, its code, its message; or the output.
fn text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Succeeded { output } => output.to_string(),
        Outcome::Unknown { error } => format!("unknown {}: {}", error.code, error.message),
        Outcome::Failed { kind, proof, error } => {
            let kind = if kind == FailureKind::Transient {
                "transient"
            } else {
                "permanent"
            };
            let proof = if proof == Proof::Key {
                "key"
            } else {
                "attempt"
            };
            format!("{kind} ({proof}) {}: {}", error.code, error.message)
        }
    }
}

#[track_caller]
fn assert_starts(line: &str, start: &str) {
    assert!(
        line.starts_with(start),
        "{line:?} does not start with {start:?}"
    );
}
