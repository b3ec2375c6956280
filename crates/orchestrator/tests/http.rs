//! Hostile HTTP over a real socket, byte by byte.

mod bodies;

use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::harness::{House, SOON, request, with_json};

/// A server on a real port.
pub(crate) struct Server {
    pub(crate) house: House,
    pub(crate) address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let house = House::open().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let service = house.service.clone();
        let serving = tokio::spawn(async move {
            service
                .serve(listener, async { stopped.await.unwrap() })
                .await
        });
        Self {
            house,
            address,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut while we still write is reset; what came before counts.
    soon(stream.read_to_end(&mut answer))
        .await
        .map(drop)
        .unwrap_or_default();
    String::from_utf8(answer).unwrap()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .expect("the server answers or closes in time")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn content_length_with_transfer_encoding_is_refused_and_the_connection_closed() {
    let server = Server::start().await;
    let smuggled = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "transfer-encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n",
    ] {
        let head = format!(
            "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n{headers}\r\n"
        );
        let answer = server
            .exchange(format!("{head}0\r\n\r\n{smuggled}").as_bytes())
            .await;
        assert_eq!(status(&answer), "400", "{headers}: {answer}");
        assert!(answer.contains("request.framing"), "{headers}: {answer}");
        assert!(answer.contains("x-request-id: "), "{answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "the second request was answered: {answer}"
        );
    }
    // Also where it is not the first request of its connection.
    let first = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = server.connect().await;
    stream.write_all(first.as_bytes()).await.unwrap();
    let mut buffer = [0; 1024];
    let read = soon(stream.read(&mut buffer)).await.unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
    let bad = "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n";
    stream
        .write_all(format!("{bad}{smuggled}").as_bytes())
        .await
        .unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(
        (status(&answer), answer.matches("HTTP/1.1 ").count()),
        ("400", 1),
        "{answer}"
    );
}

#[tokio::test]
async fn other_ambiguous_requests_are_refused_by_the_parser() {
    let server = Server::start().await;
    for request in [
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/goals HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\n folded: yes\r\n\r\n",
        "GET /hea\0lth HTTP/1.1\r\nHost: a\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let answer = server.exchange(request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_chunked_body_is_the_last_of_its_connection() {
    let server = Server::start().await;
    let body = json!({ "user_intent": "greet Bob", "trace_id": "chunked" }).to_string();
    let (first, second) = body.split_at(10);
    let chunks = format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let request = format!(
        "POST /api/v1/goals HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{chunks}",
        server.house.ana()
    );
    let answer = server.exchange(request.as_bytes()).await;
    assert_eq!(status(&answer), "202", "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn slow_headers_are_cut_at_ten_seconds() {
    let server = Server::start().await;
    let waited = async |first: &'static [u8], drip: bool| {
        let begun = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(first).await.unwrap();
        let mut answer = Vec::new();
        // One more byte each second does not help.
        loop {
            let mut buffer = [0; 256];
            match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return (begun.elapsed(), answer),
                Ok(Ok(read)) => answer.extend_from_slice(&buffer[..read]),
                // The server may have closed meanwhile; the next read tells.
                Err(_) if drip => stream.write_all(b"a").await.unwrap_or_default(),
                Err(_) => {}
            }
            assert!(begun.elapsed() < SOON, "the connection was not cut");
        }
    };
    let (nothing, started, preface, http2) = tokio::join!(
        waited(b"", false),
        waited(b"GET /health HTTP/1.1\r\nHost: ", true),
        waited(b"PRI * HTTP/2.0\r\n\r\nSM", false),
        waited(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            false
        ),
    );
    for (elapsed, answer) in [nothing, started, preface, http2] {
        assert!(
            (9..13).contains(&elapsed.as_secs()),
            "{elapsed:?} {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_continues_the_trace() {
    let house = House::open().await;
    let send = async |id: &str, parent: &str| {
        let request = http::Request::get("/nowhere")
            .header("x-request-id", id)
            .header("traceparent", parent);
        house
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await
    };
    let taken = send(
        "r-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    .await;
    assert_eq!(
        (taken.header("x-request-id"), taken.refusal().as_str()),
        ("r-1", "404 request.path_unknown")
    );
    assert_eq!(taken.json()["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let made = send("not <valid>", "nonsense").await;
    assert_eq!(made.header("x-request-id").len(), 36);
    assert_eq!(made.json()["trace_id"].as_str().unwrap().len(), 32);
    let well = house
        .send(
            http::Request::get("/health")
                .body(axum::body::Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(
        (well.text.as_str(), well.header("x-request-id").len()),
        (r#"{"status":"ok"}"#, 36)
    );
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_with_allow() {
    let house = House::open().await;
    let ana = house.ana();
    assert_eq!(
        house.get(&ana, "/api/v1/nothing").await.refusal(),
        "404 request.path_unknown"
    );
    assert_eq!(
        house.get(&ana, "/api/v1/goals/").await.refusal(),
        "404 request.path_unknown"
    );
    assert_eq!(house.get(&ana, "/api/v1/goals/%ff").await.status, 404);
    assert_eq!(
        house
            .get(&ana, "/api/v1/goals/goal-%2e%2e%2fx")
            .await
            .status,
        404
    );
    let wrong = house
        .send(with_json("DELETE", "/api/v1/goals", &ana, "{}"))
        .await;
    assert_eq!(
        (wrong.refusal().as_str(), wrong.header("allow")),
        ("405 request.method_not_allowed", "GET,HEAD,POST")
    );
}

#[tokio::test]
async fn http2_is_spoken_on_the_same_port() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    // Preface, empty SETTINGS, and HEADERS of stream 1: GET http /health (RFC 9113 §3.4, RFC 7541 appendix A).
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let block = b"\x82\x86\x04\x07/health\x01\x01a";
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    stream.write_all(&bytes).await.unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let body = br#"{"status":"ok"}"#;
    while !seen.windows(body.len()).any(|window| window == body) {
        let read = soon(stream.read(&mut buffer)).await.unwrap();
        assert!(read > 0, "{:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
    }
}

#[tokio::test]
async fn shutdown_ends_streams_and_answers_what_is_under_way() {
    let server = Server::start().await;
    let ana = server.house.ana();
    let goal = server
        .house
        .submit(
            &ana,
            "long",
            json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]),
        )
        .await;
    let mut stream = server.connect().await;
    let open = format!(
        "GET /api/v1/goals/{goal}/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ana}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(open.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("event: step_started") {
        let read = soon(stream.read(&mut buffer)).await.unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    let begun = Instant::now();
    server.stop.send(()).unwrap();
    read_to_end(&mut stream).await;
    soon(server.serving).await.unwrap();
    assert!(begun.elapsed() < SOON);
    assert!(TcpStream::connect(server.address).await.is_err());
}
