//! What Temporal shows of goals: to whoever asks the workflow, and in its own lists, pages and histories.

use domain::goal::GoalStatus;
use serde_json::{Value, json};

use crate::cluster::chain;
use crate::place::Place;
use crate::workflow::get;
use crate::world::{World, goal, tenant};

#[tokio::test]
async fn the_workflow_says_where_the_goal_stands() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let steps = json!([{ "id": "a", "tool": "act" }, { "id": "ask", "tool": "risky", "after": ["a"], "approval": true }]);
    world.submit("g", steps).await;
    world.until_status("g", GoalStatus::Waiting).await;
    world.until_rests("g").await;
    let state: Value = serde_json::from_str(&world.workflow("g").await.state).unwrap();
    assert_eq!(state["last"]["status"], "waiting");
    assert_eq!(state["last"]["step"], "ask");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporals_own_lists_and_pages_say_where_the_goal_stands() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let config = world.place.cluster(&world.store).unwrap();
    let workflow = format!("{}/{}/{}", config.prefix(), tenant(), goal("g"));
    // A server that was just told of the attributes does not know them at once.
    let mut named = String::new();
    let mut goals = 0;
    while !named.contains(&workflow) {
        goals += 1;
        assert!(goals < 200, "{named}");
        let name = if goals == 1 {
            "g".to_owned()
        } else {
            format!("g-{goals}")
        };
        let steps = json!([{ "id": "ask", "tool": "risky", "approval": true }]);
        world.submit(&name, steps).await;
        world.until_status(&name, GoalStatus::Waiting).await;
        world.until_rests(&name).await;
        let query = "OmnihubTenant%20%3D%20%22acme%22%20AND%20OmnihubStatus%20%3D%20%22waiting%22";
        named = get(server, &format!("workflows?query={query}"));
    }
    let page = world.workflow("g").await.page;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["currentDetails"], "waiting, at step ask");
}

#[tokio::test]
async fn who_takes_a_goal_begins_with_it_at_once() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let mut history = String::new();
    let mut goals = 0;
    while !history.contains("\"eager_execution_accepted\":true") {
        goals += 1;
        assert!(goals < 50, "{history}");
        let name = format!("g{goals}");
        world.submit(&name, chain(1)).await;
        world.until_closed(&name).await;
        let cluster = world.cluster.as_ref().unwrap();
        let recorded = cluster.history(&tenant(), &goal(&name)).await.unwrap();
        history = String::from_utf8(recorded).unwrap();
    }
}
