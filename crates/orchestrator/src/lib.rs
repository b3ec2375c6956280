//! The API service: accepts goals, records decisions, answers questions (CONTRACT §2).
//!
//! Handlers stand in `routes/<noun>.rs`, what they mean in `<noun>.rs`; `router` lists every path, `error` alone makes
//! problems, `auth` alone decides who calls. It also lends the engine its hands: [`AgentPerformer`].
//!
//! Entry points: [`Orchestrator`], [`AgentPerformer`], [`auth::DevelopmentIssuer`], [`openapi::document`].

mod approvals;
mod audit;
pub mod auth;
mod body;
mod caller;
mod context;
mod emergency;
mod error;
mod events;
mod figures;
mod goals;
mod health;
pub mod openapi;
mod performer;
mod plans;
mod router;
mod routes;
mod server;
mod state;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;

pub use self::performer::AgentPerformer;
pub use self::state::{OrchestratorConfig, Parts};

use self::auth::{AuthConfigError, Authenticator};
use self::server::Deadlines;
use self::state::App;

/// How often failed logins are looked at; an entry is written at most once a minute for each source.
const FAILED_LOGINS_EVERY: Duration = Duration::from_secs(5);

/// The API service of one process.
#[derive(Clone)]
pub struct Orchestrator {
    app: Arc<App>,
}

impl Orchestrator {
    /// Puts the service together.
    ///
    /// # Errors
    /// [`AuthConfigError`] names the setting of `[auth]` that cannot be worked with.
    pub fn new(config: OrchestratorConfig, parts: Parts) -> Result<Self, AuthConfigError> {
        let auth = Authenticator::open(&config.auth, parts.development.as_ref())?;
        Ok(Self {
            app: Arc::new(App::new(config, parts, auth)),
        })
    }

    /// Every route, as one service.
    pub fn router(&self) -> Router {
        router::router(Arc::clone(&self.app))
    }

    /// Serves until `shutdown`; then streams end, what is under way is answered, and this returns.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let deadlines = Deadlines {
            headers: server::HEADERS_WITHIN,
            drain: self.app.config.drain,
        };
        let app = Arc::clone(&self.app);
        let ends = async {
            shutdown.await;
            app.stop();
        };
        // The second arm never ends; what it leaves undone `flush` and the next process do.
        tokio::select! {
            () = server::serve(listener, self.router(), deadlines, ends) => {}
            () = self.attend() => {}
        }
        self.flush().await;
    }

    /// Writes every failed login that is not recorded yet.
    pub async fn flush(&self) {
        self.app.record_failed_logins(Timestamp::now(), true).await;
    }

    /// Does what no request does: carries changes of the emergency controls to open goals, and records failed logins.
    /// Never ends; [`Orchestrator::serve`] runs it beside the listener.
    pub async fn attend(&self) {
        let logins = async {
            loop {
                tokio::time::sleep(FAILED_LOGINS_EVERY).await;
                self.app.record_failed_logins(Timestamp::now(), false).await;
            }
        };
        tokio::select! {
            () = emergency::follow(&self.app) => {}
            () = logins => {}
        }
    }
}
