//! The agent as a whole: what it offers, what it checks for every tool, and what it says of itself.

use std::fs;

use agent::Agent;
use domain::digest::Digest;
use domain::outcome::Answer;
use domain::tool::{EffectClass, Lane};
use rusqlite::Connection;
use serde_json::json;

use crate::world::{World, call, output, perform, summary};

#[test]
fn the_tools_declare_what_the_contract_says() {
    let agent = with_shop(&World::new());
    let row = |name: &str| {
        let spec = agent.toolset().get(name).unwrap();
        (spec.class, spec.lane, spec.undone_by.join(" "))
    };
    assert_eq!(
        row("call_webhook"),
        (
            EffectClass::AtMostOnce,
            Lane::Yellow,
            "call_webhook".to_owned()
        )
    );
    assert_eq!(
        row("fetch_url"),
        (EffectClass::Read, Lane::Green, String::new())
    );
    assert_eq!(
        row("send_email"),
        (EffectClass::AtMostOnce, Lane::Red, String::new())
    );
    assert_eq!(
        row("respond_to_user"),
        (EffectClass::Read, Lane::Green, String::new())
    );
    assert_eq!(row("wait"), (EffectClass::Read, Lane::Green, String::new()));
    assert!(agent.toolset().get("send_email").unwrap().irreversible());
    let names: Vec<_> = agent
        .toolset()
        .iter()
        .map(|spec| spec.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "call_webhook",
            "fetch_url",
            "respond_to_user",
            "search_database",
            "send_email",
            "wait"
        ]
    );
}

#[tokio::test]
async fn every_input_is_checked_and_no_tool_runs_that_is_not_one() {
    let agent = with_shop(&World::new());
    assert_eq!(
        output(perform(&agent, "respond_to_user", json!({ "message": "hi" })).await),
        json!({ "reply": "hi" })
    );
    for (tool, input, expected) in [
        (
            "respond_to_user",
            json!({ "message": 1 }),
            "permanent input.invalid",
        ),
        (
            "respond_to_user",
            json!({ "message": "hi", "to": "all" }),
            "permanent input.invalid",
        ),
        (
            "search_database",
            json!({ "table": "orders", "sql": "DROP TABLE orders" }),
            "permanent input.invalid",
        ),
        (
            "wait",
            json!({ "seconds": 1, "until": "2030-01-01T00:00:00Z" }),
            "permanent input.invalid",
        ),
        ("wait", json!({ "seconds": 1 }), "permanent tool.internal"),
    ] {
        assert_eq!(
            summary(&perform(&agent, tool, input).await),
            expected,
            "{tool}"
        );
    }
    let mut unknown = call(&agent, "wait", json!({ "seconds": 1 }));
    "launch_rocket".clone_into(&mut unknown.tool);
    assert_eq!(
        summary(&agent.perform(&unknown).await),
        "permanent tool.unknown"
    );
}

#[test]
fn what_no_attempt_could_do_is_seen_in_the_input() {
    let agent = World::new().agent();
    let refused = |tool: &str, input: serde_json::Value| {
        let problems = agent.schemas().input_errors(tool, &input);
        let pointers = problems.iter().map(|problem| problem.pointer.to_string());
        pointers.collect::<Vec<_>>().join(" ")
    };
    let mail = |to: &str| {
        refused(
            "send_email",
            json!({ "to": to, "subject": "s", "body": "b" }),
        )
    };
    assert_eq!(mail("nope"), "/to");
    assert_eq!(mail("Ana <ana@example.com>"), "");
    for tool in ["call_webhook", "fetch_url"] {
        for url in ["nope", "ftp://example.com/", ""] {
            assert_eq!(refused(tool, json!({ "url": url })), "/url", "{tool} {url}");
        }
        assert_eq!(refused(tool, json!({ "url": "HTTPS://example.com" })), "");
    }
    let header = |name: &str| {
        refused(
            "call_webhook",
            json!({ "url": "http://a.test/", "headers": { name: "x" } }),
        )
    };
    for name in ["Idempotency-Key", "host", "TE", "Transfer-Encoding"] {
        assert!(header(name).starts_with("/headers"), "{name}");
    }
    assert_eq!(header("X-Host"), "");
}

#[tokio::test]
async fn a_read_that_is_longer_than_an_output_may_be_fails() {
    let mut world = World::new();
    world.config.output_bytes_max = 1_024;
    let outcome = perform(
        &world.agent(),
        "respond_to_user",
        json!({ "message": "x".repeat(1_024) }),
    )
    .await;
    assert_eq!(summary(&outcome), "permanent output.too_large");
}

#[test]
fn no_tool_can_be_asked_what_it_did() {
    let agent = World::new().agent();
    let mut asked = call(&agent, "call_webhook", json!({ "url": "http://a.test/" }));
    asked.key = Digest::from_bytes([7; 32]);
    assert!(
        matches!(agent.ask(&asked), Answer::Unknown { error } if error.code == "tool.not_asked")
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_named() {
    let world = World::new();
    let agent = with_shop(&world);
    assert_eq!(agent.probe().await, [("shop".to_owned(), Ok(()))].into());

    fs::write(
        world.folder.path().join("shop.db"),
        "no database any more".repeat(1_000),
    )
    .unwrap();
    assert!(agent.probe().await["shop"].is_err());
}

#[test]
fn an_agent_that_cannot_work_as_configured_does_not_open() {
    let mut world = World::new();
    let shop = json!({ "url": "sqlite:/nowhere/shop.db", "tables": { "orders": { "key": "id", "columns": ["id"] } } });
    world
        .config
        .databases
        .insert("shop".to_owned(), serde_json::from_value(shop).unwrap());
    let error = Agent::open(world.config).err().unwrap().to_string();
    assert!(error.starts_with("databases.shop.url"), "{error}");
}

/// The world's agent with a database, `shop`, that may be read.
fn with_shop(world: &World) -> Agent {
    let path = world.folder.path().join("shop.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT)")
        .unwrap();
    let shop = json!({ "url": format!("sqlite:{}", path.display()), "tables": { "orders": { "key": "id", "columns": ["id", "status"] } } });
    let mut config = world.config.clone();
    config
        .databases
        .insert("shop".to_owned(), serde_json::from_value(shop).unwrap());
    let agent = Agent::open(config).unwrap();
    agent.prepare().unwrap();
    agent
}
