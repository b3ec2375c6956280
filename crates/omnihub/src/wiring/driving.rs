//! Who drives goals: the engine in this process, or a Temporal cluster that it is a worker of.

#[cfg(feature = "temporal")]
mod cluster;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::{Engine, EngineConfig, Performer};
use store::Store;

use super::Role;
use crate::config::Loaded;
use crate::config::settings::Driver;

/// What a program says that cannot drive by Temporal.
#[cfg(not(feature = "temporal"))]
const WITHOUT: &str = "this program was built without Temporal: cargo build --features temporal";

/// The engine, and the worker by which Temporal reaches it.
pub(super) struct Driving {
    pub(super) engine: Engine,
    #[cfg(feature = "temporal")]
    worker: Option<temporal::Worker>,
}

impl Driving {
    /// Starts what drives goals.
    pub(super) async fn start(
        (loaded, role): (&Loaded, Role),
        store: &Store,
        performer: Arc<dyn Performer>,
        config: EngineConfig,
    ) -> Result<Self> {
        let driver = loaded.settings.engine.driver;
        tracing::debug!(?driver, ?role, "who drives");
        match driver {
            Driver::Embedded => Ok(Self {
                engine: Engine::start(store.clone(), performer, config).await?,
                #[cfg(feature = "temporal")]
                worker: None,
            }),
            #[cfg(not(feature = "temporal"))]
            Driver::Temporal => Err(loaded.blame("engine.driver", WITHOUT).into()),
            #[cfg(feature = "temporal")]
            Driver::Temporal => {
                let cluster = cluster::config(loaded, store.installation())?;
                let temporal = cluster::connect(loaded, cluster)?;
                let port = Arc::new(temporal.clone());
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
