//! Doubts, and how people end them.

use domain::principal::Role;
use serde_json::{Value, json};

use crate::harness::{House, calls, says};

/// A goal whose step `pay` is in doubt.
async fn doubtful(house: &House, trace: &str) -> String {
    house.hands.is_lost("pay");
    let ana = house.ana();
    let goal = house
        .submit(
            &ana,
            trace,
            json!([calls("pay", &[]), says("tell", &["pay"])]),
        )
        .await;
    let shown = house.until(&ana, &goal, "waiting").await;
    assert_eq!(shown["steps"][0]["state"], "in_doubt");
    assert!(shown["steps"][0]["since"].is_string());
    assert_eq!(shown["steps"][0]["error"]["code"], "http.cut");
    assert_eq!(shown["finished_at"], Value::Null);
    goal
}

fn path(goal: &str, step: &str) -> String {
    format!("/api/v1/goals/{goal}/steps/{step}/settle")
}

#[tokio::test]
async fn what_happened_is_settled_with_its_output() {
    let house = House::open().await;
    let goal = doubtful(&house, "h").await;
    let body = json!({ "result": "happened", "output": { "status_code": 200, "body": "paid" }, "reason": "the bank says so" });
    insta::assert_snapshot!(house.post(&house.olaf(), &path(&goal, "pay"), body).await.shown(), @r#"
    202
    content-type: application/json
    {
      "status": "accepted",
      "workflowId": "goal-h"
    }
    "#);
    let shown = house.settled(&house.ana(), &goal).await;
    assert_eq!(
        (&shown["status"], &shown["steps"][0]["output"]["body"]),
        (&json!("completed"), &json!("paid"))
    );
}

#[tokio::test]
async fn what_happened_needs_the_output_that_others_will_look_for() {
    let house = House::open().await;
    let goal = doubtful(&house, "o").await;
    let silent = json!({ "result": "happened", "reason": "the bank says so" });
    let refused = house
        .post(&house.olaf(), &path(&goal, "pay"), silent.clone())
        .await;
    insta::assert_snapshot!(refused.refusal(), @r#"
    422 request.invalid
      "/output" say what it answered: member "body" is missing
      "/output" say what it answered: member "status_code" is missing
    "#);
    house.until(&house.ana(), &goal, "waiting").await;
    // An undo has an output that nobody looks for.
    house.hands.succeeds("book");
    house.hands.fails("pay");
    let unknown = domain::outcome::Outcome::unknown("http.cut", "the connection was cut");
    house.hands.script("book", true, unknown);
    let steps = json!([calls("book", &[]), calls("pay", &["book"])]);
    let goal = house.submit(&house.ana(), "u", steps).await;
    let shown = house.settled(&house.ana(), &goal).await;
    assert_eq!(shown["steps"][0]["state"], "in_doubt", "{shown}");
    let undone = house
        .post(&house.olaf(), &path(&goal, "book"), silent)
        .await;
    assert_eq!(undone.status, 202, "{}", undone.text);
    assert_eq!(house.settled(&house.ana(), &goal).await["status"], "failed");
}

#[tokio::test]
async fn an_item_that_is_not_named_is_asked_for() {
    let house = House::open().await;
    let mut pay = calls("pay", &[]);
    pay["for_each"] = json!({ "items": { "$param": "orders" }, "max": 3 });
    house.hands.is_lost("pay");
    house.hands.is_lost("pay");
    let body = json!({ "user_intent": "pay", "trace_id": "i", "parameters": { "orders": [1, 2] }, "plan": { "steps": [pay] } });
    let ana = house.ana();
    let started = house.post(&ana, "/api/v1/goals", body).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let goal = "goal-i";
    house.until(&ana, goal, "waiting").await;
    let settle = async |item: Value| {
        let body =
            json!({ "result": "did_not_happen", "item": item, "reason": "the bank knows nothing" });
        house.post(&house.olaf(), &path(goal, "pay"), body).await
    };
    let mut said = vec![
        settle(Value::Null).await.refusal(),
        settle(json!(7)).await.refusal(),
    ];
    assert_eq!(settle(json!(0)).await.status, 202);
    said.push(settle(json!(0)).await.refusal());
    insta::assert_snapshot!(said.join("\n"), @r#"
    409 step.not_in_doubt
      "/item" items of this step that can be settled: 0, 1
    409 step.not_in_doubt
      "/item" items of this step that can be settled: 0, 1
    409 step.not_in_doubt
      "/item" items of this step that can be settled: 1
    "#);
}

#[tokio::test]
async fn what_did_not_happen_fails_the_goal() {
    let house = House::open().await;
    let goal = doubtful(&house, "n").await;
    let body = json!({ "result": "did_not_happen", "reason": "the bank knows nothing" });
    assert_eq!(
        house
            .post(&house.olaf(), &path(&goal, "pay"), body)
            .await
            .status,
        202
    );
    assert_eq!(house.settled(&house.ana(), &goal).await["status"], "failed");
}

#[tokio::test]
async fn what_cannot_be_settled_says_why() {
    let house = House::open().await;
    let goal = doubtful(&house, "w").await;
    let olaf = house.olaf();
    let reason = "because";
    let mut said = Vec::new();
    for (who, step, body) in [
        (
            &house.ana(),
            "pay",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &house.who("kim", Role::Auditor),
            "pay",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &house.token("olaf", "other", Role::Operator),
            "pay",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &olaf,
            "tell",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &olaf,
            "ghost",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &olaf,
            "NO",
            json!({ "result": "happened", "reason": reason }),
        ),
        (
            &olaf,
            "pay",
            json!({ "result": "happened", "item": 3, "reason": reason }),
        ),
        (
            &olaf,
            "pay",
            json!({ "result": "try_again", "reason": reason }),
        ),
        (
            &olaf,
            "pay",
            json!({ "result": "perhaps", "reason": reason }),
        ),
        (&olaf, "pay", json!({ "result": "happened" })),
        (&olaf, "pay", json!({ "result": "happened", "reason": "" })),
        (
            &olaf,
            "pay",
            json!({ "result": "happened", "reason": reason, "output": { "status_code": 500 } }),
        ),
        (
            &olaf,
            "pay",
            json!({ "result": "undone", "reason": reason, "output": {} }),
        ),
    ] {
        said.push(format!(
            "{step}: {}",
            house.post(who, &path(&goal, step), body).await.refusal()
        ));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    pay: 403 auth.forbidden
    pay: 403 auth.forbidden
    pay: 404 goal.not_found
    tell: 409 step.not_in_doubt
    ghost: 404 step.not_found
    NO: 404 step.not_found
    pay: 409 step.not_in_doubt
    pay: 409 step.repeat_unsafe
    pay: 422 request.invalid
      "/result" unknown variant `perhaps`, expected one of `happened`, `did_not_happen`, `undone`, `try_again`
    pay: 422 request.invalid
      "" missing field `reason`
    pay: 422 request.invalid
      "/reason" must have 1 to 1024 characters
    pay: 422 request.invalid
      "/output" member "body" is missing
      "/output/status_code" must be at most 299
    pay: 422 request.invalid
      "/output" only what happened has an output
    "#);
    house.until(&house.ana(), &goal, "waiting").await;
}
