//! Starting and waking workflows: what the engine's port is told.

use std::time::Duration;

use domain::id::{GoalId, TenantId};
use engine::{NotTold, Port, Told};
use futures_util::future::BoxFuture;
use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::{Code, IntoRequest as _, Status};
use temporalio_common::data_converters::{SerializationContextData, WorkflowSerializationContext};
use temporalio_common::protos::temporal::api::common::v1::{Payloads, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::{
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest,
};

use crate::attributes;
use crate::connection::{Link, Temporal};
use crate::workflow::{Goal, STRETCHES_MAX, TYPE, WAKE};

/// How long Temporal is waited for; then it is told again later.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a workflow task may take before another worker has it: as long as a killed worker's goals stand still.
/// A stretch that lasts is heard of before, at four fifths of it.
const TASK_TIMEOUT: Duration = Duration::from_secs(5);

impl Port for Temporal {
    fn trouble(&self) -> Option<String> {
        self.connected().err()
    }

    fn tell(&self, told: Told) -> BoxFuture<'static, Result<(), NotTold>> {
        let temporal = self.clone();
        Box::pin(async move {
            let link = temporal.link().map_err(NotTold)?;
            match tokio::time::timeout(PATIENCE, tell(&temporal, &link, told)).await {
                Ok(told) => told.map_err(|status| {
                    NotTold(crate::connection::explain(&status, temporal.config()))
                }),
                Err(_) => Err(NotTold(format!(
                    "Temporal did not answer within {} s",
                    PATIENCE.as_secs()
                ))),
            }
        })
    }
}

/// The id of a goal's workflow: names of tenants hold no slash.
pub(crate) fn workflow_id(prefix: &str, tenant: &TenantId, goal: &GoalId) -> String {
    format!("{prefix}/{tenant}/{goal}")
}

/// Tells, with what the lists are searched by where the server knows that: one that was just told of the attributes may
/// not for some seconds.
async fn tell(temporal: &Temporal, link: &Link, told: Told) -> Result<(), Status> {
    match tell_as(temporal, link, (told.clone(), link.searchable)).await {
        Err(status) if link.searchable && is_unknown_attribute(&status) => {
            tell_as(temporal, link, (told, false)).await
        }
        answer => answer,
    }
}

fn is_unknown_attribute(status: &Status) -> bool {
    status.code() == Code::InvalidArgument && status.message().contains("search attribute")
}

async fn tell_as(
    temporal: &Temporal,
    link: &Link,
    (told, searchable): (Told, bool),
) -> Result<(), Status> {
    let config = temporal.config();
    let goal = Goal {
        tenant: told.tenant.to_string(),
        goal: told.goal.to_string(),
        searchable,
        stretches_max: Some(config.stretches_per_run).filter(|most| *most != STRETCHES_MAX),
    };
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    let payloads = temporal.converter().to_payloads(&context, &goal).await;
    let payloads = payloads.map_err(|error| Status::internal(error.to_string()))?;
    let timeout = TASK_TIMEOUT.try_into().ok();
    let start = StartWorkflowExecutionRequest {
        namespace: config.namespace.clone(),
        identity: config.identity.clone(),
        workflow_id: workflow_id(config.prefix(), &told.tenant, &told.goal),
        workflow_type: Some(WorkflowType {
            name: TYPE.to_owned(),
        }),
        task_queue: Some(TaskQueue {
            name: config.task_queue.clone(),
            ..TaskQueue::default()
        }),
        input: Some(Payloads { payloads }),
        request_id: told.key,
        // A running one is used; a closed one may be started again, and ends at once where the journal has an end.
        workflow_id_conflict_policy: WorkflowIdConflictPolicy::UseExisting as i32,
        workflow_id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate as i32,
        workflow_task_timeout: timeout,
        search_attributes: searchable.then(|| attributes::of(told.tenant.as_str())),
        // Honoured where a worker of this process is on the same connection; the client takes it back otherwise.
        request_eager_execution: !told.wakes,
        ..StartWorkflowExecutionRequest::default()
    };
    let mut connection = link.hasty.clone();
    if !told.wakes {
        let started =
            WorkflowService::start_workflow_execution(&mut connection, start.into_request());
        started.await?;
        return Ok(());
    }
    let wake = SignalWithStartWorkflowExecutionRequest {
        namespace: start.namespace,
        identity: start.identity,
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        request_id: start.request_id,
        workflow_id_conflict_policy: start.workflow_id_conflict_policy,
        workflow_id_reuse_policy: start.workflow_id_reuse_policy,
        workflow_task_timeout: start.workflow_task_timeout,
        search_attributes: start.search_attributes,
        signal_name: WAKE.to_owned(),
        ..SignalWithStartWorkflowExecutionRequest::default()
    };
    let woken =
        WorkflowService::signal_with_start_workflow_execution(&mut connection, wake.into_request());
    woken.await?;
    Ok(())
}
