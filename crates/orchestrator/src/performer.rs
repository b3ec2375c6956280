//! The engine's hands: carries out effects with the agent's tools.

use std::sync::Arc;

use agent::Agent;
use domain::effect::Call;
use domain::outcome::{Answer, Outcome};
use engine::Performer;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// Carries out effects with an agent.
#[derive(Clone)]
pub struct AgentPerformer(Arc<Agent>);

impl AgentPerformer {
    /// Lends an agent to the engine.
    pub fn new(agent: Arc<Agent>) -> Self {
        Self(agent)
    }
}

impl Performer for AgentPerformer {
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome> {
        let agent = Arc::clone(&self.0);
        async move { agent.perform(&call).await }.boxed()
    }

    fn at_once(&self, call: &Call) -> Option<Outcome> {
        self.0.perform_at_once(call)
    }

    fn ask(&self, call: Call) -> BoxFuture<'static, Answer> {
        let agent = Arc::clone(&self.0);
        async move { agent.ask(&call) }.boxed()
    }
}
