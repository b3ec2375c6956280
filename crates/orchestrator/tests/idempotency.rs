//! `Idempotency-Key`: the first answer again, also after a restart.

use axum::body::Body;
use serde_json::json;

use crate::harness::{House, Plot, calls, request};

const GOALS: &str = "/api/v1/goals";

#[tokio::test]
async fn an_idempotency_key_repeats_the_first_answer() {
    let house = House::open().await;
    let (ana, eve) = (
        house.ana(),
        house.who("eve", domain::principal::Role::Authenticated),
    );
    let send = async |token: &str, key: &str, body: &str| {
        let request = request("POST", GOALS, token)
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        house
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    };
    let first = send(
        &ana,
        "k1",
        r#"{"user_intent":"greet Bob","tags":{"a":"1","b":"2"}}"#,
    )
    .await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (202, "")
    );
    // The same JSON, written differently.
    let again = send(
        &ana,
        "k1",
        r#"{ "tags": {"b":"2", "\u0061":"1"}, "user_intent":"greet Bob" }"#,
    )
    .await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (202, "true")
    );
    assert_eq!(again.text, first.text);
    let other = send(
        &ana,
        "k1",
        r#"{"user_intent":"greet Eve","tags":{"a":"1","b":"2"}}"#,
    )
    .await;
    assert_eq!(other.refusal(), "422 idempotency.mismatch");
    // Another principal's key is another key; a refusal is not kept.
    assert_eq!(
        send(&eve, "k1", r#"{"user_intent":"greet Eve"}"#)
            .await
            .header("idempotency-replayed"),
        ""
    );
    assert_eq!(
        send(&ana, "k2", r#"{"user_intent":"nonsense"}"#)
            .await
            .status,
        422
    );
    assert_eq!(
        send(&ana, "k2", r#"{"user_intent":"greet Bob"}"#)
            .await
            .status,
        202
    );
    for key in ["", "a b", "\u{e4}", &"k".repeat(256)] {
        assert_eq!(
            send(&ana, key, r#"{"user_intent":"greet Bob"}"#)
                .await
                .refusal(),
            "400 request.header",
            "{key:?}"
        );
    }
    assert_eq!(
        send(&ana, &"k".repeat(255), r#"{"user_intent":"greet Bob"}"#)
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn the_first_answer_is_repeated_after_a_restart_too() {
    let house = House::open().await;
    let ana = house.ana();
    let send = async |house: &House| {
        let request = request("POST", GOALS, &ana)
            .header("content-type", "application/json")
            .header("idempotency-key", "k");
        house
            .send(
                request
                    .body(Body::from(r#"{"user_intent":"greet Bob"}"#))
                    .unwrap(),
            )
            .await
    };
    let first = send(&house).await;
    let house = house.reopen(Plot::default()).await;
    let again = send(&house).await;
    assert_eq!(
        (&again.text, again.header("idempotency-replayed")),
        (&first.text, "true")
    );
}

#[tokio::test]
async fn a_repeat_waits_for_the_goal_as_it_prefers() {
    let house = House::open().await;
    let ana = house.ana();
    let body =
        json!({ "user_intent": "pay", "trace_id": "p", "plan": { "steps": [calls("pay", &[])] } });
    let send = async |prefer: &str| {
        let request = request("POST", GOALS, &ana)
            .header("content-type", "application/json")
            .header("idempotency-key", "k")
            .header("prefer", prefer);
        house
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    house.hands.succeeds("pay");
    let first = send("wait=20").await;
    assert_eq!(first.json()["status"], "completed");
    let again = send("wait=20").await;
    assert_eq!(
        (
            again.status,
            again.header("idempotency-replayed"),
            again.header("preference-applied"),
        ),
        (200, "true", "wait=20")
    );
    assert_eq!(again.text, first.text);
    // Who does not wait gets what was answered first: that the goal has started.
    let plain = send("wait=0").await;
    assert_eq!(
        (plain.status, &plain.json()["status"]),
        (202, &json!("started"))
    );
}
