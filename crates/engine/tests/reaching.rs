//! Reaching Temporal: what is said where it cannot be used, and what is refused before anything is tried.

use std::time::Duration;

use temporal::{Config, Temporal};

use crate::world::PATIENCE;

/// Waits until Temporal can be used, or until why it cannot is said in certain words.
pub(crate) async fn until_said(config: Config, says: Option<&str>) {
    let temporal = Temporal::connect(config).unwrap();
    let is_said = |answer: &Result<(), String>| match (answer, says) {
        (Ok(()), None) => true,
        (Err(why), Some(says)) => why.contains(says),
        _ => false,
    };
    let said = async {
        while !is_said(&temporal.connected()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, said).await.is_err() {
        panic!("{:?} is not {says:?}", temporal.connected());
    }
}

#[tokio::test]
async fn what_keeps_temporal_from_being_used_is_said() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    type Change = fn(&mut Config);
    let cases: [(String, Change, &str); 4] = [
        (
            server.address(),
            |config| config.namespace = "nowhere".into(),
            "there is no namespace \"nowhere\"",
        ),
        (nobody.to_string(), |_| {}, "nobody listens there"),
        (
            server.address(),
            |config| config.tls = Some(Default::default()),
            "it speaks plain text",
        ),
        (
            "no-such-host.invalid:7233".into(),
            |_| {},
            "cannot be connected to",
        ),
    ];
    for (address, change, says) in cases {
        let mut config = Config::plain(address, "installation");
        change(&mut config);
        until_said(config, Some(says)).await;
    }
}

#[tokio::test]
async fn what_can_never_work_is_refused_at_once() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 5] = [
        (
            |config| {
                (config.address, config.api_key) = ("http://a:7233".into(), Some("key".into()))
            },
            "write https://",
        ),
        (
            |config| config.address = "ftp://a:21".into(),
            "neither https:// nor http://",
        ),
        (|config| config.address = "a b".into(), "is no address"),
        (|config| config.address = "unix://".into(), "neither"),
        (
            |config| {
                config.tls = Some(temporal::Tls {
                    ca: Some(b"nothing".to_vec()),
                    ..Default::default()
                });
            },
            "holds no PEM of a certificate",
        ),
    ];
    for (change, says) in cases {
        let mut config = Config::plain("127.0.0.1:7233", "installation");
        change(&mut config);
        let refused = Temporal::connect(config).map(drop).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused:?} does not say {says:?}");
    }
}
