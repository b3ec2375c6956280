//! Events as short text: one line says what a reader of a journal wants to know.

use saga::EventKind;
use saga::event::{Failure, Settler, StepItem};
use serde::Serialize;

/// An event as text.
pub(crate) fn text(kind: &EventKind) -> String {
    let name = kind.name();
    match kind {
        EventKind::GoalAccepted { .. }
        | EventKind::PlanAdopted { .. }
        | EventKind::GoalPaused { .. }
        | EventKind::GoalResumed { .. }
        | EventKind::GoalCancelled {}
        | EventKind::GoalCompleted { .. }
        | EventKind::RetryRequested { .. } => name.to_owned(),
        EventKind::CancelRequested { emergency, .. } => {
            join(name, &[flag(*emergency, "emergency")])
        }
        EventKind::ApprovalAsked {
            at,
            reason,
            expires_in_seconds,
            ..
        } => join(
            name,
            &[
                place(at),
                format!("({})", word(reason)),
                format!("for {expires_in_seconds}s"),
            ],
        ),
        EventKind::ApprovalGranted { at, .. }
        | EventKind::ApprovalRefused { at, .. }
        | EventKind::ApprovalExpired { at, .. } => join(name, &[place(at)]),
        EventKind::UnwindingStarted { reason }
        | EventKind::GoalFailed { reason }
        | EventKind::GoalStuck { reason } => join(name, std::slice::from_ref(&reason.code)),
        _ => attempt_text(kind),
    }
}

fn attempt_text(kind: &EventKind) -> String {
    let name = kind.name();
    match kind {
        EventKind::StepStarted {
            at,
            attempt,
            wait_ms,
            ask,
            ..
        } => {
            let wait = wait_ms
                .map(|wait| format!("wait {wait}ms"))
                .unwrap_or_default();
            join(
                name,
                &[place(at), attempt.to_string(), flag(*ask, "ask"), wait],
            )
        }
        EventKind::StepSucceeded { at, attempt, .. }
        | EventKind::CompensationSucceeded { at, attempt, .. } => {
            join(name, &[place(at), attempt.to_string()])
        }
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
        } => join(
            name,
            &[
                place(at),
                attempt.to_string(),
                failed(failure),
                retry(*retry_in_ms),
            ],
        ),
        EventKind::CompensationStarted {
            at,
            attempt,
            generation,
            ask,
            ..
        } => join(
            name,
            &[
                place(at),
                attempt.to_string(),
                format!("generation {generation}"),
                flag(*ask, "ask"),
            ],
        ),
        _ => doubt_text(kind),
    }
}

fn doubt_text(kind: &EventKind) -> String {
    let name = kind.name();
    match kind {
        EventKind::StepSkipped { at, reason } => join(name, &[place(at), word(reason)]),
        EventKind::StepInDoubt {
            at,
            undo,
            attempt,
            code,
            ..
        } => join(
            name,
            &[
                flag(*undo, "undo of"),
                place(at),
                attempt.to_string(),
                code.clone(),
            ],
        ),
        EventKind::StepSettled {
            at,
            undo,
            result,
            by,
            contradicts,
            ..
        } => {
            let by = match by {
                Settler::Person(_) => "by person",
                Settler::LateOutcome => "by late outcome",
            };
            let contradicts = flag(*contradicts, "CONTRADICTS");
            join(
                name,
                &[
                    flag(*undo, "undo of"),
                    place(at),
                    word(result),
                    by.into(),
                    contradicts,
                ],
            )
        }
        _ => name.to_owned(),
    }
}

/// A use of a step as text.
pub(crate) fn place(at: &StepItem) -> String {
    at.item
        .map_or_else(|| at.step.to_string(), |item| format!("{}/{item}", at.step))
}

/// The name that an enum's variant has in the journal.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

fn failed(failure: &Failure) -> String {
    format!("{} {}", word(&failure.kind), failure.code)
}

fn retry(wait: Option<u64>) -> String {
    wait.map_or_else(|| "for good".into(), |wait| format!("again in {wait}ms"))
}

fn flag(set: bool, text: &str) -> String {
    if set { text.to_owned() } else { String::new() }
}

fn join(name: &str, parts: &[String]) -> String {
    let parts = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty());
    std::iter::once(name)
        .chain(parts)
        .collect::<Vec<_>>()
        .join(" ")
}
