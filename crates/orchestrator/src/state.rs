//! What every handler shares.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent::Agent;
use domain::goal::Limits;
use domain::playbook::Playbooks;
use engine::Engine;
use jiff::Timestamp;
use saga::PinnedTools;
use store::{Chain, Store};
use tokio::sync::watch;

use crate::auth::failures::FailedLogins;
use crate::auth::{AuthConfig, Authenticator, DevelopmentIssuer};
use crate::figures::Figures;

/// How the service is set up.
#[derive(Debug, Clone)]
pub struct OrchestratorConfig {
    /// `[auth]`.
    pub auth: AuthConfig,
    /// The limits that a goal accepted now keeps for life.
    pub limits: Limits,
    /// Most open goals of one tenant.
    pub open_goals_max: u64,
    /// The names of the configured secrets, which plans may refer to.
    pub secrets: BTreeSet<String>,
    /// Whether the API is served: a worker has only health and figures.
    pub accepts: bool,
    /// Whether `/metrics` is served.
    pub metrics: bool,
    /// How long requests that are under way may take at shutdown.
    pub drain: Duration,
}

/// What the service works with.
pub struct Parts {
    /// Facts at rest.
    pub store: Store,
    /// Who drives goals.
    pub engine: Engine,
    /// The tools.
    pub agent: Arc<Agent>,
    /// Written plans, checked.
    pub playbooks: Playbooks,
    /// The development issuer; `None`: there is none at hand.
    pub development: Option<DevelopmentIssuer>,
}

/// The service's state.
pub(crate) struct App {
    pub(crate) config: OrchestratorConfig,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) agent: Arc<Agent>,
    pub(crate) playbooks: Playbooks,
    pub(crate) auth: Authenticator,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) figures: Figures,
    /// The tools as plans made now pin them.
    pub(crate) tools: PinnedTools,
    stopping: watch::Sender<bool>,
}

impl App {
    pub(crate) fn new(config: OrchestratorConfig, parts: Parts, auth: Authenticator) -> Self {
        let Parts {
            store,
            engine,
            agent,
            playbooks,
            development: _,
        } = parts;
        let toolset = agent.toolset().clone();
        let bytes = serde_json::to_vec(&toolset).unwrap_or_default();
        let digest = store.secret().digest(&[b"toolset", &bytes]);
        Self {
            config,
            engine,
            agent,
            playbooks,
            auth,
            failed_logins: FailedLogins::default(),
            figures: Figures::default(),
            tools: PinnedTools::new(digest, Arc::new(toolset)),
            stopping: watch::Sender::new(false),
            store,
        }
    }

    /// Tells every stream to end.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Ends when the process stops.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as `self`.
        stopping
            .wait_for(|stop| *stop)
            .await
            .map(drop)
            .unwrap_or_default();
    }

    /// Writes the failed logins that are due to the installation's own chain.
    pub(crate) async fn record_failed_logins(&self, now: Timestamp, all: bool) {
        let drafts = self.failed_logins.take(now, all);
        if drafts.is_empty() {
            return;
        }
        if let Err(error) = self
            .store
            .append_evidence(&Chain::Installation, drafts)
            .await
        {
            tracing::error!(%error, "failed logins could not be recorded");
        }
    }
}
