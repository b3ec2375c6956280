//! The engine's hands: the real tools, but for steps whose outcomes a test has scripted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use domain::effect::Call;
use domain::outcome::{Answer, Outcome};
use engine::Performer;
use futures_util::future::{BoxFuture, FutureExt as _};
use orchestrator::AgentPerformer;
use serde_json::json;

/// Carries out effects.
pub(crate) struct Hands {
    agent: AgentPerformer,
    script: Mutex<HashMap<(String, bool), VecDeque<Outcome>>>,
    /// Steps whose undo never ends.
    stalled: Mutex<HashSet<String>>,
}

impl Hands {
    pub(crate) fn new(agent: AgentPerformer) -> Self {
        Self {
            agent,
            script: Mutex::default(),
            stalled: Mutex::default(),
        }
    }

    /// Scripts the next attempt of a step that nobody scripted yet.
    pub(crate) fn script(&self, step: &str, undo: bool, next: Outcome) {
        self.script
            .lock()
            .unwrap()
            .entry((step.to_owned(), undo))
            .or_default()
            .push_back(next);
    }

    /// The next attempt of a step succeeds.
    pub(crate) fn succeeds(&self, step: &str) {
        self.script(step, false, done());
    }

    /// The next undo of a step succeeds.
    pub(crate) fn undoes(&self, step: &str) {
        self.script(step, true, done());
    }

    /// The undo of a step never ends.
    pub(crate) fn stalls(&self, step: &str) {
        self.stalled.lock().unwrap().insert(step.to_owned());
    }

    /// The next attempt of a step fails for good.
    pub(crate) fn fails(&self, step: &str) {
        self.script(step, false, Outcome::permanent("http.status", "410 Gone"));
    }

    /// Nobody knows what became of the next attempt.
    pub(crate) fn is_lost(&self, step: &str) {
        self.script(
            step,
            false,
            Outcome::unknown("http.cut", "the connection was cut"),
        );
    }
}

/// What `call_webhook` answers when all is well.
pub(crate) fn done() -> Outcome {
    Outcome::Succeeded {
        output: json!({ "status_code": 200, "body": "ok" }),
    }
}

impl Performer for Hands {
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome> {
        let key = (call.step.to_string(), call.undoes.is_some());
        if key.1 && self.stalled.lock().unwrap().contains(&key.0) {
            return std::future::pending().boxed();
        }
        let next = self
            .script
            .lock()
            .unwrap()
            .get_mut(&key)
            .and_then(VecDeque::pop_front);
        match next {
            Some(outcome) => std::future::ready(outcome).boxed(),
            None => self.agent.perform(call),
        }
    }

    fn ask(&self, call: Call) -> BoxFuture<'static, Answer> {
        self.agent.ask(call)
    }
}
