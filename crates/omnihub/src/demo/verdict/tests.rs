//! That the demo can fail: a world in which nothing happened keeps none of its promises.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_server_that_only_says_so_breaks_the_promises_about_the_world() {
    let folder = tempfile::tempdir().unwrap();
    let services = Services::start("Bearer t".to_owned()).await.unwrap();
    let desk = Desk::lay_out(folder.path(), &services).unwrap();
    let said = [told("completed"), told("completed"), told("failed")];
    let promises = judge(&desk, &services, [&said[0], &said[1], &said[2]]).unwrap();
    let kept = promises.iter().filter(|promise| promise.broken.is_none());
    let kept: Vec<_> = kept.map(|promise| promise.what).collect();
    let of_words = [
        "the search completes with a reply",
        "the booking completes",
        "the refused booking ends failed",
    ];
    let of_nothing = [
        "no seat is Ben's, the flight is as before",
        "nothing is confirmed for Ben",
    ];
    assert_eq!(kept, [&of_words[..], &of_nothing].concat());
    services.stop().await;
}

/// A goal of which the server says that it ended so, and nothing else happened.
fn told(status: &str) -> Told {
    let at = "2026-12-01T12:00:00Z";
    let goal = json!({
        "workflowId": "goal-1", "trace_id": "1", "user_id": "tomas", "status": status, "reason": null,
        "user_intent": "x", "reply": "OS 417", "created_at": at, "updated_at": at, "finished_at": at,
        "deadline": null, "tags": {}, "parameters": {}, "plan": null, "plan_source": null, "playbook": null,
        "compensation": { "done": 0, "of": 0 }, "steps": [],
    });
    let goal = serde_json::from_value(goal).unwrap();
    Told {
        words: "x",
        goal,
        events: Vec::new(),
        took: Duration::ZERO,
        waited: Duration::ZERO,
    }
}
