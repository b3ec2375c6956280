//! The worker: takes workflow tasks and activities of the queue while Temporal is there, and is replaced when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Engine;
use futures_util::future::BoxFuture;
use temporalio_client::{Client, ClientOptions};
use temporalio_common::worker::{
    VersioningBehavior, WorkerDeploymentOptions, WorkerDeploymentVersion,
};
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::runtime::{PollerBehavior, RuntimeOptions};
use temporalio_sdk::{Runtime, WorkerOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::activities::Activities;
use crate::connection::Temporal;
use crate::workflow::{AgentSaga, SILENCE_MAX};

/// Calls that wait for tasks, of either kind. Each that waits for workflow tasks takes the place of one.
const POLLERS: usize = 5;
/// Workflows whose state is kept, so that they need not be replayed when they are woken.
const CACHED: usize = 1_000;
/// How long after it takes no more tasks a worker hands on its long stretches.
const HAND_ON: Duration = Duration::from_secs(1);
/// How long a workflow task waits for the worker that has its workflow in memory.
const STICKY: Duration = Duration::from_secs(2);
/// The pause after a worker ended that was not asked to.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked whether a worker is to be replaced.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A worker that runs in this process. Dropping it leaves it running; [`Worker::stop`] ends it.
pub struct Worker {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
    runs: Arc<AtomicU64>,
}

impl Worker {
    /// How many workers of the SDK have been run, one after the other.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Takes no more tasks, and waits until those under way have ended, or so long. Whoever drains the engine before has
    /// them end soon.
    pub fn stop(self, within: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.stopping.send_replace(true);
            if tokio::time::timeout(within, self.task).await.is_err() {
                tracing::warn!("tasks of Temporal were cut; other workers take them over");
            }
        })
    }
}

impl Temporal {
    /// Drives goals by this engine whenever Temporal asks for it; called in a tokio runtime.
    pub fn work(&self, engine: Engine) -> Worker {
        let (stopping, stopped) = watch::channel(false);
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);
        let working: BoxFuture<'static, ()> =
            Box::pin(work((self.clone(), engine), counted, stopped));
        Worker {
            stopping,
            task: tokio::spawn(working),
            runs,
        }
    }
}

/// Runs one worker after the other until it is told to stop.
async fn work(
    (temporal, engine): (Temporal, Engine),
    runs: Arc<AtomicU64>,
    mut stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        // Both arms only wait.
        tokio::select! {
            () = temporal.ready() => {}
            () = told(&mut stopped) => return,
        }
        runs.fetch_add(1, Ordering::Relaxed);
        if let Err(why) = run(&temporal, engine.clone(), &mut stopped).await {
            tracing::warn!("the worker of Temporal has ended, and is started again: {why}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Waits until the worker is to stop; for ever where nobody is left who could say so.
async fn told(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

/// Runs a worker until it is told to stop, has to be replaced, or fails.
async fn run(
    temporal: &Temporal,
    engine: Engine,
    stopped: &mut watch::Receiver<bool>,
) -> Result<(), String> {
    let config = temporal.config();
    let begun = Arc::new(AtomicU64::new(0));
    let options = options(
        temporal,
        Activities::new(engine, config.prefix(), Arc::clone(&begun)),
    )?;
    let client = ClientOptions::new(config.namespace.clone())
        .data_converter(temporal.converter().clone())
        .build();
    let client =
        Client::new(temporal.link()?.connection, client).map_err(|error| error.to_string())?;
    let runtime = RuntimeOptions::builder().heartbeat_interval(None).build();
    let runtime = Runtime::from_current_tokio(runtime?).map_err(|error| error.to_string())?;
    let mut worker = temporalio_sdk::Worker::new(&runtime, client, options)
        .map_err(|error| error.to_string())?;
    let stop = worker.shutdown_handle();
    let handle = tokio::runtime::Handle::current();
    // What workflows are made of may not change threads.
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("temporal-worker".to_owned())
        .spawn(move || {
            let result = handle.block_on(worker.run());
            drop((worker, runtime));
            // Nobody is there any more where the process ends.
            ended
                .send(result.map_err(|error| error.to_string()))
                .unwrap_or_default();
        })
        .map_err(|error| error.to_string())?;
    let enough = async {
        while begun.load(Ordering::Relaxed) < config.stretches_per_worker {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let mut end = end;
    // All arms only wait; the end is waited for again below.
    let early = tokio::select! {
        end = &mut end => Some(end),
        () = told(stopped) => None,
        () = enough => None,
    };
    // Also frees the place on the connection of a worker that never ran.
    stop();
    let end = match early {
        Some(end) => end,
        None => end.await,
    };
    end.unwrap_or_else(|_| Err("its thread has ended".to_owned()))
}

fn options(temporal: &Temporal, activities: Activities) -> Result<WorkerOptions, String> {
    let config = temporal.config();
    let version = WorkerDeploymentVersion::builder()
        .deployment_name(config.deployment.as_deref().unwrap_or("omnihub"))
        .build_id(config.build.clone())
        .build();
    let versioned = config.deployment.is_some();
    let deployment = WorkerDeploymentOptions::new(version)
        .use_worker_versioning(versioned)
        // The workflow is thin, and the machine's changes are none of its: open goals may go on in a newer release.
        .maybe_default_versioning_behavior(versioned.then_some(VersioningBehavior::AutoUpgrade))
        .build();
    let tuner = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(config.stretches + POLLERS))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(config.stretches + POLLERS))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(config.long_stretches))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    Ok(WorkerOptions::new(config.task_queue.clone())
        .deployment_options(deployment)
        .max_cached_workflows(CACHED)
        .tuner(tuner)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .sticky_queue_schedule_to_start_timeout(STICKY)
        // Then long stretches are handed on, or one that waits would keep a worker from being replaced.
        .graceful_shutdown_period(HAND_ON)
        .max_heartbeat_throttle_interval(SILENCE_MAX / 4)
        .default_heartbeat_throttle_interval(SILENCE_MAX / 4)
        .register_workflow::<AgentSaga>()
        .map_err(|error| error.to_string())?
        .register_activities(activities)
        .build())
}
