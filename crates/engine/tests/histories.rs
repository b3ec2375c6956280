//! Histories that releases recorded: each later release must be able to follow them, or goals that were open under the
//! one could not go on under the other. `OMNIHUB_UPDATE=1` records those that are missing.

use std::path::PathBuf;
use std::time::Duration;

use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::json;

use crate::place::Place;
use crate::world::{World, goal, tenant};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[tokio::test]
async fn histories_of_all_releases_can_be_followed() {
    record_missing().await;
    let mut followed = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let history = std::fs::read(&path).unwrap();
        let replayed = temporal::replay(history, &[]).await;
        assert_eq!(replayed, Ok(()), "{}", path.display());
        followed += 1;
    }
    assert!(followed >= 5, "{followed} histories are there");
}

#[tokio::test]
async fn a_history_of_something_else_cannot_be_followed() {
    let woken = std::fs::read_to_string(folder().join("woken-v1.json")).unwrap();
    let ended = woken
        .replace("\"wake\"", "\"sleep\"")
        .replace("AgentSagaWorkflow", "OtherWorkflow");
    assert!(temporal::replay(ended.into_bytes(), &[]).await.is_err());
}

/// Records what a release is to be judged by.
async fn record_missing() {
    if std::env::var_os("OMNIHUB_UPDATE").is_none() {
        return;
    }
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let act = json!({ "id": "a", "tool": "act" });
    let asks = json!({ "id": "ask", "tool": "risky", "approval": true, "after": ["a"] });
    let waits = json!({ "id": "w", "tool": "wait", "after": ["a"], "input": { "seconds": 4 } });
    let blocks = json!({ "id": "b", "tool": "act", "after": ["a"], "input": { "do": "block" } });
    for (name, steps) in [
        ("short", json!([act])),
        ("woken", json!([act, asks])),
        ("timer", json!([act, waits])),
        ("long", json!([act, blocks])),
        ("open", json!([act, asks])),
    ] {
        let path = folder().join(format!("{name}-v1.json"));
        if path.exists() {
            continue;
        }
        world.submit(name, steps).await;
        if name == "woken" {
            world.until_status(name, GoalStatus::Waiting).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            world
                .wish(name, Wish::CancelGoal { emergency: false })
                .await;
        }
        if name == "long" {
            tokio::time::sleep(Duration::from_secs(5)).await;
            world.tools.gate.add_permits(1);
        }
        if name == "open" {
            tokio::time::sleep(Duration::from_secs(1)).await;
        } else {
            world.until_closed(name).await;
        }
        let cluster = world.cluster.as_ref().unwrap();
        let history = cluster.history(&tenant(), &goal(name)).await.unwrap();
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(path, history).unwrap();
    }
}
