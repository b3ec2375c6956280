//! Where a store is, before it is opened: a data directory, or a database of Postgres beside one.

use std::fmt;
use std::path::Path;

use audit::VerifierKey;

use crate::error::{Damage, Error};
use crate::evidence::verify::{Verified, VerifyOptions};
use crate::postgres::{PostgresConfig, check_postgres, verifier_key_postgres, verify_postgres};
use crate::sqlite::{check_full, verifier_key, verify};
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
            Self::Directory(config) => {
                let opened = tokio::task::spawn_blocking(move || Store::open(config)).await;
                opened.map_err(|_| Error::Closed)?
            }
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

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(config) => config.dir.display().fmt(f),
            Self::Database(config) => f.write_str(&config.name()),
        }
    }
}
