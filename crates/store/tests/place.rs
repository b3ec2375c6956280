//! A place for a store: a data directory, or one with a database of a real PostgreSQL beside it.

use std::path::Path;

use store::{Damage, Error, PostgresConfig, Store, StoreConfig, Verified, VerifyOptions};
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
        Some(Self::on(server))
    }

    /// A place on a server that the test has for itself.
    pub fn on(server: &servers::Postgres) -> Self {
        Self::of(server.database().unwrap())
    }

    /// A place in the database of that URL.
    pub fn of(url: String) -> Self {
        Self {
            url: Some(url),
            ..Self::sqlite()
        }
    }

    /// The place of another process: the same database and the same keys, in a data directory of its own.
    pub fn beside(&self) -> Self {
        let other = Self::of(self.url.clone().unwrap());
        let keys = other.dir().join("keys");
        std::fs::create_dir(&keys).unwrap();
        for entry in std::fs::read_dir(self.dir().join("keys")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, keys.join(path.file_name().unwrap())).unwrap();
        }
        other
    }

    /// The URL of its database, with the role that may do everything.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap()
    }

    /// The name of its database.
    pub fn database(&self) -> &str {
        let name = self.url().rsplit('/').next().unwrap();
        name.split('?').next().unwrap()
    }

    /// How its store is opened in another way.
    pub fn config_at(&self, url: impl Into<String>) -> PostgresConfig {
        PostgresConfig::new(self.dir(), url)
    }

    /// Runs SQL as the server's owner; returns what it answers, a line a row.
    pub async fn sql(&self, sql: &str) -> Vec<String> {
        let client = client(self.url()).await;
        let answer = client.simple_query(sql).await;
        rows(answer.unwrap_or_else(|error| panic!("{sql}: {error:?}")))
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
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

/// A connection beside the store's own.
pub async fn client(url: &str) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    client
}

/// The rows of an answer, a line each.
pub fn rows(answer: Vec<tokio_postgres::SimpleQueryMessage>) -> Vec<String> {
    let line = |message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|cell| row.get(cell).unwrap_or_default());
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    answer.into_iter().filter_map(line).collect()
}

/// An error as an operator reads it: with everything that it came from.
pub fn said(error: &Error) -> String {
    let (mut said, mut source) = (error.to_string(), std::error::Error::source(error));
    while let Some(cause) = source {
        said.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    said
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
