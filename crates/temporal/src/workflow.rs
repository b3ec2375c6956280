//! The workflow of a goal: a thin loop of stretches, which knows when the next one is due and nothing of what happens in
//! it.
//!
//! Law: nothing in here may depend on anything but its input, its history and its signals: no clock, no configuration, no
//! randomness, no `tokio`. A changed order of commands breaks open goals: `ctx.patched` first, then the change.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use temporalio_common::RetryPolicy;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflows::select;
use temporalio_sdk::{
    ActivityExecutionError, ActivityOptions, ContinueAsNewOptions, LocalActivityOptions,
    SyncWorkflowContext, TimerOptions, WaitConditionOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::activities::Activities;
use crate::attributes;

/// The workflow's type, as the founding report names it.
pub(crate) const TYPE: &str = "AgentSagaWorkflow";
/// The signal by which a goal is woken. It carries nothing: what is new is in the goal's inbox.
pub(crate) const WAKE: &str = "wake";

/// Stretches of one run unless its input says otherwise; then the workflow goes on as a new one, long before Temporal's
/// limits of history (51,200 events, of which a stretch makes some ten).
pub(crate) const STRETCHES_MAX: u32 = 200;
/// How long the activity of a short stretch may take before it is given up: it hands on by itself after a few seconds.
const SHORT_MAX: Duration = Duration::from_secs(30);
/// The same of a long one.
const LONG_MAX: Duration = Duration::from_secs(3_600);
/// How long a worker may be silent before its long stretch is given to another.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(8);
/// Pauses before a long stretch that failed is tried again, for as long as it takes.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(30);

const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword(attributes::STATUS);

/// Which goal is driven, and how it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) tenant: String,
    pub(crate) goal: String,
    /// Whether the namespace knows the attributes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) searchable: bool,
    /// Stretches of one run; absent: [`STRETCHES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stretches_max: Option<u32>,
}

/// What a stretch came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Driven {
    /// Where the goal stands, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// The step that it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    pub(crate) next: Next,
}

/// What is to be done after a stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Next {
    /// Nothing: the goal has ended.
    End,
    /// The next when the goal is woken.
    Wait,
    /// The next at that time, in milliseconds since 1970, or when it is woken.
    Until(u64),
    /// The next at once.
    #[default]
    Again,
}

/// What the workflow says when it is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// What the last stretch came to; the store may know more.
    last: Driven,
    /// Stretches of this run.
    stretches: u32,
    /// Wake-ups of this run.
    woken: u32,
}

impl State {
    /// The state as JSON.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[workflow]
#[derive(Default)]
pub(crate) struct AgentSaga {
    last: Driven,
    /// The status that the lists show.
    shown: Option<String>,
    stretches: u32,
    woken: u32,
    /// Wake-ups before the last stretch began.
    seen: u32,
}

#[workflow_methods]
impl AgentSaga {
    #[run(name = "AgentSagaWorkflow")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, goal: Goal) -> WorkflowResult<Driven> {
        loop {
            let driven = Self::stretch(ctx, &goal).await?;
            Self::show(ctx, &goal, &driven);
            match driven.next {
                Next::End => return Ok(driven),
                Next::Again => {}
                Next::Wait => Self::rest(ctx, None).await?,
                Next::Until(time) => Self::rest(ctx, Some(time)).await?,
            }
            let most = goal.stretches_max.unwrap_or(STRETCHES_MAX);
            if ctx.state(|state| state.stretches) >= most || ctx.continue_as_new_suggested() {
                ctx.continue_as_new(goal.clone(), ContinueAsNewOptions::default())?;
            }
        }
    }

    #[signal(name = "wake")]
    pub(crate) fn wake(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.woken += 1;
    }

    #[query(name = "state")]
    pub(crate) fn state(&self, _ctx: &WorkflowContextView) -> State {
        State {
            last: self.last.clone(),
            stretches: self.stretches,
            woken: self.woken,
        }
    }
}

impl AgentSaga {
    /// A short stretch, and a long one where that was not enough.
    ///
    /// What ends the activity's attempt is not the end of the goal: the long stretch is tried until it succeeds.
    async fn stretch(ctx: &WorkflowContext<Self>, goal: &Goal) -> WorkflowResult<Driven> {
        ctx.state_mut(|state| {
            state.stretches += 1;
            // A wake-up while the stretch runs leads to another one.
            state.seen = state.woken;
        });
        let short = LocalActivityOptions::builder()
            .start_to_close_timeout(SHORT_MAX)
            .schedule_to_close_timeout(SHORT_MAX)
            .retry_policy(RetryPolicy::builder().maximum_attempts(1).build())
            // A token of its own: a request to cancel the workflow cancels no goal (people ask for that elsewhere).
            .maybe_cancellation_token(Some(WorkflowCancellationToken::new()))
            .build();
        let driven = ctx
            .execute_local_activity(Activities::drive, goal.clone(), short)
            .await;
        match driven {
            Ok(driven) if driven.next != Next::Again => return Ok(driven),
            Ok(_) | Err(ActivityExecutionError::Failed(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let retries = RetryPolicy::builder()
            .initial_interval(RETRY_FIRST)
            .maximum_interval(RETRY_LAST)
            .maximum_attempts(0)
            .build();
        let long = ActivityOptions::with_start_to_close_timeout(LONG_MAX)
            .heartbeat_timeout(SILENCE_MAX)
            .retry_policy(retries)
            .maybe_cancellation_token(Some(WorkflowCancellationToken::new()))
            .build();
        Ok(ctx
            .execute_activity(Activities::drive_long, goal.clone(), long)
            .await?)
    }

    /// Says in Temporal's own lists and pages where the goal stands.
    fn show(ctx: &WorkflowContext<Self>, goal: &Goal, driven: &Driven) {
        ctx.state_mut(|state| state.last = driven.clone());
        let Some(status) = &driven.status else { return };
        ctx.set_current_details(match &driven.step {
            Some(step) => format!("{status}, at step {step}"),
            None => status.clone(),
        });
        if goal.searchable && ctx.state(|state| state.shown.as_ref() != Some(status)) {
            ctx.state_mut(|state| state.shown = Some(status.clone()));
            ctx.upsert_search_attributes([STATUS.value_set(status.clone())]);
        }
    }

    /// Waits until a time, or until the goal is woken.
    async fn rest(ctx: &WorkflowContext<Self>, until: Option<u64>) -> WorkflowResult<()> {
        let deaf = WorkflowCancellationToken::new();
        let options = WaitConditionOptions::builder()
            .maybe_cancellation_token(Some(deaf.clone()))
            .build();
        let mut woken = ctx.wait_condition_with_options(|state| state.woken != state.seen, options);
        let Some(until) = until else {
            return Ok(woken.await?);
        };
        if ctx.state(|state| state.woken != state.seen) {
            return Ok(());
        }
        // The workflow's clock, which a replay shows again.
        let now = ctx
            .workflow_time()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let left = Duration::from_millis(until).saturating_sub(now.unwrap_or_default());
        let timer = TimerOptions::builder(left)
            .maybe_cancellation_token(Some(deaf))
            .build();
        select! {
            _ = ctx.timer(timer) => Ok(()),
            woken = woken => Ok(woken?),
        }
    }
}
