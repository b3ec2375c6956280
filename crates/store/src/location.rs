//! Where a store is, before it is opened: a data directory, or a database of Postgres beside one.

use std::fmt;
use std::path::Path;

use audit::VerifierKey;
use domain::id::Subject;

use crate::error::{Damage, Error};
use crate::evidence::verify::{Verified, VerifyOptions};
use crate::moving::move_to_postgres;
use crate::postgres::moving::check_empty;
use crate::postgres::{
    PostgresConfig, back_up_postgres, check_postgres, verifier_key_postgres, verify_postgres,
};
use crate::sqlite::{Manifest, Restored, back_up, check_full, restore, verifier_key, verify};
use crate::store::{Store, StoreConfig};

/// Where a store is. Shown, it never says a password.
#[derive(Debug, Clone)]
pub enum Location {
    /// All of it in a data directory.
    Directory(StoreConfig),
    /// Facts in a database; keys and the files of checkpoints in a data directory.
    Database(PostgresConfig),
}

impl Location {
    /// The data directory.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Directory(config) => &config.dir,
            Self::Database(config) => &config.dir,
        }
    }

    /// Opens the store, or founds it.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::connect`].
    pub async fn open(self) -> Result<Store, Error> {
        match self {
            Self::Directory(config) => blocking(move || Store::open(config)).await,
            Self::Database(config) => Store::connect(config).await,
        }
    }

    /// Whether there is a store already, as far as that can be told without opening it.
    ///
    /// # Errors
    /// [`Error`] where the database cannot be asked.
    pub async fn is_founded(&self) -> Result<bool, Error> {
        match self {
            Self::Directory(config) => Ok(config.dir.join(crate::sqlite::DATABASE).exists()),
            Self::Database(config) => match verifier_key_postgres(config).await {
                Ok(_) => Ok(true),
                Err(Error::NoSchema) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Copies the store into a new folder, with its keys; servers may be running. Takes as long as reading all of it.
    ///
    /// # Errors
    /// [`Error::Exists`] where the folder is there already; [`Error`] where the store cannot be read or the copy not
    /// written. Nothing is left behind then.
    pub async fn back_up(&self, target: &Path) -> Result<Manifest, Error> {
        match self {
            Self::Directory(config) => {
                let (dir, target) = (config.dir.clone(), target.to_owned());
                blocking(move || back_up(&dir, &target)).await
            }
            Self::Database(config) => back_up_postgres(config, target).await,
        }
    }

    /// Makes the store from a backup, of whichever kind that was taken of: every tenant in it is on hold, under a new
    /// epoch, and evidence says so. A database is filled from the data directory that is made first.
    ///
    /// # Errors
    /// [`Error::Exists`] where the data directory holds anything, [`Error::NotEmpty`] where the database does;
    /// [`Error::Backup`] where a file of the backup is not what was written, [`Error::Damaged`] where the store in it is
    /// not. Nothing is left behind then, but for an empty schema. [`Error::Unmoved`] where the data directory was made and
    /// the database not filled: [`crate::move_to_postgres`] goes on from there. [`Error::Unverified`] where it was.
    pub async fn restore(&self, backup: &Path, by: &Subject) -> Result<Restored, Error> {
        if let Self::Database(config) = self {
            check_empty(config).await?;
        }
        let (backup, dir, restorer) = (backup.to_owned(), self.dir().to_owned(), by.clone());
        let restored = blocking(move || restore(&backup, &dir, &restorer)).await?;
        match self {
            Self::Directory(_) => Ok(restored),
            Self::Database(config) => {
                let from = StoreConfig::new(&config.dir);
                let moved = move_to_postgres(from, config, by).await;
                let moved = moved.map_err(|error| match error {
                    Error::Unverified { .. } => error,
                    error => Error::Unmoved {
                        dir: config.dir.clone(),
                        source: Box::new(error),
                    },
                })?;
                Ok(Restored {
                    epoch: moved.epoch,
                    ..restored
                })
            }
        }
    }

    /// Returns the public key that the store's checkpoints are signed by.
    ///
    /// # Errors
    /// [`Error`] where there is no store that can be read.
    pub async fn verifier_key(&self) -> Result<VerifierKey, Error> {
        match self {
            Self::Directory(config) => verifier_key(&config.dir),
            Self::Database(config) => verifier_key_postgres(config).await,
        }
    }

    /// Verifies the evidence; servers may be writing to it.
    ///
    /// # Errors
    /// [`Error`] where there is no store that can be read; what is wrong with the evidence is in the answer.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<Vec<Verified>, Error> {
        match self {
            Self::Directory(config) => verify(&config.dir, options),
            Self::Database(config) => verify_postgres(config, options).await,
        }
    }

    /// Reads everything and names each damage; servers may be running. Takes long on a large store.
    ///
    /// # Errors
    /// [`Error`] where there is no store that can be read at all.
    pub async fn check_full(&self) -> Result<Vec<Damage>, Error> {
        match self {
            Self::Directory(config) => check_full(&config.dir),
            Self::Database(config) => check_postgres(config).await,
        }
    }
}

/// Does what blocks where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|_| Error::Closed)?
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(config) => config.dir.display().fmt(f),
            Self::Database(config) => f.write_str(&config.name()),
        }
    }
}
