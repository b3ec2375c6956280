//! `call_webhook` against real servers.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::tool::EffectClass;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::receiver::{End, Receiver, Script, Seen, script};
use crate::world::{World, call, message, output, perform, summary};

#[tokio::test]
async fn a_call_arrives_as_the_plan_says_and_its_answer_comes_back() {
    let receiver = Receiver::start(|_| {
        json_response(r#"{"charge":"ch_1","big":9007199254740993,"sum":-2.50,"nul":"a\u0000b"}"#)
    })
    .await;
    let world = World::allowing(&[&receiver.host()]).with_secret(
        "pay",
        "Bearer s3cr3t-token",
        &[&receiver.host()],
    );
    let agent = world.agent();
    let call = call(
        &agent,
        "call_webhook",
        json!({
        "url": receiver.url("/pay?order=1#part"), "method": "PUT", "payload": { "amount": 12.5 },
        "headers": { "Authorization": { "$secret": "pay" }, "X-Kind": "seat" } }),
    );

    let output = output(agent.perform(&call).await);

    let expected =
        json!({ "charge": "ch_1", "big": "9007199254740993", "sum": -2.5, "nul": "a\u{fffd}b" });
    assert_eq!(output, json!({ "status_code": 200, "body": expected }));
    let seen = receiver.seen().remove(0);
    assert_eq!(
        (seen.method.as_str(), seen.uri.as_str(), seen.body.as_str()),
        ("PUT", "/pay?order=1", r#"{"amount":12.5}"#)
    );
    assert_eq!(seen.header("host"), receiver.host());
    assert_eq!(seen.header("idempotency-key"), call.key.to_string());
    assert_eq!(seen.header("authorization"), "Bearer s3cr3t-token");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("x-kind"), "seat");
}

#[tokio::test]
async fn what_a_status_means_is_decided_by_the_design() {
    let receiver = Receiver::start(|seen: &Seen| {
        let status: u16 = seen.uri.trim_start_matches('/').parse().unwrap();
        Response::builder()
            .status(status)
            .header("location", "/200")
            .body(Body::from("why not"))
            .unwrap()
    })
    .await;
    let agent = World::allowing(&[&receiver.host()]).agent();
    for (status, expected) in [
        (200, "succeeded"),
        (201, "succeeded"),
        (204, "succeeded"),
        (299, "succeeded"),
        (300, "permanent http.redirect"),
        (301, "permanent http.redirect"),
        (302, "permanent http.redirect"),
        (304, "permanent http.redirect"),
        (307, "permanent http.redirect"),
        (308, "permanent http.redirect"),
        (400, "permanent http.status"),
        (401, "permanent http.status"),
        (404, "permanent http.status"),
        (408, "transient http.status"),
        (409, "permanent http.status"),
        (410, "permanent http.status"),
        (422, "permanent http.status"),
        (425, "transient http.status"),
        (429, "transient http.status"),
        (499, "permanent http.status"),
        (500, "unknown http.status"),
        (502, "unknown http.status"),
        (503, "unknown http.status"),
        (504, "unknown http.status"),
        (599, "unknown http.status"),
    ] {
        let outcome = perform(
            &agent,
            "call_webhook",
            json!({ "url": receiver.url(&format!("/{status}")), "payload": 1 }),
        )
        .await;
        assert_eq!(summary(&outcome), expected, "{status}: {outcome:?}");
        if !matches!(status, 200..300 | 304) {
            assert!(message(&outcome).contains("why not"), "{outcome:?}");
        }
    }
    assert_eq!(receiver.seen().len(), 25, "no redirect was followed");
}

#[tokio::test]
async fn only_what_was_never_sent_is_called_failed() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let agent = World::allowing(&[&nobody.to_string()]).agent();
    let refused = perform(
        &agent,
        "call_webhook",
        json!({ "url": format!("http://{nobody}/"), "payload": 1 }),
    )
    .await;
    assert_eq!(summary(&refused), "transient http.connect");

    for (script, expected) in [
        (script(&[], End::CloseAfterRequest), "unknown http.cut"),
        (script(&[b"HTTP/1.1 20"], End::Close), "unknown http.cut"),
        (
            script(
                &[b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
                End::Close,
            ),
            "unknown http.cut",
        ),
        (
            script(
                &[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
                End::Close,
            ),
            "unknown http.cut",
        ),
        (
            script(&[b"no http at all\r\n\r\n"], End::Close),
            "unknown http.cut",
        ),
        (
            script(
                &[b"HTTP/1.1 410 Gone\r\ncontent-length: 10\r\n\r\nabc"],
                End::Close,
            ),
            "permanent http.status",
        ),
        (script(&[], End::Silence), "unknown http.timeout"),
        (
            script(
                &[b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"],
                End::Silence,
            ),
            "unknown http.timeout",
        ),
        (
            script(
                &[b"HTTP/1.1 410 Gone\r\ncontent-length: 10\r\n\r\nabc"],
                End::Silence,
            ),
            "permanent http.status",
        ),
    ] {
        let (outcome, arrivals) = against(script).await;
        assert_eq!((outcome.as_str(), arrivals), (expected, 1));
    }
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_is_no_doubt_and_one_that_breaks_is() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let closes = vec![script(&[OK], End::Close), script(&[OK, OK], End::Silence)];
    assert_eq!(
        twice(closes).await,
        ("succeeded".to_owned(), 2),
        "the second call opens a connection of its own"
    );

    let keeps = vec![script(&[OK, OK], End::Silence)];
    assert_eq!(
        twice(keeps).await,
        ("succeeded".to_owned(), 2),
        "the second call uses the connection again"
    );

    let breaks = vec![
        script(&[OK], End::CloseAfterRequest),
        script(&[OK], End::Silence),
    ];
    assert_eq!(
        twice(breaks).await,
        ("unknown http.cut".to_owned(), 2),
        "the second call arrived, once, and is not repeated"
    );
}

#[tokio::test]
async fn a_secret_goes_to_its_hosts_only_and_is_never_shown() {
    let receiver = Receiver::start(|seen: &Seen| {
        let status = if seen.uri == "/refuse" {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        let padding = if seen.uri == "/refuse" {
            "-".repeat(182)
        } else {
            String::new()
        };
        (
            status,
            format!("{padding}you sent {}", seen.header("x-token")),
        )
            .into_response()
    })
    .await;
    let world = World::allowing(&[&receiver.host()])
        .with_secret("here", "for-this-host-only", &[&receiver.host()])
        .with_secret(
            "elsewhere",
            "for-another-host",
            &["pay.example.com", "127.0.0.1:1"],
        );
    let agent = world.agent();
    let with = |name: &str, path: &str| json!({ "url": receiver.url(path), "payload": {}, "headers": { "X-Token": { "$secret": name } } });

    let echoed = output(perform(&agent, "call_webhook", with("here", "/")).await);
    assert_eq!(echoed["body"], "you sent [secret here]");
    let refused = perform(&agent, "call_webhook", with("here", "/refuse")).await;
    // An error quotes 200 characters, which end within the secret.
    assert!(
        message(&refused).ends_with("---you sent [secret h"),
        "{refused:?}"
    );
    assert_eq!(receiver.seen()[0].header("x-token"), "for-this-host-only");

    let elsewhere = perform(&agent, "call_webhook", with("elsewhere", "/")).await;
    assert_eq!(summary(&elsewhere), "permanent secret.host");
    let unknown = perform(&agent, "call_webhook", with("nowhere", "/")).await;
    assert_eq!(summary(&unknown), "permanent secret.unknown");
    assert_eq!(receiver.seen().len(), 2, "neither of the last two was sent");
}

#[tokio::test]
async fn what_no_request_may_say_is_refused_before_it_is_sent() {
    let receiver = Receiver::start(|_| "".into_response()).await;
    let agent = World::allowing(&[&receiver.host()]).agent();
    let url = receiver.url("/");
    for input in [
        json!({ "payload": 1 }),
        json!({ "url": url, "payload": 1, "verb": "POST" }),
        json!({ "url": url, "method": "GET", "payload": 1 }),
        json!({ "url": url, "method": "CONNECT", "payload": 1 }),
        json!({ "url": url, "payload": 1, "headers": { "Host": "internal" } }),
        json!({ "url": url, "payload": 1, "headers": { "content-length": "1" } }),
        json!({ "url": url, "payload": 1, "headers": { "Transfer-Encoding": "chunked" } }),
        json!({ "url": url, "payload": 1, "headers": { "Idempotency-Key": "mine" } }),
        json!({ "url": url, "payload": 1, "headers": { "Connection": "close" } }),
        json!({ "url": url, "payload": 1, "headers": { "a b": "c" } }),
        json!({ "url": url, "payload": 1, "headers": { "a": "b\r\nc: d" } }),
        json!({ "url": url, "payload": 1, "headers": { "a": 1 } }),
        json!({ "url": url, "payload": 1, "headers": { "a": "1", "A": "2" } }),
        json!({ "url": url, "payload": 1, "headers": { "a": { "$secret": "x", "y": 1 } } }),
    ] {
        let outcome = perform(&agent, "call_webhook", input.clone()).await;
        assert_eq!(summary(&outcome), "permanent input.invalid", "{input}");
    }
    assert!(receiver.seen().is_empty());
}

#[tokio::test]
async fn a_long_answer_is_cut_and_says_so() {
    let receiver = Receiver::start(|seen: &Seen| match seen.uri.as_str() {
        "/text" => "é\u{1}".repeat(100_000).into_response(),
        "/json" => json_response(&json!({ "items": vec!["x"; 66_000] }).to_string()),
        "/echo" => json_response(&json!(vec!["4711"; 30_000]).to_string()),
        "/broken" => json_response("{\"a\":"),
        _ => json_response(&json!({ "items": vec!["x"; 65_000] }).to_string()),
    })
    .await;
    // Hiding the secret makes the answer longer than it came.
    let agent = World::allowing(&[&receiver.host()])
        .with_secret("pin", "4711", &[])
        .agent();
    let ask = async |path: &str| {
        output(
            perform(
                &agent,
                "call_webhook",
                json!({ "url": receiver.url(path), "payload": 1 }),
            )
            .await,
        )
    };

    for path in ["/text", "/json", "/echo"] {
        let output = ask(path).await;
        assert_eq!(output["truncated"], true, "{path}");
        assert!(output["body"].is_string(), "{path}");
        assert!(
            (260_000..=262_144).contains(&output.to_string().len()),
            "{path}: {}",
            output.to_string().len()
        );
    }
    assert_eq!(
        ask("/broken").await,
        json!({ "status_code": 200, "body": "{\"a\":" })
    );
    assert_eq!(
        ask("/whole").await["body"]["items"]
            .as_array()
            .unwrap()
            .len(),
        65_000,
        "what fits into an output is parsed"
    );
}

#[tokio::test]
async fn a_receiver_that_honours_keys_makes_the_call_idempotent() {
    let mut world = World::new();
    let receivers =
        json!([{ "host": "PAY.example.com:8443", "idempotency": "key", "window_hours": 2 }]);
    world.config.outbound.receivers = serde_json::from_value(receivers).unwrap();
    let agent = world.agent();
    let class = |url: &str| {
        agent
            .toolset()
            .get("call_webhook")
            .unwrap()
            .class_for(&json!({ "url": url }))
    };
    assert_eq!(
        class("https://pay.example.com:8443/x"),
        (EffectClass::Idempotent, Some(7_200))
    );
    assert_eq!(
        class("https://pay.example.com/x"),
        (EffectClass::AtMostOnce, None)
    );
}

/// One call against a scripted connection: its outcome and the requests that arrived.
async fn against(script: Script) -> (String, usize) {
    let patience = if script.end == End::Silence { 2 } else { 20 };
    let receiver = Receiver::scripted(vec![script]).await;
    let agent = World::allowing(&[&receiver.host()]).agent();
    let input = json!({ "url": receiver.url("/"), "payload": 1 });
    let mut call = call(&agent, "call_webhook", input);
    call.timeout_seconds = patience;
    let outcome = agent.perform(&call).await;
    (summary(&outcome), receiver.seen().len())
}

/// The outcome of the second of two calls to a scripted server, and the requests that arrived.
async fn twice(scripts: Vec<Script>) -> (String, usize) {
    let receiver = Receiver::scripted(scripts).await;
    let agent = World::allowing(&[&receiver.host()]).agent();
    let input = || json!({ "url": receiver.url("/"), "payload": 1 });
    let first: Value = output(perform(&agent, "call_webhook", input()).await);
    assert_eq!(first["body"], "ok");
    let second = perform(&agent, "call_webhook", input()).await;
    (summary(&second), receiver.seen().len())
}

fn json_response(body: &str) -> Response {
    (
        [("content-type", "application/json; charset=utf-8")],
        body.to_owned(),
    )
        .into_response()
}
