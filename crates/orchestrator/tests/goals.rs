//! Starting, showing and listing goals.

use serde_json::json;

use crate::harness::{House, says};

const GOALS: &str = "/api/v1/goals";

#[tokio::test]
async fn a_goal_with_a_plan_is_started_done_and_shown() {
    let house = House::open().await;
    let ana = house.ana();
    let body = json!({
        "user_intent": "say two things", "trace_id": "t-1", "user_id": "ana", "parameters": { "who": "Bob" },
        "tags": { "team": "support" },
        "plan": { "steps": [
            { "id": "a", "tool": "respond_to_user", "input": { "message": { "$param": "who" } } },
            says("b", &["a"]),
        ] },
    });
    let answer = house.post(&ana, GOALS, body).await;
    insta::assert_snapshot!(answer.shown(), @r#"
    202
    content-type: application/json
    {
      "links": {
        "events": "/api/v1/goals/goal-t-1/events",
        "self": "/api/v1/goals/goal-t-1"
      },
      "status": "started",
      "workflowId": "goal-t-1"
    }
    "#);
    house.settled(&ana, "goal-t-1").await;
    insta::assert_snapshot!(house.get(&ana, "/api/v1/goals/goal-t-1").await.shown(), @r#"
    200
    content-type: application/json
    {
      "compensation": {
        "done": 0,
        "of": 0
      },
      "created_at": "[time]",
      "deadline": null,
      "finished_at": "[time]",
      "parameters": {
        "who": "Bob"
      },
      "plan": {
        "steps": [
          {
            "id": "a",
            "input": {
              "message": {
                "$param": "who"
              }
            },
            "tool": "respond_to_user"
          },
          {
            "after": [
              "a"
            ],
            "id": "b",
            "input": {
              "message": "b says hello"
            },
            "tool": "respond_to_user"
          }
        ],
        "version": 1
      },
      "plan_source": "caller",
      "playbook": null,
      "reason": null,
      "reply": "b says hello",
      "status": "completed",
      "steps": [
        {
          "attempts": 1,
          "error": null,
          "finished_at": "[time]",
          "id": "a",
          "input": {
            "message": "Bob"
          },
          "lane": "green",
          "output": {
            "reply": "Bob"
          },
          "started_at": "[time]",
          "state": "succeeded",
          "summary": "respond_to_user done",
          "tool": "respond_to_user"
        },
        {
          "attempts": 1,
          "error": null,
          "finished_at": "[time]",
          "id": "b",
          "input": {
            "message": "b says hello"
          },
          "lane": "green",
          "output": {
            "reply": "b says hello"
          },
          "started_at": "[time]",
          "state": "succeeded",
          "summary": "respond_to_user done",
          "tool": "respond_to_user"
        }
      ],
      "tags": {
        "team": "support"
      },
      "trace_id": "t-1",
      "updated_at": "[time]",
      "user_id": "ana",
      "user_intent": "say two things",
      "workflowId": "goal-t-1"
    }
    "#);
    insta::assert_snapshot!(house.get(&ana, GOALS).await.shown(), @r#"
    200
    content-type: application/json
    {
      "items": [
        {
          "created_at": "[time]",
          "finished_at": "[time]",
          "reason": null,
          "status": "completed",
          "tags": {
            "team": "support"
          },
          "updated_at": "[time]",
          "user_id": "ana",
          "user_intent": "say two things",
          "workflowId": "goal-t-1"
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn words_alone_take_the_plan_of_a_playbook() {
    let house = House::open().await;
    let ana = house.ana();
    let answer = house
        .post(
            &ana,
            GOALS,
            json!({ "user_intent": "Say hello to Bob.", "trace_id": "p" }),
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let goal = house.settled(&ana, "goal-p").await;
    assert_eq!(goal["status"], "completed");
    assert_eq!(
        (&goal["plan_source"], &goal["playbook"]),
        (&json!("playbook"), &json!("greet"))
    );
    assert_eq!(goal["parameters"], json!({ "name": "Bob" }));
    assert_eq!(goal["reply"], "Greeted Bob.");
}

#[tokio::test]
async fn a_trace_id_is_made_when_absent_and_spent_for_ever_by_a_202() {
    let house = House::open().await;
    let ana = house.ana();
    let body = || json!({ "user_intent": "greet Bob" });
    let made = house.post(&ana, GOALS, body()).await.json()["workflowId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(made.len(), "goal-".len() + 36);
    let stated = || json!({ "user_intent": "greet Bob", "trace_id": "once" });
    assert_eq!(house.post(&ana, GOALS, stated()).await.status, 202);
    house.settled(&ana, "goal-once").await;
    insta::assert_snapshot!(house.post(&house.who("eve", domain::principal::Role::Admin), GOALS, stated()).await.shown(), @r#"
    409
    content-type: application/problem+json
    {
      "code": "goal.already_started",
      "detail": "a trace_id names one goal of its tenant for ever",
      "status": 409,
      "title": "A goal was started under this trace_id",
      "trace_id": "[trace]",
      "type": "urn:omnihub:problem:goal.already_started",
      "workflowId": "goal-once"
    }
    "#);
    // In another tenant it is simply another goal.
    let other = house.token("bob", "other", domain::principal::Role::Authenticated);
    assert_eq!(house.post(&other, GOALS, stated()).await.status, 202);
}

#[tokio::test]
async fn a_dry_run_starts_nothing() {
    let house = House::open().await;
    let ana = house.ana();
    let body =
        json!({ "user_intent": "mail bob@example.com", "mode": "dry_run", "trace_id": "dry" });
    let answer = house.post(&ana, GOALS, body).await;
    assert_eq!(
        (answer.status, &answer.json()["approvals"]),
        (200, &json!(["send"]))
    );
    assert_eq!(house.get(&ana, "/api/v1/goals/goal-dry").await.status, 404);
}
