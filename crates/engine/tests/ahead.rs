//! Steps that change nothing and wait for nothing: they end in the commit of the turn that starts them.

use domain::goal::GoalStatus;
use serde_json::{Value, json};

use crate::cluster::chain_of;
use crate::place::{Place, on_every_engine};
use crate::world::{World, goal, tenant};

on_every_engine!(
    steps_that_change_nothing_cost_no_commit_each,
    what_changes_the_world_waits_for_its_start_to_be_durable,
    what_failed_at_once_is_tried_again_as_anything_else,
    room_is_given_back_by_what_ended_at_once,
    what_is_ahead_of_a_commit_is_bounded,
);

async fn kinds(world: &World, name: &str) -> Vec<String> {
    let events = world.store.events(&tenant(), &goal(name), 0, 1_000).await;
    let events = events.unwrap().unwrap().events;
    events
        .iter()
        .map(|(_, event)| event.kind.name().to_owned())
        .collect()
}

async fn steps_that_change_nothing_cost_no_commit_each(place: Place) {
    let world = World::new(place).await;
    let before = world.store.figures().requests;

    world.submit("g", chain_of("say", 20)).await;
    world.until_status("g", GoalStatus::Completed).await;

    // One where the process that accepts also drives, and one more where a worker does.
    let requests = world.store.figures().requests - before;
    assert!(requests <= 2, "{requests}");
    let mut expected = vec!["goal_accepted", "plan_adopted"];
    expected.extend(["step_started", "step_succeeded"].repeat(20));
    expected.push("goal_completed");
    assert_eq!(kinds(&world, "g").await, expected);
    let steps: Vec<_> = (0..20).map(|number| format!("s{number}")).collect();
    assert_eq!(world.tools.called(), steps);
}

async fn what_changes_the_world_waits_for_its_start_to_be_durable(place: Place) {
    let world = World::new(place).await;
    let steps = json!([
        { "id": "a", "tool": "say" },
        { "id": "b", "tool": "act", "after": ["a"], "input": { "do": "block" } },
        { "id": "c", "tool": "say", "after": ["b"] },
    ]);
    world.submit("g", steps).await;
    world
        .until_engine(|world| world.tools.called() == ["a", "b"])
        .await;
    let kinds = kinds(&world, "g").await;
    assert_eq!(
        kinds[2..],
        ["step_started", "step_succeeded", "step_started"]
    );
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["a", "b", "c"]);
}

async fn what_failed_at_once_is_tried_again_as_anything_else(place: Place) {
    let world = World::new(place).await;
    world
        .submit(
            "g",
            json!([{ "id": "a", "tool": "say", "input": { "do": "fail once" } }]),
        )
        .await;
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["a", "a"]);
    let attempts = |kind: &str| kind == "step_started";
    let kinds = kinds(&world, "g").await;
    assert_eq!(kinds.iter().filter(|kind| attempts(kind)).count(), 2);
}

async fn room_is_given_back_by_what_ended_at_once(place: Place) {
    let world = World::new(place).await;
    // More than there is room for at once, in each of more goals than there is room for.
    let steps: Value = (0..9)
        .map(|number| json!({ "id": format!("s{number}"), "tool": "say" }))
        .collect();
    for number in 0..6 {
        world.submit(&format!("g{number}"), steps.clone()).await;
    }
    for number in 0..6 {
        world
            .until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
    assert_eq!(world.tools.called().len(), 54);
    world
        .until_engine(|world| world.engine.health().effects == 0)
        .await;
}

async fn what_is_ahead_of_a_commit_is_bounded(place: Place) {
    let world = World::new(place).await;
    let before = world.store.figures().requests;
    world.submit("g", chain_of("say", 200)).await;
    world.until_status("g", GoalStatus::Completed).await;
    let requests = world.store.figures().requests - before;
    assert!((4..20).contains(&requests), "{requests}");
    assert_eq!(world.tools.called().len(), 200, "none twice");
}
