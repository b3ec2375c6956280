//! Who drives goals: the engine in this process, or a Temporal cluster that it is a worker of.

#[cfg(feature = "temporal")]
mod cluster;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use engine::{Engine, EngineConfig, Performer};
use store::Store;

use super::Role;
use crate::config::Loaded;
use crate::config::settings::Driver;

/// What a program says that cannot drive by Temporal.
const WITHOUT: &str = "this program was built without Temporal: cargo build --features temporal";

/// Refuses Temporal where this program was built without.
///
/// # Errors
/// It was.
pub(crate) fn check_temporal() -> Result<()> {
    match cfg!(feature = "temporal") {
        true => Ok(()),
        false => bail!(WITHOUT),
    }
}

/// The engine, and the worker by which Temporal reaches it.
pub(super) struct Driving {
    pub(super) engine: Engine,
    #[cfg(feature = "temporal")]
    worker: Option<temporal::Worker>,
}

/// How goals are to be driven, of settings that can be used.
pub(super) enum Setup {
    /// By the engine in this process.
    Embedded,
    /// By a Temporal cluster.
    #[cfg(feature = "temporal")]
    Temporal(Box<temporal::Config>),
}

impl Setup {
    /// Reads it, before anything begins.
    ///
    /// # Errors
    /// What can never drive goals, at its place.
    pub(super) fn of(loaded: &Loaded) -> Result<Self> {
        match loaded.settings.engine.driver {
            Driver::Embedded => Ok(Self::Embedded),
            #[cfg(not(feature = "temporal"))]
            Driver::Temporal => Err(loaded.blame("engine.driver", WITHOUT).into()),
            #[cfg(feature = "temporal")]
            Driver::Temporal => Ok(Self::Temporal(Box::new(cluster::config(loaded)?))),
        }
    }
}

impl Driving {
    /// Starts what drives goals.
    pub(super) async fn start(
        setup: Setup,
        (loaded, role): (&Loaded, Role),
        store: &Store,
        performer: Arc<dyn Performer>,
        config: EngineConfig,
    ) -> Result<Self> {
        tracing::debug!(driver = ?loaded.settings.engine.driver, ?role, "who drives");
        match setup {
            Setup::Embedded => Ok(Self {
                engine: Engine::start(store.clone(), performer, config).await?,
                #[cfg(feature = "temporal")]
                worker: None,
            }),
            #[cfg(feature = "temporal")]
            Setup::Temporal(cluster) => {
                let installation = store.installation().to_owned();
                let cluster = temporal::Config {
                    installation,
                    ..*cluster
                };
                let temporal = cluster::connect(loaded, cluster)?;
                let port = (
                    Arc::new(temporal.clone()) as Arc<dyn engine::Port>,
                    role.drives(),
                );
                let engine = Engine::start_with(store.clone(), performer, config, port).await;
                let worker = role.drives().then(|| temporal.work(engine.clone()));
                Ok(Self { engine, worker })
            }
        }
    }

    /// Stops: what is in flight may end within that time. Returns whether all did.
    pub(super) async fn stop(self, within: Duration) -> bool {
        #[cfg(feature = "temporal")]
        if let Some(worker) = self.worker {
            // At once, or it would go on to take tasks that it cannot do any more.
            let stopped = worker.stop(within.max(cluster::STOP_MIN));
            return tokio::join!(self.engine.drain(within), stopped).0;
        }
        self.engine.drain(within).await
    }
}

/// Looks whether the Temporal cluster can be used; `None`: it is not what drives goals.
///
/// # Errors
/// Why it cannot be used, and what to do.
pub(crate) async fn look(loaded: &Loaded) -> Option<Result<String>> {
    match loaded.settings.engine.driver {
        Driver::Embedded => None,
        #[cfg(not(feature = "temporal"))]
        Driver::Temporal => Some(Err(loaded.blame("engine.driver", WITHOUT).into())),
        #[cfg(feature = "temporal")]
        Driver::Temporal => Some(cluster::look(loaded).await),
    }
}

#[cfg(all(test, not(feature = "temporal")))]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[tokio::test]
    async fn a_program_without_temporal_says_how_to_get_one_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            ("OMNIHUB_ENGINE", "temporal"),
            ("DATABASE_URL", "postgres://127.0.0.1:1/a"),
        ];
        let sources = Sources {
            working_dir: folder.path().to_owned(),
            environment: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Sources::default()
        };
        let loaded = load(&sources).unwrap();
        let refused = Setup::of(&loaded).err().unwrap();
        let says = "env OMNIHUB_ENGINE: this program was built without Temporal: cargo build --features temporal";
        assert_eq!(refused.to_string(), says);
        let looked = look(&loaded).await.unwrap();
        assert_eq!(looked.unwrap_err().to_string(), says);
    }
}
