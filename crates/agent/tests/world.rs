//! An agent to test with, calls for it to carry out, and its outcomes as short text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::email::EmailConfig;
use agent::outbound::OutboundConfig;
use agent::secrets::SecretConfig;
use agent::{Agent, AgentConfig};
use domain::digest::Digest;
use domain::effect::Call;
use domain::id::{GoalId, StepId, TenantId};
use domain::outcome::{FailureKind, Outcome};
use serde_json::Value;
use tempfile::TempDir;

/// A configuration in a folder of its own; nothing is allowed and nothing connected.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) config: AgentConfig,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = AgentConfig {
            databases: BTreeMap::new(),
            email: EmailConfig {
                from: "Shop <shop@example.com>".to_owned(),
                ..EmailConfig::default()
            },
            outbound: OutboundConfig::default(),
            secrets: BTreeMap::new(),
            outbox_dir: folder.path().join("outbox"),
            output_bytes_max: 256 * 1_024,
        };
        Self { folder, config }
    }

    /// Allows requests to these `host:port`s.
    pub(crate) fn allowing(allow: &[&str]) -> Self {
        let mut world = Self::new();
        world.config.outbound.allow = allow.iter().map(|host| (*host).to_owned()).collect();
        world
    }

    /// Adds a secret that may go to these hosts.
    pub(crate) fn with_secret(mut self, name: &str, value: &str, hosts: &[&str]) -> Self {
        let file = self.folder.path().join(name);
        std::fs::write(&file, value).unwrap();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.config.secrets.insert(
            name.to_owned(),
            SecretConfig {
                env: None,
                file: Some(file),
                hosts,
            },
        );
        self
    }

    pub(crate) fn agent(&self) -> Agent {
        Agent::open(self.config.clone()).unwrap()
    }

    pub(crate) fn outbox(&self) -> &Path {
        &self.config.outbox_dir
    }
}

/// Gives each call of the process a key of its own.
static KEYS: AtomicU64 = AtomicU64::new(1);

/// The first attempt of an effect, with a key of its own.
pub(crate) fn call(agent: &Agent, tool: &str, input: Value) -> Call {
    let spec = agent.toolset().get(tool).unwrap();
    let mut key = [0; 32];
    key[..8].copy_from_slice(&KEYS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Call {
        tenant: TenantId::try_from("default".to_owned()).unwrap(),
        goal: GoalId::try_from("goal-1".to_owned()).unwrap(),
        step: StepId::try_from("step".to_owned()).unwrap(),
        item: None,
        tool: tool.to_owned(),
        class: spec.class_for(&input).0,
        input: Arc::new(input),
        key: Digest::from_bytes(key),
        undoes: None,
        attempt: 1,
        timeout_seconds: 20,
    }
}

/// Carries out a first attempt.
pub(crate) async fn perform(agent: &Agent, tool: &str, input: Value) -> Outcome {
    agent.perform(&call(agent, tool, input)).await
}

/// `succeeded`, or the kind and the code of what went wrong.
pub(crate) fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded { .. } => "succeeded".to_owned(),
        Outcome::Failed {
            kind: FailureKind::Transient,
            error,
            ..
        } => format!("transient {}", error.code),
        Outcome::Failed {
            kind: FailureKind::Permanent,
            error,
            ..
        } => format!("permanent {}", error.code),
        Outcome::Unknown { error } => format!("unknown {}", error.code),
    }
}

/// The output of an outcome that must be a success.
pub(crate) fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Succeeded { output } => output,
        other => panic!("no success: {other:?}"),
    }
}

/// The sentence of an outcome that must be none.
pub(crate) fn message(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Succeeded { output } => panic!("a success: {output}"),
        Outcome::Failed { error, .. } | Outcome::Unknown { error } => &error.message,
    }
}
