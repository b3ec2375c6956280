//! Approvals: asked, shown, decided once, by somebody else.

use domain::principal::Role;
use serde_json::json;

use crate::harness::{House, calls};

/// A goal that asks before it pays, and its approval.
async fn asking(house: &House, trace: &str) -> (String, serde_json::Value) {
    let mut pay = calls("pay", &[]);
    pay["approval"] = json!(true);
    let ana = house.ana();
    let goal = house.submit(&ana, trace, json!([pay])).await;
    let approval = house.approval(&ana, &goal).await;
    (goal, approval)
}

fn decision(approval: &serde_json::Value) -> String {
    format!(
        "/api/v1/approvals/{}/decision",
        approval["id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn an_approval_shows_the_exact_effect_and_a_grant_lets_it_happen_once() {
    let house = House::open().await;
    let (goal, approval) = asking(&house, "a").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&crate::harness::mask(approval.clone())).unwrap(), @r#"
    {
      "arguments": {
        "method": "POST",
        "payload": {
          "step": "pay"
        },
        "url": "http://127.0.0.1:9/never"
      },
      "decided_at": null,
      "decided_by": null,
      "digest": "[digest]",
      "expires_at": "[time]",
      "id": "[approval]",
      "labels": [],
      "reason": "step",
      "requested_at": "[time]",
      "status": "pending",
      "step": "pay",
      "tool": "call_webhook",
      "undone_by": {
        "input": {
          "method": "DELETE",
          "payload": {
            "undo": "pay"
          },
          "url": "http://127.0.0.1:9/never"
        },
        "tool": "call_webhook"
      },
      "workflowId": "goal-a"
    }
    "#);
    house.hands.succeeds("pay");
    let body =
        json!({ "decision": "grant", "digest": approval["digest"], "reason": "looks right" });
    let decided = house
        .post(&house.olaf(), &decision(&approval), body.clone())
        .await;
    assert_eq!(
        (
            decided.status,
            &decided.json()["status"],
            &decided.json()["decided_by"]
        ),
        (200, &json!("granted"), &json!("olaf"))
    );
    assert_eq!(
        house
            .post(&house.olaf(), &decision(&approval), body)
            .await
            .status,
        409
    );
    assert_eq!(
        house.settled(&house.ana(), &goal).await["status"],
        "completed"
    );
    let shown = house
        .get(
            &house.ana(),
            &format!("/api/v1/approvals/{}", approval["id"].as_str().unwrap()),
        )
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["arguments"]),
        (&json!("granted"), &approval["arguments"])
    );
}

#[tokio::test]
async fn a_refusal_fails_the_goal() {
    let house = House::open().await;
    let (goal, approval) = asking(&house, "b").await;
    let body = json!({ "decision": "refuse", "digest": approval["digest"] });
    assert_eq!(
        house
            .post(&house.olaf(), &decision(&approval), body)
            .await
            .json()["status"],
        "refused"
    );
    let goal = house.settled(&house.ana(), &goal).await;
    assert_eq!(
        (&goal["status"], &goal["reason"]),
        (&json!("failed"), &json!("approval.refused"))
    );
}

#[tokio::test]
async fn who_may_not_decide_and_what_is_no_decision() {
    let house = House::open().await;
    let (goal, approval) = asking(&house, "c").await;
    let good = json!({ "decision": "grant", "digest": approval["digest"] });
    let path = decision(&approval);
    let mut said = Vec::new();
    for (who, body) in [
        (house.ana(), good.clone()),
        (house.who("ana", Role::Admin), good.clone()),
        (house.who("eve", Role::Authenticated), good.clone()),
        (house.who("kim", Role::Auditor), good.clone()),
        (house.token("olaf", "other", Role::Admin), good.clone()),
        (
            house.olaf(),
            json!({ "decision": "grant", "digest": "0".repeat(64) }),
        ),
        (
            house.olaf(),
            json!({ "decision": "grant", "digest": "short" }),
        ),
        (
            house.olaf(),
            json!({ "decision": "maybe", "digest": approval["digest"] }),
        ),
        (house.olaf(), json!({ "decision": "grant" })),
        (
            house.olaf(),
            json!({ "decision": "grant", "digest": approval["digest"], "reason": "" }),
        ),
    ] {
        said.push(house.post(&who, &path, body).await.refusal());
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    403 approval.own_goal
    403 approval.own_goal
    404 approval.not_found
    403 auth.forbidden
    404 approval.not_found
    409 approval.digest_mismatch
    422 request.invalid
      "/digest" a digest has 64 lower-case hex digits
    422 request.invalid
      "/decision" unknown variant `maybe`, expected `grant` or `refuse`
    422 request.invalid
      "" missing field `digest`
    422 request.invalid
      "/reason" must have 1 to 1024 characters
    "#);
    assert_eq!(
        house
            .post(
                &house.olaf(),
                "/api/v1/approvals/none/decision",
                good.clone()
            )
            .await
            .refusal(),
        "404 approval.not_found"
    );
    // The goal still waits; once it is cancelled there is nothing left to decide.
    house.until(&house.ana(), &goal, "waiting").await;
    assert_eq!(
        house
            .post(
                &house.ana(),
                &format!("/api/v1/goals/{goal}/cancel"),
                json!({})
            )
            .await
            .status,
        202
    );
    house.until(&house.ana(), &goal, "cancelled").await;
    assert_eq!(
        house.post(&house.olaf(), &path, good).await.refusal(),
        "409 approval.closed"
    );
    let shown = house
        .get(
            &house.olaf(),
            &format!("/api/v1/approvals/{}", approval["id"].as_str().unwrap()),
        )
        .await
        .json();
    assert_eq!(shown["status"], "closed");
}

#[tokio::test]
async fn approvals_are_listed_by_status_to_those_who_may_see_them() {
    let house = House::open().await;
    asking(&house, "d").await;
    let count = async |who: &str, query: &str| {
        house
            .get(who, &format!("/api/v1/approvals{query}"))
            .await
            .json()["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&house.ana(), "").await, 1);
    assert_eq!(count(&house.olaf(), "?status=pending").await, 1);
    assert_eq!(count(&house.olaf(), "?status=granted").await, 0);
    assert_eq!(count(&house.who("eve", Role::Authenticated), "").await, 0);
    assert_eq!(
        count(&house.token("olaf", "other", Role::Operator), "").await,
        0
    );
    assert_eq!(
        house
            .get(&house.olaf(), "/api/v1/approvals?status=open")
            .await
            .refusal(),
        "400 request.query"
    );
}
