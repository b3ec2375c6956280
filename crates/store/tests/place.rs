//! A place for a store: a data directory, or one with a database of a real PostgreSQL beside it.

use std::path::Path;

use store::{Damage, PostgresConfig, Store, StoreConfig, Verified, VerifyOptions};
use tempfile::TempDir;

/// Where a test's store is; opened again it holds what it held.
pub struct Place {
    dir: TempDir,
    url: Option<String>,
}

impl Place {
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, url: None }
    }

    /// `None`: there is no PostgreSQL here, and the test is skipped.
    pub fn postgres() -> Option<Self> {
        let server = servers::or_skip(servers::Postgres::shared())?;
        Some(Self {
            url: Some(server.database().unwrap()),
            ..Self::sqlite()
        })
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The same database for another process, with keys of its own.
    pub fn beside(&self) -> Self {
        Self {
            url: self.url.clone(),
            ..Self::sqlite()
        }
    }

    /// Runs SQL in the database, as its owner.
    pub fn sql(&self, sql: &str) {
        let url = self.url.as_deref().unwrap();
        let server = servers::Postgres::shared().unwrap();
        server.sql_at(url, sql).unwrap();
    }

    /// How its store is opened; `None`: it is on SQLite.
    pub fn config(&self) -> Option<PostgresConfig> {
        let url = self.url.as_ref()?;
        Some(PostgresConfig::new(self.dir(), url))
    }

    /// Whether the database holds some text, whatever the table.
    pub fn holds(&self, text: &str) -> bool {
        match &self.url {
            None => ["omnihub.db", "omnihub.db-wal"].iter().any(|file| {
                let bytes = std::fs::read(self.dir().join(file)).unwrap_or_default();
                bytes
                    .windows(text.len())
                    .any(|found| found == text.as_bytes())
            }),
            Some(url) => {
                let dump = servers::Postgres::shared().unwrap().dump(url).unwrap();
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                dump.contains(text) || dump.contains(&hex)
            }
        }
    }

    /// Everything in it that is not what was written.
    pub async fn damages(&self) -> Vec<Damage> {
        match self.config() {
            None => store::check_full(self.dir()).unwrap(),
            Some(config) => store::check_postgres(&config).await.unwrap(),
        }
    }

    pub async fn verify(&self, options: &VerifyOptions) -> Vec<Verified> {
        match self.config() {
            None => store::verify(self.dir(), options).unwrap(),
            Some(config) => store::verify_postgres(&config, options).await.unwrap(),
        }
    }

    pub async fn verifier_key(&self) -> audit::VerifierKey {
        match self.config() {
            None => store::verifier_key(self.dir()).unwrap(),
            Some(config) => store::verifier_key_postgres(&config).await.unwrap(),
        }
    }

    pub async fn open(&self) -> Store {
        match self.config() {
            None => Store::open(StoreConfig::new(self.dir())).unwrap(),
            Some(config) => Store::connect(config).await.unwrap(),
        }
    }
}

/// Runs each test on either store.
macro_rules! on_either_store {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::place::Place::sqlite()).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    if let Some(place) = $crate::place::Place::postgres() {
                        super::$test(place).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_either_store;
