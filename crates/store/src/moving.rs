//! Moving a store from SQLite to Postgres: everything, byte for byte, in one transaction.
//!
//! The source is sealed before the target may drive, so that there is never a moment at which both could; a move that was
//! cut short is begun again and ends the same.

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
/// [`Error::NotEmpty`] where the database holds a store. Nothing was moved then; where the source was sealed already, the
/// move can only be tried again.
pub async fn move_to_postgres(
    from: StoreConfig,
    to: &PostgresConfig,
    by: &Subject,
) -> Result<Moved, Error> {
    let dir: PathBuf = from.dir.clone();
    if let Some(damage) = check_full(&dir)?.into_iter().next() {
        return Err(damage.into());
    }
    let pool = moving::open_empty(to).await?;
    let source = Sqlite::open_to_move(from)?;
    source.seal(&to.name(), by).await?;
    // What was just written is signed too, so that the last of the source is under a checkpoint.
    Store::of(Kind::Sqlite(source.clone()), source.shared())
        .checkpoint_due()
        .await?;
    let moved = moving::copy(&pool, &source).await?;
    match check_postgres(to).await?.into_iter().next() {
        Some(damage) => Err(damage.into()),
        None => Ok(moved),
    }
}
