//! Which events people outside are told of: an approval asked, a step in doubt, a goal stuck, a goal ended.

use saga::{Event, EventKind, Saga};
use serde_json::json;
use store::Notice;

/// The notice of an event that was just applied to `saga`; `None`: nobody is told. Ids and codes, no payloads.
pub(crate) fn of(saga: &Saga, event: &Event) -> Option<Notice> {
    let goal = &saga.acceptance()?.goal;
    let (kind, mut data) = match &event.kind {
        EventKind::ApprovalAsked { at, approval, .. } => (
            "approval.asked",
            json!({ "approval": approval, "step": at.step, "item": at.item }),
        ),
        EventKind::StepInDoubt { at, undo, code, .. } => (
            "step.in_doubt",
            json!({ "step": at.step, "item": at.item, "undo": undo, "code": code }),
        ),
        EventKind::GoalStuck { reason } => (
            "goal.stuck",
            json!({ "reason": reason.code, "step": reason.step }),
        ),
        EventKind::GoalCompleted { .. } => ("goal.ended", json!({ "status": "completed" })),
        EventKind::GoalFailed { reason } => (
            "goal.ended",
            json!({ "status": "failed", "reason": reason.code, "step": reason.step }),
        ),
        EventKind::GoalCancelled {} => ("goal.ended", json!({ "status": "cancelled" })),
        _ => return None,
    };
    if let Some(fields) = data.as_object_mut() {
        fields.insert("workflowId".into(), json!(goal));
        fields.insert("at".into(), json!(event.moment.at));
    }
    Some(Notice {
        kind: kind.to_owned(),
        data,
    })
}
