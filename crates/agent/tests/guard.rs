//! The outbound guard: where requests may go, and that they go there and nowhere else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::outbound::{Outbound, OutboundConfig, Request, Resolver, Response};
use agent::{Failure, Stage};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use crate::receiver::Receiver;

#[tokio::test]
async fn no_spelling_of_a_private_address_gets_through() {
    let outbound = outbound(&[], answers(&[]));
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://127.0.0.1:80/",
        "http://\u{ff11}27.0.0.1/",
        "http://127\u{3002}0\u{3002}0\u{3002}1/",
        "http://%31%32%37.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http:///127.0.0.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:1::1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://198.18.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://192.0.2.1/",
        "https://203.0.113.1/",
        "http://168.63.129.16/",
    ] {
        assert_eq!(code(&outbound, url).await, "outbound.address", "{url}");
    }
    for (url, expected) in [
        ("ftp://93.184.216.34/", "outbound.scheme"),
        ("file:///etc/passwd", "outbound.scheme"),
        ("unix:/run/docker.sock", "outbound.scheme"),
        ("javascript:alert(1)", "outbound.scheme"),
        ("http://user@93.184.216.34/", "outbound.credentials"),
        ("http://user:pass@93.184.216.34/", "outbound.credentials"),
        ("http://127.0.0.1@93.184.216.34/", "outbound.credentials"),
        ("http://93.184.216.34:0/", "outbound.url"),
    ] {
        assert_eq!(code(&outbound, url).await, expected, "{url}");
    }
}

#[tokio::test]
async fn a_name_is_refused_for_any_address_it_has() {
    for (name, addresses) in [
        ("private.test", vec!["10.0.0.1"]),
        ("mixed.test", vec!["93.184.216.34", "192.168.0.1"]),
        ("mixed6.test", vec!["2606:4700::1", "::1"]),
        ("mapped.test", vec!["::ffff:127.0.0.1"]),
        ("metadata.test", vec!["169.254.169.254"]),
    ] {
        let outbound = outbound(&["other.test"], answers(&addresses));
        for url in [
            format!("http://{name}/"),
            format!("https://{name}.:8443/"),
            format!("http://{}/", name.to_uppercase()),
        ] {
            assert_eq!(code(&outbound, &url).await, "outbound.address", "{url}");
        }
    }
    let nowhere = outbound(&[], answers(&[]));
    let failure = send(&nowhere, "http://nowhere.test/").await.unwrap_err();
    assert_eq!(
        (failure.stage, failure.error.code.as_str()),
        (Stage::NotSent, "http.resolve")
    );
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_request_goes_to_that_answer() {
    let receiver = Receiver::start(|_| "here".into_response()).await;
    let port = receiver.address.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // The first answer is the receiver; whoever asked again would be sent where nobody listens.
    let rebinding = Resolver::Given(Arc::new(move |_| {
        let last = if count.fetch_add(1, Ordering::Relaxed) == 0 {
            1
        } else {
            99
        };
        vec![IpAddr::from([127, 0, 0, last])]
    }));
    let outbound = outbound(&[&format!("rebind.test:{port}")], rebinding);
    let url = format!("http://rebind.test:{port}/");

    let response = send(&outbound, &url).await.unwrap();
    assert_eq!(
        (response.body.as_slice(), asked.load(Ordering::Relaxed)),
        (b"here".as_slice(), 1)
    );
    assert_eq!(
        receiver.seen()[0].header("host"),
        format!("rebind.test:{port}")
    );

    // The idle connection goes to an address that the new answer does not have, so it is not used.
    let failure = send(&outbound, &url).await.unwrap_err();
    assert_eq!(
        (failure.stage, asked.load(Ordering::Relaxed)),
        (Stage::NotSent, 2)
    );
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn the_next_address_is_tried_where_the_first_does_not_answer() {
    let receiver = Receiver::start(|_| "here".into_response()).await;
    let port = receiver.address.port();
    let outbound = outbound(&["*.test"], answers(&["127.0.0.99", "127.0.0.1"]));
    let response = send(&outbound, &format!("http://a.test:{port}/"))
        .await
        .unwrap();
    assert_eq!(response.body, b"here");
}

#[tokio::test]
async fn an_exception_names_host_and_port() {
    let receiver = Receiver::start(|_| "here".into_response()).await;
    let port = receiver.address.port();
    for (allow, url, expected) in [
        (
            format!("127.0.0.1:{port}"),
            format!("http://127.0.0.1:{port}/"),
            "",
        ),
        (
            format!("127.0.0.1:{port}"),
            format!("http://0177.1:{port}/"),
            "",
        ),
        (
            "127.0.0.1".to_owned(),
            format!("http://127.0.0.1:{port}/"),
            "",
        ),
        (
            format!("127.0.0.1:{}", port ^ 1),
            format!("http://127.0.0.1:{port}/"),
            "outbound.address",
        ),
        (
            "127.0.0.2".to_owned(),
            format!("http://127.0.0.1:{port}/"),
            "outbound.address",
        ),
        ("a.test".to_owned(), format!("http://a.test:{port}/"), ""),
        ("*.test".to_owned(), format!("http://a.b.test:{port}/"), ""),
        (
            "*.a.test".to_owned(),
            format!("http://a.test:{port}/"),
            "outbound.address",
        ),
        (
            "a.test".to_owned(),
            format!("http://b.a.test:{port}/"),
            "outbound.address",
        ),
    ] {
        let outbound = outbound(&[&allow], answers(&["127.0.0.1"]));
        assert_eq!(code(&outbound, &url).await, expected, "{allow} for {url}");
    }
}

#[tokio::test]
async fn many_requests_at_once_share_few_connections() {
    let peers = Arc::new(Mutex::new(BTreeSet::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let record = Arc::clone(&peers);
    let app = axum::Router::new().fallback(
        move |peer: axum::extract::ConnectInfo<std::net::SocketAddr>| {
            record.lock().unwrap().insert(peer.0);
            async { "ok" }
        },
    );
    let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let outbound = Arc::new(outbound(&[&address.to_string()], answers(&[])));

    for _ in 0..20 {
        let mut round = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (outbound, url) = (Arc::clone(&outbound), format!("http://{address}/"));
            round.spawn(async move { send(&outbound, &url).await.unwrap().body });
        }
        assert!(round.join_all().await.iter().all(|body| body == b"ok"));
    }
    assert!(
        peers.lock().unwrap().len() <= 8,
        "{} connections for 8 requests at once",
        peers.lock().unwrap().len()
    );
    serving.abort();
}

#[test]
fn wrong_settings_are_named() {
    let open = |config| {
        Outbound::open(
            &serde_json::from_value::<OutboundConfig>(config).unwrap(),
            Resolver::System,
        )
        .err()
    };
    let says = |config| open(config).unwrap().to_string();
    assert!(
        says(serde_json::json!({ "allow": ["http://a"] }))
            .starts_with("outbound.allow: \"http://a\"")
    );
    let receiver = |host: &str, hours: u32| serde_json::json!({ "receivers": [{ "host": host, "idempotency": "key", "window_hours": hours }] });
    assert!(says(receiver("*.a.test", 1)).starts_with("outbound.receivers: \"*.a.test\""));
    assert!(says(receiver("a.test", 0)).contains("window_hours must be 1 to 8760"));
    assert!(
        says(serde_json::json!({ "ca_file": "/nowhere.pem" }))
            .starts_with("outbound.ca_file: /nowhere.pem")
    );
    assert!(open(receiver("a.test:8443", 24)).is_none());
    assert!(serde_json::from_value::<OutboundConfig>(serde_json::json!({ "alow": [] })).is_err());
}

#[tokio::test]
async fn nothing_is_sent_after_its_time() {
    let receiver = Receiver::start(|_| "here".into_response()).await;
    let allow = receiver.address.to_string();
    let outbound = outbound(&[&allow], answers(&[]));
    let url = format!("http://{allow}/");
    assert_eq!(send(&outbound, &url).await.unwrap().body, b"here");

    // The connection is kept and could be written to at once.
    let late = send_by(&outbound, &url, Instant::now()).await.unwrap_err();

    assert_eq!(late.stage, Stage::NotSent);
    assert_eq!(receiver.seen().len(), 1);
}

fn outbound(allow: &[&str], resolver: Resolver) -> Outbound {
    let allow = allow.iter().map(|host| (*host).to_owned()).collect();
    Outbound::open(
        &OutboundConfig {
            allow,
            ..OutboundConfig::default()
        },
        resolver,
    )
    .unwrap()
}

/// A resolver that knows one answer to everything.
fn answers(addresses: &[&str]) -> Resolver {
    let addresses: Vec<IpAddr> = addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    Resolver::Given(Arc::new(move |_| addresses.clone()))
}

async fn send(outbound: &Outbound, url: &str) -> Result<Response, Failure> {
    send_by(outbound, url, Instant::now() + Duration::from_secs(10)).await
}

async fn send_by(outbound: &Outbound, url: &str, deadline: Instant) -> Result<Response, Failure> {
    let request = Request {
        method: Method::GET,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        body_max: 1_024,
    };
    outbound.send(request, deadline).await
}

/// The code of the refusal, empty where there was an answer.
async fn code(outbound: &Outbound, url: &str) -> String {
    match send(outbound, url).await {
        Ok(_) => String::new(),
        Err(failure) => {
            assert_eq!(failure.stage, Stage::Refused, "{url}: {failure:?}");
            failure.error.code
        }
    }
}
