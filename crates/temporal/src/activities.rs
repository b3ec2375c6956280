//! The activities: a stretch of a goal, short within a workflow task, long with heartbeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::id::{GoalId, TenantId};
use engine::{Engine, Stretched};
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::workflow::{Driven, Goal, Next};

/// How long a short stretch drives: below it, a goal costs Temporal one workflow task.
const SHORT: Duration = Duration::from_secs(3);
/// How long a long one does; then its activity begins anew, long before its time is over.
const LONG: Duration = Duration::from_secs(3_000);
/// How often a long stretch says that it is alive, and looks for what came into the goal's inbox.
const BEAT: Duration = Duration::from_secs(2);

/// What the activities work with.
pub(crate) struct Activities {
    engine: Engine,
    /// What the ids of the installation's workflows begin with.
    prefix: String,
    /// Stretches so far.
    begun: Arc<AtomicU64>,
}

impl Activities {
    pub(crate) fn new(engine: Engine, prefix: &str, begun: Arc<AtomicU64>) -> Self {
        Self {
            engine,
            prefix: format!("{prefix}/"),
            begun,
        }
    }

    /// The goal of an activity, counted as one that has begun.
    fn begin(
        &self,
        ctx: &ActivityContext,
        goal: &Goal,
    ) -> Result<(TenantId, GoalId), ActivityError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let workflow = ctx.info().workflow_id.as_deref();
        if !workflow.is_some_and(|id| id.starts_with(&self.prefix)) {
            tracing::error!(
                workflow,
                "another installation uses this task queue: give each one of its own"
            );
            return Err(failed(
                "the goal is another installation's, which uses the same task queue",
                "worker.foreign",
            ));
        }
        let tenant = TenantId::try_from(goal.tenant.clone());
        let name = GoalId::try_from(goal.goal.clone());
        match (tenant, name) {
            (Ok(tenant), Ok(name)) => Ok((tenant, name)),
            _ => Err(failed(
                "the workflow's input names no goal",
                "goal.unreadable",
            )),
        }
    }
}

#[activities]
impl Activities {
    #[activity(name = "drive")]
    pub(crate) async fn drive(
        self: Arc<Self>,
        ctx: ActivityContext,
        goal: Goal,
    ) -> Result<Driven, ActivityError> {
        let (tenant, goal) = self.begin(&ctx, &goal)?;
        let stretched = self
            .engine
            .stretch(&tenant, &goal, tokio::time::sleep(SHORT));
        driven(stretched.await)
    }

    #[activity(name = "drive_long")]
    pub(crate) async fn drive_long(
        self: Arc<Self>,
        ctx: ActivityContext,
        goal: Goal,
    ) -> Result<Driven, ActivityError> {
        let (tenant, goal) = self.begin(&ctx, &goal)?;
        let enough = async {
            // Both arms only wait. Cancelled means that Temporal has given the goal to another worker, or is about to.
            tokio::select! {
                () = ctx.cancelled() => {}
                () = tokio::time::sleep(LONG) => {}
            }
        };
        let stretch = self.engine.stretch(&tenant, &goal, enough);
        tokio::pin!(stretch);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            // A stretch is polled until it has ended, and an interval is cancel safe.
            tokio::select! {
                stretched = &mut stretch => return driven(stretched),
                _ = beat.tick() => {
                    if let Err(error) = ctx.record_heartbeat(()).await {
                        tracing::warn!("cannot send a heartbeat: {error}");
                    }
                    self.engine.look_again(&tenant, &goal);
                }
            }
        }
    }
}

fn driven(stretched: Result<Stretched, Arc<engine::Error>>) -> Result<Driven, ActivityError> {
    let stretched = stretched.map_err(|error| {
        // Temporal keeps what failed in the clear: what, and not with which words.
        let cause = std::error::Error::source(&*error)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::warn!("a stretch has failed: {error}: {cause}");
        failed(
            "the store failed, or the worker is being shut down",
            "engine.failed",
        )
    })?;
    Ok(Driven {
        status: stretched.status.map(|status| status.as_str().to_owned()),
        step: stretched.step.map(|step| step.to_string()),
        next: match stretched.next {
            engine::Next::Nothing => Next::End,
            engine::Next::Again => Next::Again,
            engine::Next::Wait(None) => Next::Wait,
            // Rounded up: a timer that fires too early leads to a stretch for nothing.
            engine::Next::Wait(Some(time)) => {
                Next::Until(u64::try_from(time.as_millisecond() + 1).unwrap_or(0))
            }
        },
    })
}

fn failed(what: &'static str, code: &str) -> ActivityError {
    ApplicationFailure::builder(std::io::Error::other(what))
        .type_name(code.to_owned())
        .build()
        .into()
}
