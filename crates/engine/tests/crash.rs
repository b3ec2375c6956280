//! The end of a driver at the worst moment, and a clean stop.

use std::time::Duration;

use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::json;

use crate::place::{Place, on_every_engine};
use crate::world::World;

on_every_engine!(
    an_idempotent_effect_that_was_cut_off_runs_again_under_its_key,
    an_effect_that_cannot_be_repeated_is_in_doubt_after_a_crash,
    a_wish_that_was_answered_survives_the_crash_that_follows,
    waiting_goals_are_found_again,
    a_drain_lets_what_is_under_way_end_and_starts_nothing_more,
);

fn blocked(tool: &str) -> serde_json::Value {
    json!([
        { "id": "a", "tool": "act", "compensation": { "tool": "act" } },
        { "id": "b", "tool": tool, "after": ["a"], "input": { "do": "block" } },
    ])
}

async fn an_idempotent_effect_that_was_cut_off_runs_again_under_its_key(place: Place) {
    let world = World::new(place).await;
    world.submit("g", blocked("act")).await;
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    let key = world.tools.calls.lock().unwrap()[1].key;
    let world = world.crash().await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
    let calls = world.tools.calls.lock().unwrap();
    assert_eq!(
        calls
            .iter()
            .map(|call| (call.step.to_string(), call.key))
            .collect::<Vec<_>>(),
        [("b".into(), key)]
    );
}

async fn an_effect_that_cannot_be_repeated_is_in_doubt_after_a_crash(place: Place) {
    let world = World::new(place).await;
    world.submit("g", blocked("once")).await;
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    let world = world.crash().await;
    let saga = world.until_status("g", GoalStatus::Waiting).await;
    assert_eq!(saga.doubts().count(), 1);
    assert!(world.tools.called().is_empty(), "it is never run again");
}

async fn a_wish_that_was_answered_survives_the_crash_that_follows(place: Place) {
    let world = World::new(place).await;
    world.submit("g", blocked("act")).await;
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    let person = saga::input::Person {
        by: crate::world::subject("operator"),
        wish: Wish::CancelGoal { emergency: false },
    };
    // Posted to the store alone, as if the process ended before its driver heard of it.
    let (tenant, goal) = (crate::world::tenant(), crate::world::goal("g"));
    world
        .store
        .post(&tenant, &goal, person, |_| {
            Ok::<_, std::convert::Infallible>(())
        })
        .await
        .unwrap();
    let world = world.crash().await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(
        world.tools.called(),
        ["b", "-a"],
        "what was cut off is found out, then undone"
    );
}

async fn waiting_goals_are_found_again(place: Place) {
    let world = World::new(place).await;
    world
        .submit(
            "g",
            json!([{ "id": "a", "tool": "wait", "input": { "seconds": 0.5 } }]),
        )
        .await;
    let world = world.crash().await;
    world.until_status("g", GoalStatus::Completed).await;
}

async fn a_drain_lets_what_is_under_way_end_and_starts_nothing_more(place: Place) {
    let world = World::new(place).await;
    world
        .submit(
            "g",
            json!([
                { "id": "a", "tool": "act", "input": { "do": "block" } },
                { "id": "b", "tool": "act", "after": ["a"] },
            ]),
        )
        .await;
    world
        .until_engine(|world| world.tools.called().len() == 1)
        .await;
    let engine = world.engine.clone();
    let drained = tokio::spawn(async move { engine.drain(Duration::from_secs(30)).await });
    world
        .until_engine(|world| world.engine.health().draining)
        .await;
    world.tools.gate.add_permits(1);
    assert!(drained.await.unwrap());
    assert_eq!(world.tools.called(), ["a"]);
    assert_eq!(world.status("g").await, GoalStatus::Running);
    assert_eq!(
        world.saga("g").await.pending().count(),
        0,
        "the end of the effect was recorded"
    );
    assert!(
        world
            .try_submit("late", json!([{ "id": "a", "tool": "act" }]))
            .await
            .is_err()
    );
}
