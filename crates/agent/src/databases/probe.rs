//! Whether the connected databases answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::Databases;
use super::refusal::Refusal;
use super::worker::Work;

/// How long a database may take to give a sign of life.
const PROBE_MAX: Duration = Duration::from_secs(2);

impl Databases {
    /// Reads something from each database: its name, and what is wrong where it cannot be read.
    pub async fn probe(&self) -> BTreeMap<String, Result<(), String>> {
        let mut found = BTreeMap::new();
        for place in self.tables.values() {
            let database = &place.table.database;
            if found.contains_key(database) {
                continue;
            }
            let work: Work = Box::new(read);
            let answer = place
                .workers
                .readers
                .ask(Instant::now() + PROBE_MAX, work)
                .await;
            let answer = answer
                .map(|_| ())
                .map_err(|refusal| refusal.reason().to_owned());
            found.insert(database.clone(), answer);
        }
        found
    }
}

fn read(connection: &Connection) -> Result<Value, Refusal> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables.into())
}
