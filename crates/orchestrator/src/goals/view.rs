//! A goal as it is shown.

use std::collections::BTreeMap;

use api::goals::{CompensationProgress, GoalSummary, GoalView};
use api::steps::{ItemView, StepError, StepView, Undo, Work};
use domain::approval::ApprovalStatus;
use domain::goal::StepStatus;
use domain::id::{GoalId, Subject, TenantId};
use domain::plan::Step;
use domain::tool::Toolset;
use jiff::Timestamp;
use saga::step::{ItemState, StepState, WorkPhase};
use saga::{Moment, Payload, Saga};
use serde_json::Value;
use store::{Gate, ListedGoal};

/// The reason of a goal that an emergency control holds.
const HELD: &str = "emergency.hold";

/// Shows a goal.
pub(crate) fn goal(
    saga: &Saga,
    owner: &Subject,
    goal: &GoalId,
    tenant: &TenantId,
    gate: &Gate,
) -> GoalView {
    let status = saga.status();
    let (accepted_at, updated_at, finished_at) = saga.times();
    let created_at = accepted_at.unwrap_or(Timestamp::UNIX_EPOCH);
    let request = saga
        .acceptance()
        .and_then(|acceptance| acceptance.request.value());
    let (done, of) = saga.compensation();
    let tool_held = |tool: &str| gate.held(tenant, goal, tool).is_some();
    let starts = saga.ready(Moment::at(Timestamp::now()));
    let held =
        gate.holding(tenant, goal).is_some() || starts.iter().any(|start| tool_held(&start.tool));
    let held = held && !status.is_end();
    GoalView {
        workflow_id: goal.to_string(),
        trace_id: goal.trace_id().to_string(),
        user_id: owner.to_string(),
        status,
        reason: if held {
            Some(HELD.to_owned())
        } else {
            saga.reason().map(|reason| reason.code.clone())
        },
        user_intent: request
            .and_then(|request| Some(request.get("user_intent")?.as_str()?.to_owned())),
        reply: saga.reply().map(str::to_owned),
        created_at,
        updated_at: updated_at.unwrap_or(created_at),
        finished_at: finished_at.filter(|_| status.is_end()),
        deadline: saga.acceptance().and_then(|acceptance| acceptance.deadline),
        tags: request.map(|request| tags(request)).unwrap_or_default(),
        parameters: Value::clone(saga.parameters()),
        plan: saga
            .plan()
            .and_then(|plan| serde_json::to_value(&**plan).ok()),
        plan_source: saga.plan_source().map(|(source, _)| source),
        playbook: saga
            .plan_source()
            .and_then(|(_, playbook)| playbook.map(str::to_owned)),
        compensation: CompensationProgress { done, of },
        steps: steps(saga, &tool_held),
    }
}

/// Shows a goal in a list.
pub(crate) fn summary(goal: ListedGoal, tenant: &TenantId, gate: &Gate) -> GoalSummary {
    let held = !goal.status.is_end() && gate.holding(tenant, &goal.goal).is_some();
    GoalSummary {
        workflow_id: goal.goal.to_string(),
        user_id: goal.owner.to_string(),
        status: goal.status,
        reason: if held {
            Some(HELD.to_owned())
        } else {
            goal.reason
        },
        user_intent: goal.words,
        tags: goal.tags,
        created_at: goal.created_at,
        updated_at: goal.updated_at,
        finished_at: goal.finished_at,
    }
}

fn tags(request: &Value) -> BTreeMap<String, String> {
    let tags = request
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    tags.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn steps(saga: &Saga, held: &dyn Fn(&str) -> bool) -> Vec<StepView> {
    let tools = saga.tools();
    saga.steps()
        .map(|(step, state)| view(step, state, tools.map(|tools| &**tools), held(&step.tool)))
        .collect()
}

fn view(step: &Step, state: &StepState, tools: Option<&Toolset>, held: bool) -> StepView {
    let items = match state.items() {
        items if state.fans_out() => items,
        _ => &[],
    };
    let work = match state.items() {
        [only] if !state.fans_out() => work_of(step, only),
        items => joint_work(state, items),
    };
    StepView {
        id: step.id.to_string(),
        tool: step.tool.clone(),
        lane: tools
            .and_then(|tools| tools.get(&step.tool))
            .map(|spec| spec.lane),
        summary: summary_of(step, state, &work, held),
        work,
        items: (0..)
            .zip(items)
            .map(|(item, state)| ItemView {
                item,
                work: work_of(step, state),
            })
            .collect(),
    }
}

fn work_of(step: &Step, item: &ItemState) -> Work {
    let asked = item.approval.as_ref().map(|asked| &asked.input);
    Work {
        state: item.status,
        attempts: item.forth.attempt,
        input: item
            .forth
            .input
            .as_ref()
            .or(asked)
            .map(|input| Value::clone(input)),
        output: item
            .output
            .as_ref()
            .and_then(Payload::value)
            .map(|output| Value::clone(output)),
        error: item.error.as_ref().map(error_of),
        started_at: item.started_at,
        finished_at: item.finished_at,
        since: since(item),
        undo: undo_of(step, item),
    }
}

fn undo_of(step: &Step, item: &ItemState) -> Option<Undo> {
    let compensation = step.compensation.as_ref()?;
    (item.back.attempt > 0).then(|| Undo {
        tool: compensation.tool.clone(),
        attempts: item.back.attempt,
        input: item.back.input.as_ref().map(|input| Value::clone(input)),
    })
}

/// The work of a step that fans out, as one.
fn joint_work(state: &StepState, items: &[ItemState]) -> Work {
    let over = items.iter().all(|item| item.finished_at.is_some());
    Work {
        state: state.status(),
        attempts: items
            .iter()
            .map(|item| item.forth.attempt)
            .max()
            .unwrap_or(0),
        input: None,
        output: state.output().map(|output| Value::clone(output)),
        error: items
            .iter()
            .find_map(|item| item.error.as_ref())
            .map(error_of),
        started_at: items.iter().filter_map(|item| item.started_at).min(),
        finished_at: items
            .iter()
            .filter_map(|item| item.finished_at)
            .max()
            .filter(|_| over),
        since: items.iter().filter_map(since).min(),
        undo: None,
    }
}

fn since(item: &ItemState) -> Option<Timestamp> {
    [&item.forth, &item.back]
        .into_iter()
        .find_map(|work| match work.phase {
            WorkPhase::Doubt { since } => Some(since),
            WorkPhase::Idle
            | WorkPhase::InFlight
            | WorkPhase::Backoff(_)
            | WorkPhase::Timer(_)
            | WorkPhase::Over => None,
        })
}

/// A tool's error; what was erased is said to be.
pub(crate) fn error_of(payload: &Payload) -> StepError {
    let text = |name: &str| {
        payload
            .value()
            .and_then(|error| Some(error.get(name)?.as_str()?.to_owned()))
    };
    StepError {
        code: text("code").unwrap_or_else(|| "erased".to_owned()),
        message: text("message"),
    }
}

fn undo_in_doubt(state: &StepState) -> bool {
    let doubted = |work: &saga::step::Work| matches!(work.phase, WorkPhase::Doubt { .. });
    let mut items = state.items().iter();
    items.any(|item| doubted(&item.back))
}

fn summary_of(step: &Step, state: &StepState, work: &Work, held: bool) -> String {
    let asks = |item: &ItemState| {
        item.approval
            .as_ref()
            .is_some_and(|asked| asked.status == ApprovalStatus::Pending)
    };
    let tool = &step.tool;
    match work.state {
        StepStatus::Waiting if state.items().iter().any(asks) => {
            format!("{tool} waits for approval")
        }
        StepStatus::Waiting if held => format!("{tool} is held by an emergency control"),
        StepStatus::Waiting => format!("{tool} waits for its turn"),
        StepStatus::Running if work.attempts > 1 => {
            format!("{tool} is under way, attempt {}", work.attempts)
        }
        StepStatus::Running => format!("{tool} is under way"),
        StepStatus::Succeeded => format!("{tool} done"),
        StepStatus::Failed => match &work.error {
            Some(error) => format!("{tool} failed: {}", error.code),
            None => format!("{tool} failed"),
        },
        StepStatus::Skipped => format!("{tool} left out"),
        StepStatus::InDoubt if undo_in_doubt(state) => {
            format!("nobody knows whether the undo of {tool} happened; a person must settle it")
        }
        StepStatus::InDoubt => {
            format!("nobody knows whether {tool} happened; a person must settle it")
        }
        StepStatus::Compensated => format!("{tool} done and made good"),
        StepStatus::CompensationFailed => format!("{tool} done and not made good"),
        StepStatus::Cancelled => format!("{tool} never started"),
    }
}
