//! Settings of the server itself: where it keeps its state, where it listens, what it allows at most.

use crate::config::setting::{Kind, Section, Setting};

/// The largest number that JSON carries exactly.
const ANY: u64 = (1 << 53) - 1;

pub(super) const SECTIONS: &[Section] = &[
    Section {
        pattern: "api",
        header: "[api]",
        meaning: "The HTTP listener.",
    },
    Section {
        pattern: "playbooks",
        header: "[playbooks]",
        meaning: "Written plans with the words that call them.",
    },
    Section {
        pattern: "limits",
        header: "[limits]",
        meaning: "What one goal may take. A goal keeps the limits it was accepted under.",
    },
    Section {
        pattern: "engine",
        header: "[engine]",
        meaning: "Who carries goals forward.",
    },
    Section {
        pattern: "temporal",
        header: "[temporal]",
        meaning: "The Temporal cluster that drives goals where `engine.driver` says so.",
    },
    Section {
        pattern: "store",
        header: "[store]",
        meaning: "Facts at rest.",
    },
    Section {
        pattern: "redis",
        header: "[redis]",
        meaning: "Redis, by which processes that share a database hear of each other at once. Nothing stands on it.",
    },
    Section {
        pattern: "audit",
        header: "[audit]",
        meaning: "Evidence.",
    },
    Section {
        pattern: "log",
        header: "[log]",
        meaning: "What the process says of itself, on standard error.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "data_dir",
        Kind::Path,
        "Folder of all state of this instance. One process at a time. Flag --data-dir.",
    )
    .default("\"omnihub-data\""),
    Setting::new("api.host", Kind::Text, "Address to listen on.").default("\"127.0.0.1\"").aliases(&["API_HOST"]),
    Setting::new("api.port", Kind::Whole { min: 0, max: 65_535 }, "Port to listen on; 0 takes a free one and prints it.")
        .default("8000")
        .aliases(&["API_PORT"]),
    Setting::new("api.metrics", Kind::Flag, "Serve Prometheus figures at /metrics.").default("true"),
    Setting::new(
        "playbooks.dir",
        Kind::Path,
        "Folder of playbooks (*.yaml, *.yml), read at start. A broken one stops the start.",
    )
    .example("\"playbooks\""),
    Setting::new("limits.plan_steps_max", Kind::Whole { min: 1, max: 10_000 }, "Steps of a plan.").default("100"),
    Setting::new("limits.fan_out_max", Kind::Whole { min: 1, max: 10_000 }, "Items of one for_each.").default("1000"),
    Setting::new("limits.output_bytes_max", Kind::Whole { min: 1_024, max: 16_777_216 }, "Bytes of one step's output.")
        .default("262144"),
    Setting::new("limits.input_bytes_max", Kind::Whole { min: 1_024, max: 1_048_576 }, "Bytes of one step's resolved input.")
        .default("65536"),
    Setting::new(
        "limits.goal_seconds_max",
        Kind::Whole { min: 1, max: 31_536_000 },
        "Seconds from acceptance to a goal's deadline where the submitter names none.",
    )
    .default("2592000"),
    Setting::new(
        "limits.approval_seconds",
        Kind::Whole { min: 1, max: 31_536_000 },
        "Seconds an approval stays open, and a granted one valid.",
    )
    .default("86400"),
    Setting::new("limits.open_goals_max", Kind::Whole { min: 1, max: 10_000_000 }, "Open goals of one tenant.").default("10000"),
    Setting::new(
        "engine.driver",
        Kind::Word(&["embedded", "temporal"]),
        "Who drives goals: this process itself, or a Temporal cluster by any number of workers, on PostgreSQL only.",
    )
    .default("\"embedded\"")
    .aliases(&["OMNIHUB_ENGINE"]),
    Setting::new(
        "engine.active_max",
        Kind::Whole { min: 1, max: 100_000 },
        "Goals that are in memory and driven at the same time. On Temporal temporal.stretches_max says it.",
    )
    .default("1024"),
    Setting::new(
        "engine.queue_max",
        Kind::Whole { min: 1, max: 10_000_000 },
        "Goals of one tenant that wait for their turn; past it new goals get 503. On Temporal they wait there, without a limit \
         of their own.",
    )
    .default("10000"),
    Setting::new(
        "engine.drain_seconds",
        Kind::Whole { min: 0, max: 3_600 },
        "Seconds that a stop waits for what is in flight. A second signal ends at once.",
    )
    .default("10"),
    Setting::new("temporal.host", Kind::Text, "`host:port` of the cluster's frontend.")
        .default("\"localhost:7233\"")
        .aliases(&["TEMPORAL_HOST"]),
    Setting::new("temporal.namespace", Kind::Text, "Namespace of the cluster.")
        .default("\"default\"")
        .aliases(&["TEMPORAL_NAMESPACE"]),
    Setting::new(
        "temporal.task_queue",
        Kind::Text,
        "Task queue of this installation. Two installations never share one.",
    )
    .default("\"apex-agent-queue\"")
    .aliases(&["TEMPORAL_TASK_QUEUE"]),
    Setting::new("temporal.tls", Kind::Flag, "Connect by TLS; an API key or a certificate does so anyway.").default("false"),
    Setting::new(
        "temporal.tls_ca",
        Kind::Path,
        "Certificates, as a PEM file, of whoever signs the cluster's; absent: those of the system.",
    )
    .example("\"certs/temporal-ca.pem\""),
    Setting::new("temporal.tls_server_name", Kind::Text, "The name that the cluster's certificate is for; absent: its host's.")
        .example("\"temporal.example\""),
    Setting::new(
        "temporal.tls_cert",
        Kind::Path,
        "Certificate, as a PEM file, by which this process proves who it is; with `temporal.tls_key`.",
    )
    .example("\"certs/omnihub.pem\""),
    Setting::new("temporal.tls_key", Kind::Path, "Private key, as a PEM file, of `temporal.tls_cert`.")
        .example("\"certs/omnihub-key.pem\""),
    Setting::new("temporal.api_key", Kind::Text, "API key of Temporal Cloud.").example("\"KEY\"").secret(),
    Setting::new(
        "temporal.encryption_keys",
        Kind::Text,
        "Keys by which what Temporal keeps is encrypted, 64 hexadecimal digits each, separated by commas: the first encrypts, \
         all decrypt. Ids of workflows (installation, tenant, goal) and search attributes (tenant, status) are never encrypted; \
         nothing else of a goal is told.",
    )
    .example("\"KEY\"")
    .secret(),
    Setting::new(
        "temporal.deployment",
        Kind::Text,
        "Worker deployment whose versions Temporal steers goals between; absent: every worker takes every goal. A versioned \
         worker gets nothing until Temporal was told which version is current.",
    )
    .example("\"omnihub\""),
    Setting::new(
        "temporal.stretches_max",
        Kind::Whole { min: 1, max: 10_000 },
        "Goals that a worker drives at a time within a few seconds each.",
    )
    .default("100"),
    Setting::new(
        "temporal.long_stretches_max",
        Kind::Whole { min: 1, max: 100_000 },
        "Goals that a worker drives at a time for longer.",
    )
    .default("1000"),
    Setting::new(
        "store.url",
        Kind::Text,
        "Database of PostgreSQL 14 or later that holds the facts instead of SQLite; keys and checkpoints stay in the data \
         directory. `sslmode=disable` alone does without encryption.",
    )
    .example("\"postgres://omnihub:PASSWORD@db.example:5432/postgres?sslmode=require\"")
    .aliases(&["DATABASE_URL"])
    .secret(),
    Setting::new(
        "store.ca",
        Kind::Path,
        "Certificates, as a PEM file, of whoever signs the database's; absent: those that browsers trust.",
    )
    .example("\"certs/database-ca.pem\""),
    Setting::new(
        "store.connections",
        Kind::Whole { min: 2, max: 1_000 },
        "Connections of this process to the database at once.",
    )
    .default("10"),
    Setting::new(
        "store.reserve_mb",
        Kind::Whole { min: 0, max: ANY },
        "Megabytes of free space below which new goals are refused and no effect starts; outcomes are still written.",
    )
    .default("64"),
    Setting::new(
        "redis.url",
        Kind::Text,
        "Server of Redis 6 or later; `rediss://` connects by TLS. While it is away the database is looked at as without it. \
         Means nothing with SQLite.",
    )
    .example("\"redis://:PASSWORD@redis.example:6379\"")
    .aliases(&["REDIS_URL"])
    .secret(),
    Setting::new(
        "redis.ca",
        Kind::Path,
        "Certificates, as a PEM file, of whoever signs the server's; absent: those that browsers trust.",
    )
    .example("\"certs/redis-ca.pem\""),
    Setting::new(
        "audit.witness",
        Kind::PathOrUrl,
        "File or URL outside the data directory that gets every checkpoint too.",
    )
    .example("\"/mnt/witness/omnihub.checkpoints\""),
    Setting::new(
        "log.level",
        Kind::Text,
        "How much is said: error, warn, info, debug, trace, or a filter such as `info,engine=debug`.",
    )
    .default("\"info\""),
    Setting::new("log.format", Kind::Word(&["text", "json"]), "How it is written.").default("\"text\""),
];
