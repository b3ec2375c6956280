//! One event as it is shown: the journal's number and kind, and a form of its own (DESIGN law 10).

use api::events::EventView;
use domain::goal::PlanSource;
use saga::event::{
    AskReason, Failure, FailureClass, Reason, Settlement, Settler, SkipReason, StepItem,
};
use saga::{Event, EventKind, Payload};
use serde_json::{Map, Value, json};

/// Shows an event.
pub(crate) fn event(sequence: u64, event: &Event) -> EventView {
    EventView {
        sequence,
        kind: event.kind.name().to_owned(),
        at: event.moment.at,
        data: match data(&event.kind) {
            Value::Object(data) => data
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .collect(),
            _ => Map::new(),
        },
    }
}

/// What belongs to an event; members that are null are left out.
fn data(kind: &EventKind) -> Value {
    match kind {
        EventKind::GoalAccepted { .. }
        | EventKind::PlanAdopted { .. }
        | EventKind::GoalPaused { .. }
        | EventKind::GoalResumed { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::GoalCancelled {}
        | EventKind::RetryRequested { .. }
        | EventKind::UnwindingStarted { .. }
        | EventKind::GoalCompleted { .. }
        | EventKind::GoalFailed { .. }
        | EventKind::GoalStuck { .. } => of_goal(kind),
        EventKind::ApprovalAsked { .. }
        | EventKind::ApprovalGranted { .. }
        | EventKind::ApprovalRefused { .. }
        | EventKind::ApprovalExpired { .. } => of_approval(kind),
        EventKind::StepStarted { .. }
        | EventKind::StepSucceeded { .. }
        | EventKind::StepFailed { .. }
        | EventKind::CompensationStarted { .. }
        | EventKind::CompensationSucceeded { .. }
        | EventKind::CompensationFailed { .. } => of_attempt(kind),
        EventKind::StepSkipped { .. }
        | EventKind::StepInDoubt { .. }
        | EventKind::StepSettled { .. } => of_step(kind),
    }
}

fn of_goal(kind: &EventKind) -> Value {
    match kind {
        EventKind::GoalAccepted { acceptance } => json!({
            "user_id": acceptance.owner,
            "user_intent": acceptance.request.value().and_then(|request| request.get("user_intent")),
            "deadline": acceptance.deadline,
        }),
        EventKind::PlanAdopted { adoption } => json!({
            "plan": adoption.plan.value().and_then(|plan| plan.get("plan")),
            "plan_source": source(adoption.source),
            "playbook": adoption.playbook,
        }),
        EventKind::GoalPaused { by }
        | EventKind::GoalResumed { by }
        | EventKind::RetryRequested { by } => {
            json!({ "by": by })
        }
        EventKind::CancelRequested { by, emergency } => json!({ "by": by, "emergency": emergency }),
        EventKind::UnwindingStarted { reason }
        | EventKind::GoalFailed { reason }
        | EventKind::GoalStuck { reason } => why(reason),
        EventKind::GoalCompleted { reply } => json!({ "reply": value(reply.as_ref()) }),
        _ => Value::Null,
    }
}

fn of_approval(kind: &EventKind) -> Value {
    match kind {
        EventKind::ApprovalAsked {
            at,
            approval,
            digest,
            input,
            reason,
            expires_in_seconds,
        } => with(
            at,
            json!({
                "approval": approval,
                "digest": digest,
                "arguments": value(input.as_ref()),
                "reason": match reason { AskReason::Lane => "lane", AskReason::Step => "step" },
                "expires_in_seconds": expires_in_seconds,
            }),
        ),
        EventKind::ApprovalGranted {
            at,
            approval,
            by,
            reason,
        }
        | EventKind::ApprovalRefused {
            at,
            approval,
            by,
            reason,
        } => with(
            at,
            json!({ "approval": approval, "by": by, "reason": value(reason.as_ref()) }),
        ),
        EventKind::ApprovalExpired { at, approval } => with(at, json!({ "approval": approval })),
        _ => Value::Null,
    }
}

fn of_attempt(kind: &EventKind) -> Value {
    match kind {
        EventKind::StepStarted {
            at,
            attempt,
            input,
            wait_ms,
            ask,
            ..
        } => with(
            at,
            json!({ "attempt": attempt, "input": value(input.as_ref()), "wait_ms": wait_ms, "asked": ask.then_some(true) }),
        ),
        EventKind::CompensationStarted {
            at,
            attempt,
            input,
            ask,
            ..
        } => with(
            at,
            json!({ "attempt": attempt, "input": value(input.as_ref()), "asked": ask.then_some(true) }),
        ),
        EventKind::StepSucceeded {
            at,
            attempt,
            output,
        }
        | EventKind::CompensationSucceeded {
            at,
            attempt,
            output,
        } => with(
            at,
            json!({ "attempt": attempt, "output": value(Some(output)) }),
        ),
        EventKind::StepFailed {
            at,
            attempt,
            failure,
            retry_in_ms,
        }
        | EventKind::CompensationFailed {
            at,
            attempt,
            failure,
            retry_in_ms,
        } => failed(at, *attempt, failure, *retry_in_ms),
        _ => Value::Null,
    }
}

fn of_step(kind: &EventKind) -> Value {
    match kind {
        EventKind::StepSkipped { at, reason } => {
            let reason = match reason {
                SkipReason::Condition => "condition",
                SkipReason::NeedSkipped => "need_skipped",
            };
            with(at, json!({ "reason": reason }))
        }
        EventKind::StepInDoubt {
            at,
            undo,
            attempt,
            code,
            error,
        } => with(
            at,
            json!({ "undo": undo, "attempt": attempt, "code": code, "error": value(error.as_ref()) }),
        ),
        EventKind::StepSettled {
            at,
            undo,
            result,
            by,
            output,
            reason,
            contradicts,
        } => with(
            at,
            json!({
                "undo": undo,
                "result": settlement(*result),
                "by": match by { Settler::Person(subject) => subject.as_str(), Settler::LateOutcome => "late_outcome" },
                "output": value(output.as_ref()),
                "reason": value(reason.as_ref()),
                "contradicts": contradicts.then_some(true),
            }),
        ),
        _ => Value::Null,
    }
}

fn failed(at: &StepItem, attempt: u32, failure: &Failure, retry_in_ms: Option<u64>) -> Value {
    let kind = match failure.kind {
        FailureClass::Transient => "transient",
        FailureClass::Permanent => "permanent",
        FailureClass::Unknown => "unknown",
    };
    let error = value(failure.error.as_ref());
    with(
        at,
        json!({ "attempt": attempt, "kind": kind, "code": failure.code, "error": error, "retry_in_ms": retry_in_ms }),
    )
}

fn with(at: &StepItem, mut data: Value) -> Value {
    if let Some(members) = data.as_object_mut() {
        members.insert("step".into(), json!(at.step));
        members.insert("item".into(), json!(at.item));
    }
    data
}

fn why(reason: &Reason) -> Value {
    json!({ "reason": reason.code, "step": reason.step })
}

/// What a payload holds; null: it was erased, or there is none.
fn value(payload: Option<&Payload>) -> Value {
    payload
        .and_then(Payload::value)
        .map_or(Value::Null, |value| Value::clone(value))
}

fn source(source: PlanSource) -> &'static str {
    match source {
        PlanSource::Playbook => "playbook",
        PlanSource::Cache => "cache",
        PlanSource::Model => "model",
        PlanSource::Caller => "caller",
    }
}

fn settlement(result: Settlement) -> &'static str {
    match result {
        Settlement::Happened => "happened",
        Settlement::DidNotHappen => "did_not_happen",
        Settlement::Undone => "undone",
        Settlement::TryAgain => "try_again",
    }
}
