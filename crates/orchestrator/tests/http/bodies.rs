//! Bodies on the wire: slow, short, large, and not JSON.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_answered_408_at_thirty_seconds() {
    if crate::harness::on_postgres() {
        return;
    }
    // In process with the clock paused: the deadline is the body's own, whatever carries it.
    let house = House::open().await;
    let endless =
        axum::body::Body::from_stream(futures_util::stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((
                Ok::<_, std::io::Error>(bytes::Bytes::from_static(b" ")),
                sent + 1,
            ))
        }));
    let begun = tokio::time::Instant::now();
    let slow = request("POST", "/api/v1/goals", &house.ana())
        .header("content-type", "application/json")
        .body(endless);
    let answer = house.send(slow.unwrap()).await;
    assert_eq!(
        (answer.refusal().as_str(), answer.header("connection")),
        ("408 request.timeout", "close")
    );
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_body_that_stops_short_is_refused() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    let head = format!(
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        server.house.ana()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
}

#[tokio::test]
async fn bodies_are_strictly_json_of_at_most_a_mebibyte() {
    let house = House::open().await;
    let ana = house.ana();
    let send = async |body: Vec<u8>| {
        let request =
            request("POST", "/api/v1/goals", &ana).header("content-type", "application/json");
        house
            .send(request.body(axum::body::Body::from(body)).unwrap())
            .await
            .refusal()
    };
    let mut said = Vec::new();
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"{} {}".to_vec(),
        b"{\"user_intent\":\"\xff\"}".to_vec(),
        br#"{"user_intent":"a","user_intent":"b"}"#.to_vec(),
        br#"{"user_intent":"a","plan":{"steps":[{"id":"a","id":"b"}]}}"#.to_vec(),
        format!(
            r#"{{"user_intent":"a","parameters":{}1{}}}"#,
            "{\"a\":".repeat(64),
            "}".repeat(64)
        )
        .into_bytes(),
        vec![b'['; 500_000],
        br#"{"user_intent":"a","parameters":{"n":12345678901234567890}}"#.to_vec(),
        br#"{"user_intent":"a","parameters":{"t":"\u0000"}}"#.to_vec(),
        vec![b' '; 1024 * 1024 + 1],
    ] {
        said.push(send(body).await);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    400 request.not_json
    400 request.not_json
    422 request.invalid
      "" the body must be an object
    400 request.not_json
    400 request.not_json
    400 request.duplicate_key
      "/user_intent" repeated key
    400 request.duplicate_key
      "/plan/steps/0/id" repeated key
    400 request.too_deep
    400 request.too_deep
    422 request.invalid
      "/parameters/n" numbers must lie within ±(2^53 − 1)
    422 request.invalid
      "/parameters/t" text must not hold NUL
    413 request.body_too_large
    "#);
    let mut padded = json!({ "user_intent": "greet Bob" })
        .to_string()
        .into_bytes();
    padded.resize(1024 * 1024, b' ');
    let request = request("POST", "/api/v1/goals", &ana).header("content-type", "application/json");
    assert_eq!(
        house
            .send(request.body(axum::body::Body::from(padded)).unwrap())
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_sent() {
    let server = Server::start().await;
    let head = format!(
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n",
        server.house.ana()
    );
    let answer = server.exchange(head.as_bytes()).await;
    assert_eq!(status(&answer), "413", "{answer}");
    assert!(answer.contains("request.body_too_large"));
}

#[tokio::test]
async fn only_json_is_taken() {
    let house = House::open().await;
    let ana = house.ana();
    let send = async |kind: Option<&str>| {
        let mut request = request("POST", "/api/v1/goals", &ana);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        house
            .send(
                request
                    .body(axum::body::Body::from(r#"{"user_intent":"greet Bob"}"#))
                    .unwrap(),
            )
            .await
    };
    for kind in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(send(Some(kind)).await.status, 202, "{kind}");
    }
    for kind in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/jsonp"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=latin1"),
        Some("application/json, text/plain"),
    ] {
        assert_eq!(
            send(kind).await.refusal(),
            "415 request.media_type",
            "{kind:?}"
        );
    }
}
