//! The settings as the process uses them: the components' own structs, put together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent::databases::DatabaseConfig;
use agent::email::EmailConfig;
use agent::notify::NotifyConfig;
use agent::outbound::OutboundConfig;
use agent::secrets::SecretConfig;
use clap::ValueEnum;
use domain::goal::Limits;
use engine::EngineConfig;
use orchestrator::auth::AuthConfig;
use serde::Deserialize;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Folder of all state.
    pub data_dir: PathBuf,
    /// The listener.
    pub api: Api,
    /// Written plans.
    #[serde(default)]
    pub playbooks: Playbooks,
    /// What one goal may take.
    pub limits: GoalLimits,
    /// Who carries goals forward.
    pub engine: Engine,
    /// The Temporal cluster, where it drives goals.
    #[cfg_attr(
        not(feature = "temporal"),
        expect(dead_code, reason = "only the Temporal driver asks")
    )]
    pub temporal: Temporal,
    /// Facts at rest.
    pub store: Store,
    /// What carries hints between processes.
    #[serde(default)]
    pub redis: Redis,
    /// Evidence.
    #[serde(default)]
    pub audit: Audit,
    /// What the process says of itself.
    pub log: Log,
    /// Who may call.
    pub auth: AuthConfig,
    /// Connected databases.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Mail.
    #[serde(default)]
    pub email: EmailConfig,
    /// Requests to other servers.
    #[serde(default)]
    pub outbound: OutboundConfig,
    /// Secrets that plans may name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretConfig>,
    /// Who is told.
    #[serde(default)]
    pub notify: NotifyConfig,
}

/// The HTTP listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Api {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0: a free one.
    pub port: u16,
    /// Whether `/metrics` is served.
    pub metrics: bool,
}

/// Written plans.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Playbooks {
    /// Their folder; `None`: there are none.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

/// What one goal may take, and how many goals a tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalLimits {
    plan_steps_max: u32,
    fan_out_max: u32,
    output_bytes_max: u32,
    input_bytes_max: u32,
    goal_seconds_max: u32,
    approval_seconds: u32,
    /// Open goals of one tenant.
    pub open_goals_max: u64,
}

/// Who carries goals forward.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Engine {
    /// Who drives goals.
    pub driver: Driver,
    active_max: usize,
    queue_max: usize,
    /// Seconds that a stop waits for what is in flight.
    pub drain_seconds: u64,
}

/// Who drives sagas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Driver {
    /// This process
    Embedded,
    /// A Temporal cluster, by workers of its queue
    Temporal,
}

/// The Temporal cluster.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "temporal"),
    expect(dead_code, reason = "only the Temporal driver reads them")
)]
pub(crate) struct Temporal {
    /// `host:port` of its frontend.
    pub host: String,
    /// The namespace.
    pub namespace: String,
    /// The queue of this installation.
    pub task_queue: String,
    /// Whether the connection is by TLS.
    pub tls: bool,
    /// The certificates of whoever signs the cluster's.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// The name that its certificate is for.
    #[serde(default)]
    pub tls_server_name: Option<String>,
    /// The own certificate.
    #[serde(default)]
    pub tls_cert: Option<PathBuf>,
    /// Its private key.
    #[serde(default)]
    pub tls_key: Option<PathBuf>,
    /// The key of a Temporal Cloud account.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Keys of the payloads, 64 hexadecimal digits each.
    #[serde(default)]
    pub encryption_keys: Option<String>,
    /// The deployment whose versions Temporal steers traffic between.
    #[serde(default)]
    pub deployment: Option<String>,
    /// Short stretches at a time.
    pub stretches_max: usize,
    /// Long stretches at a time.
    pub long_stretches_max: usize,
}

impl std::fmt::Debug for Temporal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Temporal")
            .field("host", &self.host)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Facts at rest.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// Where the database of Postgres is; `None`: facts are in the data directory.
    #[serde(default)]
    pub url: Option<String>,
    /// The certificates of whoever signs the database's; `None`: those that browsers trust.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Connections to the database at once.
    pub connections: usize,
    /// Megabytes of free space below which nothing new begins.
    pub reserve_mb: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("on_postgres", &self.url.is_some())
            .field("reserve_mb", &self.reserve_mb)
            .finish_non_exhaustive()
    }
}

/// What carries hints between processes.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    /// Where it is; `None`: there is none.
    #[serde(default)]
    pub url: Option<String>,
    /// The certificates of whoever signs the server's; `None`: those that browsers trust.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("is_set", &self.url.is_some())
            .finish_non_exhaustive()
    }
}

/// Evidence.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    /// File or URL that gets every checkpoint too; `None`: there is none.
    #[serde(default)]
    pub witness: Option<String>,
}

/// What the process says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// How much: a level or a filter.
    pub level: String,
    /// How it is written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Engine {
    /// What the engine itself is started with.
    pub(crate) fn config(&self) -> EngineConfig {
        EngineConfig {
            active_max: self.active_max,
            queue_max: self.queue_max,
            ..EngineConfig::default()
        }
    }
}

impl GoalLimits {
    /// The limits that a goal accepted now keeps for life.
    pub(crate) fn of_a_goal(&self) -> Limits {
        Limits {
            plan_steps_max: self.plan_steps_max,
            fan_out_max: self.fan_out_max,
            output_bytes_max: self.output_bytes_max,
            input_bytes_max: self.input_bytes_max,
            goal_seconds_max: self.goal_seconds_max,
            approval_seconds: self.approval_seconds,
        }
    }
}
