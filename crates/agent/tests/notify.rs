//! Notices by webhook and by mail.

use std::fs;

use agent::Stage;
use agent::notify::{Notice, NotifyConfig};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;

use crate::receiver::Receiver;
use crate::world::World;

#[tokio::test]
async fn a_notice_goes_every_way_that_is_configured() {
    let receiver = Receiver::start(|_| "thanks".into_response()).await;
    let world = World::allowing(&[&receiver.host()]);
    let config = NotifyConfig {
        webhook: Some(receiver.url("/hook")),
        email: Some("ops@example.com".to_owned()),
    };
    let notifier = world.agent().notifier(&config).unwrap();

    notifier.deliver(&notice("n-1")).await.unwrap();
    notifier.deliver(&notice("n-1")).await.unwrap();

    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert_eq!(
            (
                seen.method.as_str(),
                seen.uri.as_str(),
                seen.header("idempotency-key")
            ),
            ("POST", "/hook", "n-1")
        );
        assert_eq!(seen.body, r#"{"workflowId":"goal-1"}"#);
    }
    let written = fs::read_to_string(world.outbox().join("n-1.eml")).unwrap();
    assert!(
        written.contains("Subject: Approval asked\r\n")
            && written.contains("\"workflowId\": \"goal-1\""),
        "{written}"
    );
}

#[tokio::test]
async fn one_way_that_fails_does_not_stop_the_other() {
    let receiver = Receiver::start(|seen| match seen.uri.as_str() {
        "/gone" => StatusCode::GONE.into_response(),
        "/moved" => (StatusCode::FOUND, [("location", "/")]).into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
    .await;
    let private = Receiver::start(|_| "".into_response()).await;
    let world = World::allowing(&[&receiver.host()]);
    for (url, stage, code) in [
        (receiver.url("/busy"), Stage::NotSent, "http.status"),
        (receiver.url("/gone"), Stage::Refused, "http.status"),
        (receiver.url("/moved"), Stage::Refused, "http.status"),
        (private.url("/"), Stage::Refused, "outbound.address"),
    ] {
        let config = NotifyConfig {
            webhook: Some(url.clone()),
            email: Some("ops@example.com".to_owned()),
        };
        let failure = world
            .agent()
            .notifier(&config)
            .unwrap()
            .deliver(&notice("n-2"))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.stage, failure.error.code.as_str()),
            (stage, code),
            "{url}"
        );
        fs::remove_file(world.outbox().join("n-2.eml")).unwrap();
    }
    fs::remove_dir_all(world.outbox()).unwrap();
    let config = NotifyConfig {
        webhook: Some(receiver.url("/gone")),
        email: Some("ops@example.com".to_owned()),
    };
    let notifier = world.agent().notifier(&config).unwrap();
    fs::remove_dir_all(world.outbox()).unwrap();
    let failure = notifier.deliver(&notice("n-3")).await.unwrap_err();
    let named = (failure.stage, failure.error.code.as_str());
    assert_eq!(
        named,
        (Stage::NotSent, "email.outbox"),
        "the one that may pass is named"
    );
    assert!(private.seen().is_empty());
}

#[tokio::test]
async fn wrong_settings_and_keys_are_refused() {
    let agent = World::new().agent();
    let open = |webhook: Option<&str>, email: Option<&str>| {
        let config = NotifyConfig {
            webhook: webhook.map(str::to_owned),
            email: email.map(str::to_owned),
        };
        agent
            .notifier(&config)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(open(Some("hooks.example.com"), None).starts_with("notify.webhook: "));
    assert!(open(Some("ftp://hooks.example.com"), None).starts_with("notify.webhook: "));
    assert!(open(None, Some("ops")).starts_with("notify.email: "));
    assert_eq!(open(None, None), "");

    let config = NotifyConfig {
        webhook: None,
        email: Some("ops@example.com".to_owned()),
    };
    let failure = agent
        .notifier(&config)
        .unwrap()
        .deliver(&notice("../n-3"))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.stage, failure.error.code.as_str()),
        (Stage::Refused, "notice.key")
    );
}

fn notice(key: &str) -> Notice {
    Notice {
        key: key.to_owned(),
        subject: "Approval asked".to_owned(),
        payload: json!({ "workflowId": "goal-1" }),
    }
}
