//! Connected databases: what the record tools may touch, and nothing else.
//!
//! A database is opened once, compared with what its registration says, and then worked on by its own threads: one
//! that writes, a few that read. What the tools do with it is in `tools/records`. Law: a database is never created,
//! its journal mode stays as its owner has it, a file that has taken its place is never taken for it, and no column that
//! is not registered is ever shown.

pub(crate) mod cell;
pub(crate) mod effects;
mod file;
mod inspect;
mod open;
mod prepare;
mod probe;
pub(crate) mod refusal;
mod registration;
pub(crate) mod table;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::effect::Call;
use domain::outcome::Outcome;
use domain::tool::ToolSpec;
use serde::Deserialize;
use serde_json::Value;

use crate::tools::records;
use refusal::Refusal;
use table::Table;
use worker::Pool;

pub(crate) use worker::Work;

pub use open::OpenError;
pub use prepare::Lack;

/// What every SQLite address begins with.
const SQLITE: &str = "sqlite:";

/// One connected database, as the settings file registers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Where it is: `sqlite:` and a path.
    pub url: String,
    /// Whether writes leave a row in `omnihub_effects`; without it nobody can tell whether a write happened.
    #[serde(default = "yes")]
    pub effects_table: bool,
    /// The tables that may be touched, by name.
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
}

/// What may be done with one table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The column that names a row.
    pub key: String,
    /// The columns that may be seen.
    pub columns: Vec<String>,
    /// The columns that may be written; none: the table is read only.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Whether rows may be made.
    #[serde(default)]
    pub insert: bool,
    /// Whether rows may be deleted.
    #[serde(default)]
    pub delete: bool,
}

fn yes() -> bool {
    true
}

impl DatabaseConfig {
    /// Makes a relative path of a SQLite address absolute, as seen from `folder`.
    pub fn resolve_against(&mut self, folder: &Path) {
        if let Some(path) = self.sqlite_path().filter(|path| path.is_relative()) {
            self.url = format!("{SQLITE}{}", folder.join(path).display());
        }
    }

    /// The path of a SQLite address; `sqlite:/path` and `sqlite:///path` are the same.
    fn sqlite_path(&self) -> Option<PathBuf> {
        let path = self.url.strip_prefix(SQLITE)?;
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }
}

/// All connected databases, open.
#[derive(Debug)]
pub struct Databases {
    /// Every table by every name that plans may use for it.
    tables: BTreeMap<String, Place>,
    /// What databases of which something is writable lack for it, by their names.
    lacks: BTreeMap<String, Lack>,
}

/// A table and who works on its database.
#[derive(Debug, Clone)]
struct Place {
    table: Arc<Table>,
    workers: Arc<Workers>,
}

/// The threads of one database.
#[derive(Debug)]
struct Workers {
    readers: Pool,
    /// `None`: nothing in the database is writable.
    writer: Option<Pool>,
}

impl Databases {
    /// Opens each database and compares it with its registration; changes nothing in it.
    ///
    /// # Errors
    /// The first registration that the database does not bear out; the settings or the database have to be mended.
    pub fn open(configs: &BTreeMap<String, DatabaseConfig>) -> Result<Self, OpenError> {
        let (mut tables, mut lacks) = (Vec::new(), BTreeMap::new());
        for (name, config) in configs {
            let opened = open::open(name, config)?;
            lacks.extend(opened.lack.map(|lack| (name.clone(), lack)));
            let workers = Arc::new(Workers {
                readers: opened.readers,
                writer: opened.writer,
            });
            tables.extend(
                opened
                    .tables
                    .into_iter()
                    .map(|table| (table, Arc::clone(&workers))),
            );
        }
        let names = table::spellings(tables.iter().map(|(table, _)| table))?;
        let places = tables
            .into_iter()
            .zip(&names)
            .flat_map(|((mut table, workers), names)| {
                table.spellings.clone_from(names);
                let place = Place {
                    table: Arc::new(table),
                    workers,
                };
                names.iter().map(move |name| (name.clone(), place.clone()))
            });
        Ok(Self {
            tables: places.collect(),
            lacks,
        })
    }

    /// The record tools that some table allows, with schemas made from what is registered.
    pub fn specs(&self) -> Vec<ToolSpec> {
        records::specs::all(&self.distinct())
    }

    /// Carries out one attempt of one record tool's effect.
    ///
    /// # Cancel safety
    /// A call that is dropped may still happen, as in a crash; repeating it with the same key is safe where the
    /// database has its effects table.
    pub async fn perform(&self, call: &Call) -> Outcome {
        match self.attempt(call).await {
            Ok(output) => Outcome::Succeeded { output },
            Err(refusal) => refusal.into(),
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Value, Refusal> {
        if !records::ALL.contains(&call.tool.as_str()) {
            return Err(Refusal::permanent(
                "tool.unknown",
                format!("there is no tool {:?}", call.tool),
            ));
        }
        let deadline = Instant::now() + Duration::from_secs(call.timeout_seconds.into());
        let name = call
            .input
            .get("table")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(place) = self.tables.get(name) else {
            return Err(Refusal::permanent(
                "table.unknown",
                format!("no connected database registers a table {name:?}"),
            ));
        };
        let table = Arc::clone(&place.table);
        if call.tool == records::SEARCH {
            let search = records::search::prepare(&table, &call.input)?;
            return place.workers.readers.ask(deadline, search).await;
        }
        let write = records::write::prepare(table, call)?;
        let Some(writer) = &place.workers.writer else {
            return Err(Refusal::permanent(
                "table.read_only",
                format!("nothing may be written to {name:?}"),
            ));
        };
        writer
            .ask(
                deadline,
                Box::new(move |connection| records::write::run(connection, &write)),
            )
            .await
    }

    /// Each table once.
    fn distinct(&self) -> Vec<&Table> {
        let first = |name: &String, place: &Place| place.table.spellings.first() == Some(name);
        self.tables
            .iter()
            .filter(|(name, place)| first(name, place))
            .map(|(_, place)| &*place.table)
            .collect()
    }
}
