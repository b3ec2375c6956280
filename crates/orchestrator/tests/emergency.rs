//! Emergency controls: who may set them, and that they hold.

use domain::principal::Role;
use orchestrator::auth::AuthConfig;
use serde_json::{Value, json};

use crate::harness::{House, Plot, says};

const CONTROLS: &str = "/api/v1/admin/emergency_controls";

fn control(scope: &str, target: Value, mode: &str) -> Value {
    json!({ "scope": scope, "target": target, "mode": mode, "reason": "drill" })
}

#[tokio::test]
async fn a_hold_keeps_goals_still_until_it_is_off_also_over_a_restart() {
    let house = House::open().await;
    let root = house.who("root", Role::Admin);
    let set = house
        .put(&root, CONTROLS, control("all", Value::Null, "hold"))
        .await;
    insta::assert_snapshot!(set.shown(), @r#"
    200
    content-type: application/json
    {
      "items": [
        {
          "mode": "hold",
          "reason": "drill",
          "scope": "all",
          "set_at": "[time]",
          "set_by": "root",
          "target": null,
          "tenant": "acme"
        }
      ],
      "next_cursor": null
    }
    "#);
    let goal = house
        .submit(&house.ana(), "held", json!([says("a", &[])]))
        .await;
    let shown = house
        .get(&house.ana(), &format!("/api/v1/goals/{goal}"))
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("running"), &json!("emergency.hold"))
    );
    assert_eq!(shown["steps"][0]["attempts"], 0);
    let house = house.reopen(Plot::default()).await;
    assert_eq!(house.get(&root, CONTROLS).await.json(), set.json());
    assert_eq!(
        house
            .get(&house.ana(), &format!("/api/v1/goals/{goal}"))
            .await
            .json()["reason"],
        "emergency.hold"
    );
    let off = house
        .put(&root, CONTROLS, control("all", Value::Null, "off"))
        .await
        .json();
    assert_eq!(off["items"], json!([]));
    assert_eq!(
        house.settled(&house.ana(), &goal).await["status"],
        "completed"
    );
    let kim = house.who("kim", Role::Auditor);
    let entries = house
        .get(&kim, "/api/v1/audit/entries?action=admin.changed")
        .await
        .json();
    assert_eq!(entries["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_cancel_ends_open_goals_and_refuses_new_ones() {
    let house = House::open().await;
    let root = house.who("root", Role::Admin);
    let goal = house
        .submit(
            &house.ana(),
            "open",
            json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]),
        )
        .await;
    assert_eq!(
        house
            .put(&root, CONTROLS, control("all", Value::Null, "cancel"))
            .await
            .status,
        200
    );
    house.until(&house.ana(), &goal, "cancelled").await;
    let refused = house
        .post(
            &house.ana(),
            "/api/v1/goals",
            json!({ "user_intent": "greet Bob" }),
        )
        .await;
    insta::assert_snapshot!(refused.shown(), @r#"
    503
    content-type: application/problem+json
    retry-after: 60
    {
      "code": "emergency.cancel",
      "detail": "an administrator has stopped new goals",
      "status": 503,
      "title": "An emergency control refuses new goals",
      "trace_id": "[trace]",
      "type": "urn:omnihub:problem:emergency.cancel"
    }
    "#);
    // Other tenants go on.
    let other = house.token("bob", "other", Role::Authenticated);
    assert_eq!(
        house
            .post(
                &other,
                "/api/v1/goals",
                json!({ "user_intent": "greet Bob" })
            )
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn who_may_set_what() {
    let auth = AuthConfig {
        platform_tenant: "platform".into(),
        ..AuthConfig::default()
    };
    let house = House::of(Plot {
        auth,
        ..Plot::default()
    })
    .await;
    let root = house.who("root", Role::Admin);
    let mut said = Vec::new();
    for body in [
        control("all", json!("acme"), "hold"),
        control("tenant", json!("other"), "hold"),
        control("tenant", json!("a b"), "hold"),
        control("tool", Value::Null, "hold"),
        control("tool", json!("no_such_tool"), "hold"),
        control("goal", json!("goal-none"), "hold"),
        control("world", Value::Null, "hold"),
        json!({ "scope": "all", "mode": "hold" }),
        json!({ "scope": "all", "mode": "hold", "reason": "" }),
    ] {
        let refused = house.put(&root, CONTROLS, body.clone()).await.refusal();
        said.push(format!("{} {}: {refused}", body["scope"], body["target"]));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    "all" "acme": 422 request.invalid
      "/target" the scope "all" takes no target
    "tenant" "other": 403 auth.forbidden
    "tenant" "a b": 422 request.invalid
      "/target" tenant id must match [A-Za-z0-9._:-]{1,128}
    "tool" null: 422 request.invalid
      "/target" this scope needs a target
    "tool" "no_such_tool": 422 request.invalid
      "/target" there is no such tool
    "goal" "goal-none": 422 request.invalid
      "/target" the tenant has no such goal
    "world" null: 422 request.invalid
      "/scope" unknown variant `world`, expected one of `all`, `tenant`, `tool`, `goal`
    "all" null: 422 request.invalid
      "" missing field `reason`
    "all" null: 422 request.invalid
      "/reason" must have 1 to 1024 characters
    "#);
    for role in [Role::Authenticated, Role::Operator, Role::Auditor] {
        let answer = house
            .put(
                &house.who("x", role),
                CONTROLS,
                control("all", Value::Null, "hold"),
            )
            .await;
        assert_eq!(answer.refusal(), "403 auth.forbidden");
    }
    let platform = house.token("root", "platform", Role::Admin);
    assert_eq!(
        house
            .put(
                &platform,
                CONTROLS,
                control("tool", json!("send_email"), "hold")
            )
            .await
            .status,
        200
    );
    assert_eq!(
        house
            .put(
                &platform,
                CONTROLS,
                control("tenant", json!("other"), "hold")
            )
            .await
            .status,
        200
    );
    assert_eq!(
        house
            .put(&root, CONTROLS, control("tool", json!("fetch_url"), "hold"))
            .await
            .status,
        200
    );
    let seen = async |token: &str| {
        let page = house.get(token, CONTROLS).await.json();
        let lines = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| format!("{} {} {}", item["scope"], item["target"], item["tenant"]));
        lines.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        seen(&root).await,
        r#""tool" "send_email" null; "tool" "fetch_url" "acme""#
    );
    assert_eq!(
        seen(&house.token("root", "other", Role::Admin)).await,
        r#""tool" "send_email" null; "tenant" "other" null"#
    );
    assert_eq!(seen(&platform).await.matches(';').count(), 2);
}

#[tokio::test]
async fn a_held_tool_is_the_reason_of_the_goals_that_wait_for_it() {
    let house = House::open().await;
    let root = house.who("root", Role::Admin);
    let tool = control("tool", json!("respond_to_user"), "hold");
    assert_eq!(house.put(&root, CONTROLS, tool).await.status, 200);

    let goal = house
        .submit(&house.ana(), "g", json!([says("a", &[])]))
        .await;

    let shown = house
        .get(&house.ana(), &format!("/api/v1/goals/{goal}"))
        .await
        .json();
    assert_eq!(shown["reason"], "emergency.hold");
    assert_eq!(
        shown["steps"][0]["summary"],
        "respond_to_user is held by an emergency control"
    );
}

#[tokio::test]
async fn evidence_of_a_cancelled_goal_names_who_set_the_control_that_cancelled_it() {
    let house = House::open().await;
    let wait = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]);
    let goal = house.submit(&house.ana(), "g", wait).await;
    let (root, zed) = (
        house.who("root", Role::Admin),
        house.token("zed", "other", Role::Admin),
    );

    // Somebody of another tenant sets something newer before the goal is looked at.
    let cancel = house.put(&root, CONTROLS, control("all", Value::Null, "cancel"));
    let hold = house.put(&zed, CONTROLS, control("all", Value::Null, "hold"));
    let (cancelled, held) = tokio::join!(cancel, hold);
    assert_eq!((cancelled.status, held.status), (200, 200));

    house.until(&house.ana(), &goal, "cancelled").await;
    let path = "/api/v1/audit/entries?action=goal.cancelled";
    let auditor = house.who("kim", Role::Auditor);
    let entries = house.get(&auditor, path).await.json();
    assert_eq!(entries["items"][0]["actor_id"], "root", "{entries}");
}

#[tokio::test]
async fn a_tenants_admin_does_not_lift_what_the_platform_set() {
    let auth = AuthConfig {
        platform_tenant: "platform".into(),
        ..AuthConfig::default()
    };
    let plot = Plot {
        auth,
        ..Plot::default()
    };
    let house = House::of(plot).await;
    let (platform, root) = (
        house.token("root", "platform", Role::Admin),
        house.who("root", Role::Admin),
    );
    let set = async |who: &str, target: Value, mode: &str| {
        let answer = house.put(who, CONTROLS, control("tenant", target, mode));
        answer.await.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(set(&platform, json!("acme"), "hold").await, 1);

    assert_eq!(set(&root, Value::Null, "off").await, 1);
    assert_eq!(set(&root, json!("acme"), "off").await, 1);

    assert_eq!(set(&platform, json!("acme"), "off").await, 0);
}
