//! A place for a store and what drives it: a data directory, or one with a database of a real PostgreSQL beside it, and
//! with a queue of a real Temporal server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{Location, PostgresConfig, Store, StoreConfig};
use tempfile::TempDir;

use crate::proxy::Proxy;

/// Where a test's store is; opened again it holds what it held.
pub(crate) struct Place {
    dir: TempDir,
    url: Option<String>,
    /// How goals are driven; `None`: by the process itself.
    temporal: Option<temporal::Config>,
    /// Whether its store hears nothing of what others commit.
    deaf: bool,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            dir,
            url: None,
            temporal: None,
            deaf: false,
        }
    }

    /// `None`: there is no PostgreSQL here, and the test is skipped.
    pub(crate) fn postgres() -> Option<Self> {
        let server = servers::or_skip(servers::Postgres::shared())?;
        Some(Self {
            url: Some(server.database().unwrap()),
            ..Self::sqlite()
        })
    }

    /// `None`: there is no Temporal here, or no PostgreSQL, and the test is skipped.
    pub(crate) fn temporal() -> Option<Self> {
        let server = servers::or_skip(servers::Temporal::shared())?;
        Self::driven_by(&server.address())
    }

    /// The same with a Temporal server of the test's own.
    pub(crate) fn driven_by(address: &str) -> Option<Self> {
        static QUEUES: AtomicU32 = AtomicU32::new(0);
        let mut config = temporal::Config::plain(address, "");
        config.task_queue = format!("test-{}", QUEUES.fetch_add(1, Ordering::Relaxed));
        Some(Self {
            temporal: Some(config),
            ..Self::postgres()?
        })
    }

    /// A proxy before the database; `None`: there is none.
    pub(crate) async fn proxy(&self) -> Option<Proxy> {
        self.url.as_ref()?;
        let server = servers::Postgres::shared().ok()?;
        Some(Proxy::before(server.port()).await)
    }

    /// The same place, its database reached through a proxy.
    pub(crate) fn through(mut self, proxy: &Proxy) -> Self {
        self.url = self.url.map(|url| proxy.url(&url));
        self
    }

    /// Changes how Temporal is used there.
    pub(crate) fn adjusted(mut self, adjust: impl FnOnce(&mut temporal::Config)) -> Self {
        if let Some(config) = &mut self.temporal {
            adjust(config);
        }
        self
    }

    /// How goals are driven there; `None`: by the process itself.
    pub(crate) fn cluster(&self, store: &Store) -> Option<temporal::Config> {
        let config = self.temporal.clone();
        config.map(|config| temporal::Config {
            installation: store.installation().to_owned(),
            ..config
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
            temporal: self.temporal.clone(),
            deaf: self.deaf,
        }
    }

    /// The same place for a store that hears nothing of what others commit, but by looking for it.
    pub(crate) fn deaf(mut self) -> Self {
        self.deaf = true;
        self
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
            Some(url) => {
                let mut config = PostgresConfig::new(self.dir.path(), url);
                if self.deaf {
                    config.look_every = Duration::from_secs(3_600);
                }
                Location::Database(config)
            }
        }
    }
}

/// Runs each test with every engine: the embedded one on either store, and Temporal.
macro_rules! on_every_engine {
    ($($test:ident),* $(,)?) => {
        $crate::place::on_either_store!($($test),*);

        mod temporal {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(place) = $crate::place::Place::temporal() {
                        super::$test(place).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_every_engine;

/// Runs each test with every engine that reaches its store by a network.
macro_rules! on_every_server {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(place) = $crate::place::Place::postgres() {
                        super::$test(place).await;
                    }
                }
            )*
        }

        mod temporal {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(place) = $crate::place::Place::temporal() {
                        super::$test(place).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use on_every_server;

/// Runs each test with the embedded engine on either store: those whose subject it is what a process has in memory.
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
