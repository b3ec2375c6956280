//! Looking at a goal's workflow from outside, and following its history again with the workflow of this release.

use std::time::Duration;

use domain::id::{GoalId, TenantId};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use temporalio_client::{Client, ClientOptions, UntypedQuery, WorkflowHandle, WorkflowHistory};
use temporalio_common::data_converters::RawValue;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::codec;
use crate::connection::Temporal;
use crate::starts::workflow_id;
use crate::workflow::AgentSaga;

/// How long a workflow is asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A goal's workflow, as Temporal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Whether it runs.
    pub is_running: bool,
    /// Events of its history.
    pub events: u64,
    /// Bytes of its history.
    pub bytes: u64,
    /// What it says of itself, as JSON: what its last stretch came to; the store may know more.
    pub state: String,
    /// What Temporal's own pages show of it, as JSON.
    pub page: String,
}

/// The query by which Temporal's own pages ask workflows for their details.
const PAGE: &str = "__temporal_workflow_metadata";

impl Temporal {
    /// The newest workflow of a goal.
    ///
    /// # Errors
    /// Temporal does not answer, or there is none; in words.
    pub fn workflow(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> BoxFuture<'static, Result<Workflow, String>> {
        let handle = self.handle(tenant, goal);
        within(async move {
            let handle = handle?;
            let state = handle
                .query(AgentSaga::state, (), Default::default())
                .await
                .map_err(|error| error.to_string())?;
            let page = handle
                .query(
                    UntypedQuery::new(PAGE),
                    RawValue::empty(),
                    Default::default(),
                )
                .await
                .map_err(|error| error.to_string())?;
            let page = page.payloads.into_iter().next().unwrap_or_default().data;
            let described = handle
                .describe(Default::default())
                .await
                .map_err(|error| error.to_string())?;
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            let info = described.raw().workflow_execution_info.clone();
            let info = info.unwrap_or_default();
            Ok(Workflow {
                is_running: info.close_time.is_none(),
                events: count(info.history_length),
                bytes: count(info.history_size_bytes),
                state: state.to_json(),
                page: String::from_utf8_lossy(&page).into_owned(),
            })
        })
    }

    /// The history of a goal's newest workflow, as [`replay`] takes it.
    ///
    /// # Errors
    /// Temporal does not answer, or there is none; in words.
    pub fn history(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> BoxFuture<'static, Result<Vec<u8>, String>> {
        let handle = self.handle(tenant, goal);
        within(async move {
            let history = handle?.fetch_history(Default::default());
            history.to_json().await.map_err(|error| error.to_string())
        })
    }

    fn handle(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<WorkflowHandle<Client, AgentSaga>, String> {
        let config = self.config();
        let options = ClientOptions::new(config.namespace.clone())
            .data_converter(self.converter().clone())
            .build();
        let client = Client::new(self.link()?.connection, options);
        let client = client.map_err(|error| error.to_string())?;
        let id = workflow_id(config.prefix(), tenant, goal);
        Ok(client.get_workflow_handle::<AgentSaga>(id))
    }
}

/// Follows a recorded history with the workflow of this release: whether a goal that began under the release that
/// recorded it can go on under this one. Needs no server; called in a tokio runtime.
///
/// # Errors
/// Where the workflow would do something else, and what; or the history cannot be read.
pub fn replay(history: Vec<u8>, keys: &[[u8; 32]]) -> LocalBoxFuture<'static, Result<(), String>> {
    let converter = codec::converter(keys);
    Box::pin(async move {
        let options = WorkflowReplayerOptions::new()
            .data_converter(converter)
            .register_workflow::<AgentSaga>()
            .map_err(|error| error.to_string())?
            .build();
        let replayer = WorkflowReplayer::new(options).map_err(|error| error.to_string())?;
        let history = WorkflowHistory::from_json(&history).map_err(|error| error.to_string())?;
        let replayed = replayer.replay_workflow(history).await;
        replayed.map(drop).map_err(|error| error.to_string())
    })
}

fn within<T: 'static>(
    asked: impl Future<Output = Result<T, String>> + Send + 'static,
) -> BoxFuture<'static, Result<T, String>> {
    Box::pin(async move {
        tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| {
                Err(format!(
                    "Temporal did not answer within {} s",
                    PATIENCE.as_secs()
                ))
            })
    })
}
