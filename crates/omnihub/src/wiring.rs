//! Puts the process together: store, agent, playbooks, engine, service and listener, in the order in which each needs the
//! one before; then runs until a signal and takes it apart again.
//!
//! Law: whatever is wrong with what the operator wrote stops the start, with file, line and reason.

mod checkpoints;
mod driving;
mod hints;
mod notices;
mod parts;
mod role;
mod signals;
mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent::Agent;
use anyhow::{Context as _, Result};
use engine::{EngineConfig, Performer};
use orchestrator::{AgentPerformer, Orchestrator, Parts};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Loaded;
use crate::output::Output;
use crate::prove::Sabotage;

use self::driving::Driving;
pub(crate) use self::driving::{check_temporal, look as look_at_driver};
pub(crate) use self::parts::{
    BrokenPlaybooks, check_playbooks, open_agent, open_agent_with, playbook_files, read_playbooks,
    redis, store_location, told_playbook,
};

pub(crate) use self::role::Role;
pub(crate) use self::store::PATIENCE;

/// Threads for calls that block, beside the store's own: names are resolved on them.
const BLOCKING_THREADS_MAX: usize = 32;
/// How long an idle one of them is kept.
const BLOCKING_KEPT: Duration = Duration::from_secs(5);

/// Runs the server until a signal ends it.
///
/// # Errors
/// Whatever kept it from starting.
pub(crate) fn serve(
    loaded: &Loaded,
    role: Role,
    output: Output,
    sabotage: Option<Sabotage>,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(BLOCKING_KEPT)
        .enable_all()
        .build()?;
    runtime.block_on(run(loaded, role, output, sabotage))
}

async fn run(
    loaded: &Loaded,
    role: Role,
    output: Output,
    sabotage: Option<Sabotage>,
) -> Result<()> {
    let settings = &loaded.settings;
    role.check(loaded)?;
    let setup = driving::Setup::of(loaded)?;
    // Signals are taken from the first moment: a stop during recovery is a stop.
    let stopping = signals::watch()?;
    for name in &loaded.not_used {
        tracing::warn!(
            name,
            "this variable is set and means nothing in this version"
        );
    }
    hints::warn_of_sqlite(settings);
    let address = address(loaded).await?;
    settings
        .auth
        .check_listen(address.ip())
        .map_err(|error| loaded.blame_first(&["auth.development", "api.host"], error))?;
    let Some(store) = store::open(loaded, sabotage, stopping.clone()).await? else {
        return Ok(());
    };
    let agent = Arc::new(open_agent(loaded)?);
    let notifier = agent
        .notifier(&settings.notify)
        .map_err(|error| parts::blame_agent(loaded, error))?;
    let witness = checkpoints::Witness::open(loaded)?;
    let playbooks = check_playbooks(loaded, agent.schemas())?;
    let development = parts::development_issuer(settings)?;
    parts::check_auth(loaded, development.as_ref())?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    // Nothing is left that could refuse the start, so the connected databases may be changed.
    parts::prepare_agent(loaded, &agent)?;
    let performer = performer(&agent, sabotage);
    let config = EngineConfig {
        notifies: !notifier.is_silent(),
        ..settings.engine.config()
    };
    let driving = Driving::start(setup, (loaded, role), &store, performer, config).await?;
    let engine = driving.engine.clone();

    let count = playbooks.iter().count();
    let parts = Parts {
        store: store.clone(),
        engine: engine.clone(),
        agent: Arc::clone(&agent),
        playbooks,
        development,
    };
    let service = Orchestrator::new(parts::service_config(settings, role), parts)
        .map_err(|error| parts::blame_auth(loaded, &error))?;

    let mut tasks = JoinSet::new();
    tasks.spawn(notices::run(store.clone(), notifier, stopping.clone()));
    tasks.spawn(hints::run(store.clone(), stopping.clone()));
    tasks.spawn(checkpoints::run(store.clone(), witness, stopping.clone()));
    announce(listener.local_addr()?, count, output)?;

    let drain = Duration::from_secs(settings.engine.drain_seconds);
    until_stopped(
        service.serve(listener, signals::stopped(stopping.clone())),
        driving,
        stopping,
        drain,
    )
    .await;
    tasks.join_all().await;
    // The last holder waits for the writer and lets the directory go.
    drop(store);
    tracing::info!("stopped");
    Ok(())
}

/// Who carries out effects; a proof may break what is promised of them.
fn performer(agent: &Arc<Agent>, sabotage: Option<Sabotage>) -> Arc<dyn Performer> {
    let hands: Arc<dyn Performer> = Arc::new(AgentPerformer::new(Arc::clone(agent)));
    match sabotage {
        None => hands,
        Some(sabotage) => sabotage.hands(hands),
    }
}

/// Serves until a signal; then requests and effects that are under way end, within `drain`.
async fn until_stopped(
    serving: impl Future<Output = ()>,
    driving: Driving,
    stopping: watch::Receiver<bool>,
    drain: Duration,
) {
    let drained = async {
        signals::stopped(stopping).await;
        tracing::info!(
            seconds = drain.as_secs(),
            "stopping: waiting for what is in flight"
        );
        driving.stop(drain).await
    };
    let ((), drained) = tokio::join!(serving, drained);
    if !drained {
        tracing::warn!(
            "some effects were cut; their goals go on from the journal at the next start"
        );
    }
}

/// The address to listen on.
async fn address(loaded: &Loaded) -> Result<SocketAddr> {
    let api = &loaded.settings.api;
    let mut found = tokio::net::lookup_host((api.host.as_str(), api.port))
        .await
        .map_err(|error| {
            loaded.blame(
                "api.host",
                format!("{:?} is no address to listen on: {error}", api.host),
            )
        })?;
    found
        .next()
        .with_context(|| format!("api.host: {:?} has no address", api.host))
}

/// Says where the server listens: one line that people read and programs wait for.
fn announce(address: SocketAddr, playbooks: usize, output: Output) -> Result<()> {
    tracing::info!(%address, playbooks, "ready");
    if output.is_json() {
        return Ok(output.json_line(&json!({ "address": format!("http://{address}"), "version": env!("CARGO_PKG_VERSION") }))?);
    }
    Ok(output.line(format!(
        "OmniHub {} listening on http://{address}",
        env!("CARGO_PKG_VERSION")
    ))?)
}
