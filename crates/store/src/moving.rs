//! Moving a store from SQLite to Postgres: everything, byte for byte, in one transaction.
//!
//! The source is sealed before the target may drive, so that there is never a moment at which both could; a move that was
//! cut short is begun again and ends the same, and one that ended is never begun again (ADR 14).

use std::path::PathBuf;

use domain::id::Subject;

use crate::error::Error;
use crate::postgres::{PostgresConfig, check_postgres, moving};
use crate::sqlite::{Sqlite, check_full};
use crate::store::{Kind, Store, StoreConfig};

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Rows, by table.
    pub rows: Vec<(&'static str, u64)>,
    /// Entries of evidence, of all chains.
    pub entries: u64,
    /// The epoch that began where they are now.
    pub epoch: u64,
}

impl Moved {
    /// Rows of a table.
    pub fn rows_of(&self, table: &str) -> u64 {
        let mut rows = self.rows.iter();
        rows.find(|(name, _)| *name == table)
            .map_or(0, |(_, rows)| *rows)
    }
}

/// Moves the store of a data directory into an empty database, and seals it. The folders `keys` and `checkpoints` stay
/// where they are, and go on being used. Takes as long as reading and writing all of it.
///
/// # Errors
/// [`Error::InUse`] while a server works on it, [`Error::Damaged`] where a row is not what was written,
/// [`Error::NotEmpty`] where the database holds a store, [`Error::Moved`] where the goals were moved before. Nothing was
/// moved then; where the source was sealed already, the move can only be tried again, to this database or another.
/// [`Error::Unverified`] where all was moved, and something failed after that.
pub async fn move_to_postgres(
    from: StoreConfig,
    to: &PostgresConfig,
    by: &Subject,
) -> Result<Moved, Error> {
    let (dir, name): (PathBuf, String) = (from.dir.clone(), to.name());
    if let Some(damage) = check_full(&dir)?.into_iter().next() {
        return Err(damage.into());
    }
    let source = Sqlite::open_to_move(from)?;
    let pool = match moving::open_empty(to).await {
        Err(Error::NotEmpty) if has_arrived(&source, to).await? => {
            source.arrive(&name).await?;
            return Err(Error::Moved { dir, to: name });
        }
        opened => opened?,
    };
    source.seal(&name, by).await?;
    // What was just written is signed too, so that the last of the source is under a checkpoint.
    Store::of(Kind::Sqlite(source.clone()), source.shared())
        .checkpoint_due()
        .await?;
    let copied = moving::copy(&pool, &source).await?;
    let ended = async {
        let moved = copied.keep().await?;
        source.arrive(&name).await?;
        match check_postgres(to).await?.into_iter().next() {
            Some(damage) => Err(damage.into()),
            None => Ok(moved),
        }
    };
    ended.await.map_err(|error| Error::Unverified {
        to: name.clone(),
        source: Box::new(error),
    })
}

/// Whether a database holds what was sealed before: nobody learnt of the end of that move.
async fn has_arrived(source: &Sqlite, to: &PostgresConfig) -> Result<bool, Error> {
    match source.sealed_since().await? {
        None => Ok(false),
        Some(sealed) => moving::holds(to, &source.shared().installation.name, &sealed).await,
    }
}
