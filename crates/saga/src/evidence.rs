//! Which events become audit entries, and what the entries say.
//!
//! Entries hold ids, codes and keyed digests, never words or payloads (DESIGN law 15).

use audit::{Action, Draft, Status};

use crate::event::{Event, EventKind, Failure, FailureClass, Settler, StepItem};
use crate::machine::Saga;

/// The evidence of an event that was just applied to `saga`; `None`: the event is not evidence.
pub fn draft(saga: &Saga, event: &Event) -> Option<Draft> {
    let acceptance = saga.acceptance()?;
    let owner = acceptance.owner.as_str();
    let goal = acceptance.goal.as_str();
    let of_goal = |action, actor: &str| Draft::new(action, actor, "goal", goal);
    let draft = match &event.kind {
        EventKind::GoalAccepted { acceptance } => of_goal(Action::GOAL_ACCEPTED, owner)
            .with("request", acceptance.request.digest().to_string())
            .with("policy_version", acceptance.policy_version.as_str()),
        EventKind::PlanAdopted { adoption } => {
            let draft = of_goal(Action::PLAN_ADOPTED, owner)
                .with("plan", adoption.plan.digest().to_string())
                .with("tools", adoption.tools.digest().to_string());
            match &adoption.playbook {
                Some(playbook) => draft.with("playbook", playbook.as_str()),
                None => draft,
            }
        }
        EventKind::GoalPaused { by } => of_goal(Action::GOAL_PAUSED, by.as_str()),
        EventKind::GoalResumed { by } => of_goal(Action::GOAL_RESUMED, by.as_str()),
        EventKind::CancelRequested { by, emergency } => {
            of_goal(Action::GOAL_CANCELLED, by.as_str()).with("emergency", *emergency)
        }
        EventKind::RetryRequested { by } => of_goal(Action::named("goal.retried"), by.as_str()),
        EventKind::UnwindingStarted { reason } => {
            of_goal(Action::named("goal.unwinding"), owner).with("reason", reason.code.as_str())
        }
        EventKind::GoalCompleted { .. } => {
            of_goal(Action::GOAL_ENDED, owner).with("end", "completed")
        }
        EventKind::GoalFailed { reason } => of_goal(Action::GOAL_ENDED, owner)
            .status(Status::Failure)
            .with("end", "failed")
            .with("reason", reason.code.as_str()),
        EventKind::GoalCancelled {} => of_goal(Action::GOAL_ENDED, owner)
            .status(Status::Failure)
            .with("end", "cancelled"),
        EventKind::GoalStuck { reason } => of_goal(Action::named("goal.stuck"), owner)
            .status(Status::Failure)
            .with("reason", reason.code.as_str()),
        EventKind::StepSkipped { .. } => return None,
        EventKind::StepStarted { .. }
        | EventKind::StepSucceeded { .. }
        | EventKind::StepFailed { .. }
        | EventKind::StepInDoubt { .. }
        | EventKind::CompensationStarted { .. }
        | EventKind::CompensationSucceeded { .. }
        | EventKind::CompensationFailed { .. } => of_effect(saga, &event.kind)?,
        EventKind::StepSettled { .. }
        | EventKind::ApprovalAsked { .. }
        | EventKind::ApprovalGranted { .. }
        | EventKind::ApprovalRefused { .. }
        | EventKind::ApprovalExpired { .. } => of_person(saga, &event.kind)?,
    };
    Some(
        draft
            .event(saga.sequence())
            .correlated(acceptance.goal.trace_id().as_str()),
    )
}

/// The start or end of an effect; a timer is none.
fn of_effect(saga: &Saga, kind: &EventKind) -> Option<Draft> {
    match kind {
        EventKind::StepStarted {
            wait_ms: Some(_), ..
        } => None,
        EventKind::StepStarted {
            at,
            attempt,
            digest,
            ..
        } => {
            let draft = effect(saga, Action::EFFECT_ADMITTED, (at, false, *attempt))?;
            Some(
                draft
                    .status(Status::Pending)
                    .with("digest", digest.to_string()),
            )
        }
        EventKind::CompensationStarted {
            at,
            attempt,
            generation,
            ..
        } => {
            let draft = effect(saga, Action::EFFECT_ADMITTED, (at, true, *attempt))?;
            Some(
                draft
                    .status(Status::Pending)
                    .with("generation", *generation),
            )
        }
        _ => of_end(saga, kind),
    }
}

fn of_end(saga: &Saga, kind: &EventKind) -> Option<Draft> {
    match kind {
        // Neither a timer nor a fan-out over nothing is an effect.
        EventKind::StepSucceeded { at, attempt, .. } if *attempt == 0 || is_timer(saga, at) => None,
        EventKind::StepSucceeded {
            at,
            attempt,
            output,
        }
        | EventKind::CompensationSucceeded {
            at,
            attempt,
            output,
        } => {
            let undo = matches!(kind, EventKind::CompensationSucceeded { .. });
            let draft = effect(saga, Action::EFFECT_ENDED, (at, undo, *attempt))?;
            Some(draft.with("output", output.digest().to_string()))
        }
        EventKind::StepFailed {
            at,
            attempt,
            failure,
            ..
        }
        | EventKind::CompensationFailed {
            at,
            attempt,
            failure,
            ..
        } => {
            let undo = matches!(kind, EventKind::CompensationFailed { .. });
            failed(saga, (at, undo, *attempt), failure)
        }
        EventKind::StepInDoubt {
            at,
            undo,
            attempt,
            code,
            ..
        } => {
            let draft = effect(saga, Action::EFFECT_ENDED, (at, *undo, *attempt))?;
            let draft = draft.status(Status::Unknown).with("in_doubt", true);
            Some(draft.with("code", code.as_str()))
        }
        _ => None,
    }
}

fn failed(saga: &Saga, attempt: (&StepItem, bool, u32), failure: &Failure) -> Option<Draft> {
    let status = match failure.kind {
        FailureClass::Unknown => Status::Unknown,
        FailureClass::Transient | FailureClass::Permanent => Status::Failure,
    };
    let draft = effect(saga, Action::EFFECT_ENDED, attempt)?;
    Some(draft.status(status).with("code", failure.code.as_str()))
}

/// What people were asked, and what they said.
fn of_person(saga: &Saga, kind: &EventKind) -> Option<Draft> {
    let owner = saga.acceptance()?.owner.as_str();
    let decided = |actor: &str, at: &StepItem, approval: &str, decision: &str| {
        Draft::new(Action::APPROVAL_DECIDED, actor, "approval", approval)
            .with("effect", resource(saga, at))
            .with("decision", decision)
    };
    Some(match kind {
        EventKind::ApprovalAsked {
            at,
            approval,
            digest,
            ..
        } => Draft::new(Action::APPROVAL_ASKED, owner, "approval", approval)
            .status(Status::Pending)
            .with("effect", resource(saga, at))
            .with("digest", digest.to_string()),
        EventKind::ApprovalGranted {
            at, approval, by, ..
        } => decided(by.as_str(), at, approval, "granted"),
        EventKind::ApprovalRefused {
            at, approval, by, ..
        } => decided(by.as_str(), at, approval, "refused").status(Status::Denied),
        EventKind::ApprovalExpired { at, approval } => {
            decided(SYSTEM, at, approval, "expired").status(Status::Denied)
        }
        EventKind::StepSettled {
            at,
            undo,
            result,
            by,
            contradicts,
            ..
        } => {
            let actor = match by {
                Settler::Person(subject) => subject.as_str(),
                Settler::LateOutcome => SYSTEM,
            };
            Draft::new(Action::STEP_SETTLED, actor, "effect", resource(saga, at))
                .with("undo", *undo)
                .with("result", serde_json::to_value(result).unwrap_or_default())
                .with("contradicts", *contradicts)
        }
        _ => return None,
    })
}

/// Who acts where no person does.
const SYSTEM: &str = "omnihub";

fn effect(
    saga: &Saga,
    action: Action,
    (at, undo, attempt): (&StepItem, bool, u32),
) -> Option<Draft> {
    let owner = saga.acceptance()?.owner.as_str();
    let step = saga.plan_step(at.step.as_str())?;
    let tool = if undo {
        step.compensation.as_ref()?.tool.as_str()
    } else {
        step.tool.as_str()
    };
    let draft = Draft::new(action, owner, "effect", resource(saga, at));
    Some(
        draft
            .with("tool", tool)
            .with("undo", undo)
            .with("attempt", attempt),
    )
}

fn is_timer(saga: &Saga, at: &StepItem) -> bool {
    saga.plan_step(at.step.as_str())
        .is_some_and(|step| step.tool == domain::tool::WAIT)
}

/// `goal/step` or `goal/step/item`.
fn resource(saga: &Saga, at: &StepItem) -> String {
    let goal = saga
        .acceptance()
        .map(|acceptance| acceptance.goal.as_str())
        .unwrap_or_default();
    match at.item {
        Some(item) => format!("{goal}/{}/{item}", at.step),
        None => format!("{goal}/{}", at.step),
    }
}
