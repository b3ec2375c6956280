//! The course of goals as it is shown: waited for, undone, fanned out, listed, bounded.

use axum::body::Body;
use serde_json::{Value, json};

use crate::harness::{House, Plot, calls, request};

const GOALS: &str = "/api/v1/goals";

#[tokio::test]
async fn one_request_is_enough_for_a_short_goal() {
    let house = House::open().await;
    let ana = house.ana();
    let send = async |prefer: &str, body: Value| {
        let request = request("POST", GOALS, &ana)
            .header("content-type", "application/json")
            .header("prefer", prefer);
        house
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let done = send(
        "wait=20",
        json!({ "user_intent": "greet Bob", "trace_id": "w" }),
    )
    .await;
    assert_eq!(
        (done.status, done.header("preference-applied")),
        (200, "wait=20")
    );
    assert_eq!(
        (&done.json()["status"], &done.json()["reply"]),
        (&json!("completed"), &json!("Greeted Bob."))
    );
    let asks = send("wait=20", json!({ "user_intent": "mail bob@example.com" })).await;
    assert_eq!(
        (asks.status, &asks.json()["status"]),
        (200, &json!("waiting"))
    );
    let slow = json!({ "user_intent": "x", "plan": { "steps": [{ "id": "w", "tool": "wait", "input": { "seconds": 60 } }] } });
    let plain = send("wait=1", slow).await;
    assert_eq!(
        (plain.status, plain.header("preference-applied")),
        (202, "")
    );
    let id = plain.json()["workflowId"].as_str().unwrap().to_owned();
    let get = request("GET", &format!("{GOALS}/{id}"), &ana)
        .header("prefer", "wait=1")
        .body(Body::empty())
        .unwrap();
    let shown = house.send(get).await;
    assert_eq!(
        (
            shown.status,
            shown.header("preference-applied"),
            &shown.json()["status"]
        ),
        (200, "", &json!("running"))
    );
}

#[tokio::test]
async fn too_many_open_goals_are_refused_until_one_ends() {
    let house = House::of(Plot {
        open_goals_max: 1,
        ..Plot::default()
    })
    .await;
    let ana = house.ana();
    let slow = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]);
    let first = house.submit(&ana, "first", slow).await;
    insta::assert_snapshot!(house.post(&ana, GOALS, json!({ "user_intent": "greet Bob", "trace_id": "second" })).await.shown(), @r#"
    429
    content-type: application/problem+json
    retry-after: 30
    {
      "code": "overload.open_goals",
      "detail": "1 goals of the tenant are open, which is the limit",
      "status": 429,
      "title": "The tenant has too many open goals",
      "trace_id": "[trace]",
      "type": "urn:omnihub:problem:overload.open_goals"
    }
    "#);
    assert_eq!(
        house.get(&ana, "/api/v1/goals/goal-second").await.status,
        404
    );
    assert_eq!(
        house
            .post(&ana, &format!("{GOALS}/{first}/cancel"), json!({}))
            .await
            .status,
        202
    );
    house.until(&ana, &first, "cancelled").await;
    assert_eq!(
        house
            .post(
                &ana,
                GOALS,
                json!({ "user_intent": "greet Bob", "trace_id": "second" })
            )
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn a_step_that_fails_for_good_undoes_what_was_done() {
    let house = House::open().await;
    let ana = house.ana();
    house.hands.succeeds("first");
    house.hands.undoes("first");
    house.hands.fails("second");
    let goal = house
        .submit(
            &ana,
            "undo",
            json!([calls("first", &[]), calls("second", &["first"])]),
        )
        .await;
    let goal = house.settled(&ana, &goal).await;
    assert_eq!(
        (&goal["status"], &goal["reason"]),
        (&json!("failed"), &json!("step.failed"))
    );
    assert_eq!(goal["compensation"], json!({ "done": 1, "of": 1 }));
    insta::assert_snapshot!(serde_json::to_string_pretty(&crate::harness::mask(goal["steps"].clone())).unwrap(), @r#"
    [
      {
        "attempts": 1,
        "error": null,
        "finished_at": "[time]",
        "id": "first",
        "input": {
          "method": "POST",
          "payload": {
            "step": "first"
          },
          "url": "http://127.0.0.1:9/never"
        },
        "lane": "yellow",
        "output": {
          "body": "ok",
          "status_code": 200
        },
        "started_at": "[time]",
        "state": "compensated",
        "summary": "call_webhook done and made good",
        "tool": "call_webhook",
        "undo": {
          "attempts": 1,
          "input": {
            "method": "DELETE",
            "payload": {
              "undo": "first"
            },
            "url": "http://127.0.0.1:9/never"
          },
          "tool": "call_webhook"
        }
      },
      {
        "attempts": 1,
        "error": {
          "code": "http.status",
          "message": "410 Gone"
        },
        "finished_at": "[time]",
        "id": "second",
        "input": {
          "method": "POST",
          "payload": {
            "step": "second"
          },
          "url": "http://127.0.0.1:9/never"
        },
        "lane": "yellow",
        "output": null,
        "started_at": "[time]",
        "state": "failed",
        "summary": "call_webhook failed: http.status",
        "tool": "call_webhook"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_fan_out_shows_each_item() {
    let house = House::open().await;
    let ana = house.ana();
    let body = json!({
        "user_intent": "greet all", "trace_id": "fan", "parameters": { "names": ["Ann", "Bob"] },
        "plan": { "steps": [{
            "id": "each", "tool": "respond_to_user", "for_each": { "items": { "$param": "names" }, "max": 5 },
            "input": { "message": { "$item": "" } },
        }] },
    });
    assert_eq!(house.post(&ana, GOALS, body).await.status, 202);
    let goal = house.settled(&ana, "goal-fan").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&crate::harness::mask(goal["steps"].clone())).unwrap(), @r#"
    [
      {
        "attempts": 1,
        "error": null,
        "finished_at": "[time]",
        "id": "each",
        "input": null,
        "items": [
          {
            "attempts": 1,
            "error": null,
            "finished_at": "[time]",
            "input": {
              "message": "Ann"
            },
            "item": 0,
            "output": {
              "reply": "Ann"
            },
            "started_at": "[time]",
            "state": "succeeded"
          },
          {
            "attempts": 1,
            "error": null,
            "finished_at": "[time]",
            "input": {
              "message": "Bob"
            },
            "item": 1,
            "output": {
              "reply": "Bob"
            },
            "started_at": "[time]",
            "state": "succeeded"
          }
        ],
        "lane": "green",
        "output": {
          "items": [
            {
              "reply": "Ann"
            },
            {
              "reply": "Bob"
            }
          ]
        },
        "started_at": "[time]",
        "state": "succeeded",
        "summary": "respond_to_user done",
        "tool": "respond_to_user"
      }
    ]
    "#);
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let house = House::open().await;
    let ana = house.ana();
    for number in 0..5 {
        let body = json!({ "user_intent": format!("greet Bob"), "trace_id": format!("n{number}"), "tags": { "n": number.to_string() } });
        assert_eq!(house.post(&ana, GOALS, body).await.status, 202);
        house.settled(&ana, &format!("goal-n{number}")).await;
    }
    let ids = async |query: &str| {
        let page = house.get(&ana, &format!("{GOALS}{query}")).await.json();
        let ids: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|goal| goal["workflowId"].to_string())
            .collect();
        (
            ids.join(" "),
            page["next_cursor"].as_str().map(str::to_owned),
        )
    };
    let (first, cursor) = ids("?limit=2").await;
    assert_eq!(first, r#""goal-n4" "goal-n3""#);
    let (second, cursor) = ids(&format!("?limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!(second, r#""goal-n2" "goal-n1""#);
    assert_eq!(
        ids(&format!("?limit=2&cursor={}", cursor.unwrap())).await,
        (r#""goal-n0""#.to_owned(), None)
    );
    assert_eq!(ids("?tag=n:3").await.0, r#""goal-n3""#);
    assert_eq!(ids("?status=running").await.0, "");
    assert_eq!(
        ids("?q=GREET&status=completed&limit=1").await.0,
        r#""goal-n4""#
    );
    for query in [
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?cursor=abc",
        "?cursor=-1",
        "?status=done",
        "?page=2",
        "?limit=1&limit=2",
    ] {
        assert_eq!(
            house.get(&ana, &format!("{GOALS}{query}")).await.refusal(),
            "400 request.query",
            "{query}"
        );
    }
}
