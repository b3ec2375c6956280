//! A place for a store: a data directory, or one with a database of a real PostgreSQL beside it.

use store::{Location, PostgresConfig, StoreConfig};
use tempfile::TempDir;

/// Where a test's store is; opened again it holds what it held.
pub(crate) struct Place {
    dir: TempDir,
    url: Option<String>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, url: None }
    }

    /// `None`: there is no PostgreSQL here, and the test is skipped.
    pub(crate) fn postgres() -> Option<Self> {
        let server = servers::or_skip(servers::Postgres::shared())?;
        Some(Self {
            url: Some(server.database().unwrap()),
            ..Self::sqlite()
        })
    }

    /// The same database for another process: keys of its own folder, which are the same.
    pub(crate) fn beside(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        for key in ["installation.key", "audit.key"] {
            std::fs::copy(self.dir.path().join("keys").join(key), keys.join(key)).unwrap();
        }
        Self {
            dir,
            url: self.url.clone(),
        }
    }

    /// The name under which a process of this place leads.
    pub(crate) fn holder(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("holder")).unwrap()
    }

    /// Runs SQL in the database, as its owner.
    pub(crate) fn sql(&self, sql: &str) {
        let url = self.url.as_deref().unwrap();
        let server = servers::Postgres::shared().unwrap();
        server.sql_at(url, sql).unwrap();
    }

    pub(crate) fn location(&self) -> Location {
        match &self.url {
            None => Location::Directory(StoreConfig::new(self.dir.path())),
            Some(url) => Location::Database(PostgresConfig::new(self.dir.path(), url)),
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
