//! What a start does to the connected databases and a check only names: the table `omnihub_effects` is made.
//!
//! Law: opening changes nothing, so that whoever only looks leaves a database as it was.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use rusqlite::Connection;

use super::open::{self, OpenError};
use super::{DatabaseConfig, Databases, effects};

/// What keeps a database from taking the writes that its registration allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It has no table `omnihub_effects` yet; [`Databases::prepare`] makes it.
    EffectsTable(PathBuf),
    /// Its file cannot be written.
    Writing(PathBuf),
}

impl Databases {
    /// What each database lacked when it was opened, by name; one that lacked nothing is left out.
    pub fn lacks(&self) -> &BTreeMap<String, Lack> {
        &self.lacks
    }

    /// Makes the table `omnihub_effects` where it is missing.
    ///
    /// # Errors
    /// The first database that cannot be written; the settings or the database have to be mended.
    pub fn prepare(&self) -> Result<(), OpenError> {
        for (name, lack) in &self.lacks {
            let Lack::EffectsTable(path) = lack else {
                return Err(OpenError::database(name, ".url", lack.to_string()));
            };
            open::connect(path)
                .and_then(|connection| effects::create(&connection))
                .map_err(|error| {
                    OpenError::database(name, ".effects_table", open::said(path, &error))
                })?;
        }
        Ok(())
    }
}

/// What a database lacks of which something is writable; a table of the right name and other columns is refused.
pub(super) fn lack(
    config: &DatabaseConfig,
    connection: &Connection,
    path: PathBuf,
) -> Result<Option<Lack>, String> {
    let there = !config.effects_table || effects::is_there(connection)?;
    let readonly = connection.is_readonly("main");
    if readonly.map_err(|error| error.to_string())? {
        return Ok(Some(Lack::Writing(path)));
    }
    Ok((!there).then_some(Lack::EffectsTable(path)))
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EffectsTable(path) => write!(
                f,
                "{} has no table {:?} yet; a start makes it",
                path.display(),
                effects::TABLE
            ),
            Self::Writing(path) => write!(
                f,
                "{} cannot be written, although plans may write to it; let this user write to it, \
                 or register its tables without writable, insert and delete",
                path.display()
            ),
        }
    }
}
