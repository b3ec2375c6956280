//! What the service says about its own health, and what it counts.

use serde_json::{Value, json};

use crate::harness::{House, Plot};

#[tokio::test]
async fn without_the_reserve_of_space_new_goals_are_refused_and_readiness_says_so() {
    if crate::harness::on_postgres() {
        return;
    }
    let plot = Plot {
        reserve_mb: u64::MAX,
        ..Plot::default()
    };
    let house = House::of(plot).await;

    let ready = house.get(&house.ana(), "/health/ready").await;
    let say = json!({ "id": "a", "tool": "respond_to_user", "input": { "message": "hello" } });
    let wait = json!({ "id": "a", "tool": "wait", "input": { "seconds": 60 } });
    for first in [say, wait] {
        let plan = json!({ "steps": [first] });
        let goal = json!({ "user_intent": "say hello", "trace_id": "t-1", "plan": plan });
        let refused = house.post(&house.ana(), "/api/v1/goals", goal).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert_eq!(refused.json()["code"], "store.no_space");
    }

    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({ "status": "error", "component": "disk" })
    );
    let goals = house.get(&house.ana(), "/api/v1/goals").await;
    assert_eq!(goals.json()["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn commits_are_counted() {
    let house = House::open().await;
    let ana = house.ana();
    let count = async || -> u64 {
        let figures = house.get(&ana, "/metrics").await.text;
        let line = figures
            .lines()
            .find_map(|line| line.strip_prefix("omnihub_commit_duration_seconds_count "));
        line.unwrap().parse().unwrap()
    };
    let before = count().await;
    let steps = json!([{ "id": "a", "tool": "respond_to_user", "input": { "message": "hello" } }]);

    let goal = house.submit(&ana, "t-1", steps).await;
    house.settled(&ana, &goal).await;

    // Its acceptance and its end, at the least.
    assert!(count().await >= before + 2);
}
