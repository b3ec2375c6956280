//! `omnihub migrate`: the store of the data directory moves to Postgres, whole.

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, json};
use store::{Location, StoreConfig};

use crate::context::Context;
use crate::identity::Persona;
use crate::output::Tone;
use crate::wiring;

/// Where a store can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

/// Move the store of the data directory to the Postgres of the settings, open goals included
///
/// The server has to be stopped. The database (store.url, DATABASE_URL) must hold no store yet, and its role must be the
/// one that owns the schema. Afterwards the data directory is sealed, and the next `omnihub serve` goes on with what was
/// open. A move that was cut short is simply begun again; one that ended never is: from there backup and restore lead on.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Where the store is
    #[arg(long)]
    from: Kind,
    /// Where it is to be
    #[arg(long)]
    to: Kind,
}

impl Migrate {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<()> {
        if (self.from, self.to) != (Kind::Sqlite, Kind::Postgres) {
            bail!("stores move one way: --from sqlite --to postgres");
        }
        let settings = context.settings()?.settings;
        let location = wiring::store_location(&settings);
        let Location::Database(to) = &location else {
            bail!("store.url (DATABASE_URL) does not say where to");
        };
        let from = StoreConfig::new(&settings.data_dir);
        if !Location::Directory(from.clone()).is_founded().await? {
            bail!("there is no store in {}", settings.data_dir.display());
        }
        let by = Persona::local_user().map_err(|error| anyhow!("the local user: {error}"))?;
        let moved = store::move_to_postgres(from, to, &by.0.subject).await;
        let moved = moved.with_context(|| format!("cannot move to {location}"))?;
        if context.output.is_json() {
            let rows = moved.rows.iter();
            let rows: Map<_, _> = rows
                .map(|(name, rows)| ((*name).to_owned(), json!(rows)))
                .collect();
            return Ok(context.output.json(&json!({
                "to": location.to_string(),
                "rows": rows,
                "entries": moved.entries,
            }))?);
        }
        let done = format!(
            "{} goals and {} entries of evidence are in {location}, and verify; {} is sealed",
            moved.rows_of("goals"),
            moved.entries,
            settings.data_dir.display()
        );
        Ok(context
            .output
            .line(context.output.paint(Tone::Good, &done))?)
    }
}
