//! Cancel, pause, resume and retry: durable when answered, refused with a code otherwise.

use domain::outcome::Outcome;
use domain::principal::Role;
use serde_json::json;

use crate::harness::{House, calls, says};

async fn wish(house: &House, who: &str, goal: &str, what: &str) -> crate::harness::Answer {
    house
        .post(who, &format!("/api/v1/goals/{goal}/{what}"), json!({}))
        .await
}

#[tokio::test]
async fn a_goal_is_paused_resumed_and_cancelled_by_its_owner_or_an_operator() {
    let house = House::open().await;
    let (ana, olaf) = (house.ana(), house.olaf());
    let goal = house
        .submit(
            &ana,
            "g",
            json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]),
        )
        .await;
    insta::assert_snapshot!(wish(&house, &ana, &goal, "pause").await.shown(), @r#"
    202
    content-type: application/json
    {
      "status": "accepted",
      "workflowId": "goal-g"
    }
    "#);
    house.until(&ana, &goal, "paused").await;
    assert_eq!(wish(&house, &olaf, &goal, "resume").await.status, 202);
    house.until(&ana, &goal, "running").await;
    assert_eq!(wish(&house, &olaf, &goal, "cancel").await.status, 202);
    let ended = house.until(&ana, &goal, "cancelled").await;
    assert_eq!(ended["reason"], "goal.cancelled");
    assert!(ended["finished_at"].is_string());
}

#[tokio::test]
async fn a_wish_that_cannot_be_granted_says_why() {
    let house = House::open().await;
    let (ana, olaf) = (house.ana(), house.olaf());
    let ended = house.submit(&ana, "ended", json!([says("a", &[])])).await;
    house.settled(&ana, &ended).await;
    house.hands.succeeds("one");
    house.hands.fails("two");
    house
        .hands
        .script("one", true, Outcome::permanent("http.status", "410 Gone"));
    let stuck = house
        .submit(
            &ana,
            "stuck",
            json!([calls("one", &[]), calls("two", &["one"])]),
        )
        .await;
    house.until(&ana, &stuck, "stuck").await;
    house.hands.succeeds("done");
    house.hands.fails("refused");
    house.hands.stalls("done");
    let steps = json!([calls("done", &[]), calls("refused", &["done"])]);
    let undoing = house.submit(&ana, "undoing", steps).await;
    house.until(&ana, &undoing, "compensating").await;
    let running = house
        .submit(
            &ana,
            "running",
            json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]),
        )
        .await;
    let mut said = Vec::new();
    for (who, goal, what) in [
        (&ana, &ended, "cancel"),
        (&ana, &ended, "pause"),
        (&ana, &ended, "retry"),
        (&ana, &stuck, "cancel"),
        (&olaf, &stuck, "pause"),
        (&ana, &undoing, "cancel"),
        (&ana, &undoing, "pause"),
        (&olaf, &undoing, "resume"),
        (&ana, &running, "retry"),
        (&house.who("eve", Role::Authenticated), &running, "cancel"),
        (&house.who("kim", Role::Auditor), &running, "cancel"),
        (
            &house.token("olaf", "other", Role::Admin),
            &running,
            "cancel",
        ),
        (&ana, &"goal-none".to_owned(), "cancel"),
        (&ana, &"nonsense".to_owned(), "cancel"),
    ] {
        said.push(format!(
            "{goal} {what}: {}",
            wish(&house, who, goal, what).await.refusal()
        ));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    goal-ended cancel: 409 goal.ended
    goal-ended pause: 409 goal.ended
    goal-ended retry: 409 goal.ended
    goal-stuck cancel: 409 goal.stuck
    goal-stuck pause: 409 goal.stuck
    goal-undoing cancel: 409 goal.unwinding
    goal-undoing pause: 409 goal.unwinding
    goal-undoing resume: 409 goal.unwinding
    goal-running retry: 409 goal.not_stuck
    goal-running cancel: 404 goal.not_found
    goal-running cancel: 403 auth.forbidden
    goal-running cancel: 404 goal.not_found
    goal-none cancel: 404 goal.not_found
    nonsense cancel: 404 goal.not_found
    "#);
    house.hands.undoes("one");
    assert_eq!(wish(&house, &olaf, &stuck, "retry").await.status, 202);
    let goal = house.until(&ana, &stuck, "failed").await;
    assert_eq!(goal["compensation"], json!({ "done": 1, "of": 1 }));
}
