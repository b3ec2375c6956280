//! `fetch_url` against real servers.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::outcome::Outcome;
use serde_json::json;

use crate::receiver::{End, Receiver, Seen, script};
use crate::world::{World, call, message, output, perform, summary};

#[tokio::test]
async fn a_page_is_read_as_text() {
    let receiver = Receiver::start(|_| "<p>Gr\u{fc}\u{df}e</p>".into_response()).await;
    let outcome = fetch(
        &World::allowing(&[&receiver.host()]),
        &receiver.url("/a?b=c"),
    )
    .await;
    let expected = json!({ "status_code": 200, "content_type": "text/plain; charset=utf-8", "text": "<p>Gr\u{fc}\u{df}e</p>" });
    assert_eq!(output(outcome), expected);
    let seen = receiver.seen().remove(0);
    assert_eq!(
        (seen.method.as_str(), seen.uri.as_str(), seen.body.as_str()),
        ("GET", "/a?b=c", "")
    );
}

#[tokio::test]
async fn five_redirects_are_followed_and_a_sixth_is_not() {
    let receiver = Receiver::start(|seen: &Seen| {
        let left: u32 = seen.uri.trim_start_matches('/').parse().unwrap();
        if left == 0 {
            "there".into_response()
        } else {
            Redirect::temporary(&format!("{}", left - 1)).into_response()
        }
    })
    .await;
    let world = World::allowing(&[&receiver.host()]);
    assert_eq!(
        output(fetch(&world, &receiver.url("/5")).await)["text"],
        "there"
    );
    assert_eq!(receiver.seen().len(), 6);
    assert_eq!(
        summary(&fetch(&world, &receiver.url("/6")).await),
        "permanent http.redirect"
    );
    assert_eq!(receiver.seen().len(), 12);
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_checked() {
    let private = Receiver::start(|_| "the treasure".into_response()).await;
    let port = private.address.port();
    let targets = [
        (
            format!("http://127.0.0.1:{port}/"),
            "permanent outbound.address",
        ),
        (
            format!("http://0x7f.1:{port}/"),
            "permanent outbound.address",
        ),
        (
            format!("http://localhost:{port}/"),
            "permanent outbound.address",
        ),
        (
            format!("//[::ffff:127.0.0.1]:{port}/"),
            "permanent outbound.address",
        ),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "permanent outbound.address",
        ),
        (
            format!("http://user:pass@127.0.0.1:{port}/"),
            "permanent outbound.credentials",
        ),
        ("file:///etc/passwd".to_owned(), "permanent outbound.scheme"),
        (
            "gopher://127.0.0.1/".to_owned(),
            "permanent outbound.scheme",
        ),
        ("http://[".to_owned(), "permanent http.redirect"),
    ];
    for (target, expected) in targets {
        let location = target.clone();
        let public = Receiver::start(move |_| {
            (StatusCode::FOUND, [("location", location.clone())]).into_response()
        })
        .await;
        let outcome = fetch(&World::allowing(&[&public.host()]), &public.url("/")).await;
        assert_eq!(summary(&outcome), expected, "{target}: {outcome:?}");
        assert_eq!(public.seen().len(), 1);
    }
    assert!(private.seen().is_empty());
}

#[tokio::test]
async fn whatever_may_pass_is_transient() {
    let receiver = Receiver::start(|seen: &Seen| {
        let status: u16 = seen.uri.trim_start_matches('/').parse().unwrap();
        Response::builder()
            .status(status)
            .body(Body::from("\u{7}no\nmore"))
            .unwrap()
    })
    .await;
    let world = World::allowing(&[&receiver.host()]);
    for (status, expected) in [
        (204, "succeeded"),
        (302, "permanent http.redirect"),
        (304, "permanent http.status"),
        (404, "permanent http.status"),
        (408, "transient http.status"),
        (425, "transient http.status"),
        (429, "transient http.status"),
        (500, "transient http.status"),
        (503, "transient http.status"),
    ] {
        let outcome = fetch(&world, &receiver.url(&format!("/{status}"))).await;
        assert_eq!(summary(&outcome), expected, "{status}");
        if status == 404 {
            assert_eq!(
                message(&outcome),
                "127.0.0.1 answered 404 Not Found: no more"
            );
        }
    }
    for (end, expected) in [
        (End::Close, "transient http.cut"),
        (End::Silence, "transient http.timeout"),
    ] {
        let answer: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
        let receiver = Receiver::scripted(vec![script(&[answer], end)]).await;
        let agent = World::allowing(&[&receiver.host()]).agent();
        let mut call = call(&agent, "fetch_url", json!({ "url": receiver.url("/") }));
        call.timeout_seconds = if end == End::Silence { 2 } else { 20 };
        assert_eq!(summary(&agent.perform(&call).await), expected);
    }
}

#[tokio::test]
async fn a_long_page_is_cut_to_what_an_output_may_hold() {
    let receiver = Receiver::start(|_| "\u{1}\"é".repeat(200_000).into_response()).await;
    let mut world = World::allowing(&[&receiver.host()]);
    for (limit, expected) in [(256 * 1_024, 260_000..262_144), (8 * 1_024, 7_000..8_192)] {
        world.config.output_bytes_max = limit;
        let output = output(fetch(&world, &receiver.url("/")).await);
        assert_eq!(output["truncated"], true);
        assert!(
            expected.contains(&output.to_string().len()),
            "{} bytes of {limit}",
            output.to_string().len()
        );
    }
}

#[tokio::test]
async fn a_secret_that_a_page_shows_is_hidden_even_where_the_page_is_cut() {
    // The secret lies across the end of what is kept.
    let page = format!("{}top-secret-value and more", "x".repeat(255 * 1_024 - 4));
    let receiver = Receiver::start(move |_| page.clone().into_response()).await;
    let world = World::allowing(&[&receiver.host()]).with_secret("pay", "top-secret-value", &[]);
    let output = output(fetch(&world, &receiver.url("/")).await);
    let text = output["text"].as_str().unwrap();
    assert_eq!(text.trim_start_matches('x'), "[sec");
}

async fn fetch(world: &World, url: &str) -> Outcome {
    perform(&world.agent(), "fetch_url", json!({ "url": url })).await
}
