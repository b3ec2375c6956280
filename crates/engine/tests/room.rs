//! Bounds: room for effects, seats for goals, and the queue for seats.

use domain::goal::GoalStatus;
use engine::{AcceptError, EngineConfig, Error};
use serde_json::json;

use crate::place::{Place, on_every_engine};
use crate::world::World;

on_every_engine!(
    no_more_effects_of_a_tool_run_at_once_than_it_allows,
    room_left_by_a_goal_that_no_longer_wants_it_goes_to_the_next,
    the_same_goal_is_accepted_once,
);

mod embedded {
    use super::*;
    use crate::place::on_either_store;

    on_either_store!(
        goals_past_the_seats_wait_and_are_served,
        a_full_queue_refuses_and_leaves_nothing_behind,
    );
}

fn blocked() -> serde_json::Value {
    json!([{ "id": "a", "tool": "act", "input": { "do": "block" } }])
}

async fn no_more_effects_of_a_tool_run_at_once_than_it_allows(place: Place) {
    let world = World::new(place).await;
    for number in 0..20 {
        world.submit(&format!("g{number}"), blocked()).await;
    }
    world
        .until_engine(|world| world.tools.called().len() == 4)
        .await;
    world.tools.gate.add_permits(20);
    for number in 0..20 {
        world
            .until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
    assert_eq!(world.tools.under_way.lock().unwrap()["act"], (0, 4));
}

async fn room_left_by_a_goal_that_no_longer_wants_it_goes_to_the_next(place: Place) {
    let world = World::new(place).await;
    for number in 0..4 {
        world.submit(&format!("g{number}"), blocked()).await;
    }
    world
        .until_engine(|world| world.tools.called().len() == 4)
        .await;
    for number in 4..8 {
        world.submit(&format!("g{number}"), blocked()).await;
    }
    // Those next in line end before there is room for them.
    for number in 4..7 {
        world
            .wish(
                &format!("g{number}"),
                saga::input::Wish::CancelGoal { emergency: false },
            )
            .await;
        world
            .until_status(&format!("g{number}"), GoalStatus::Cancelled)
            .await;
    }
    world.tools.gate.add_permits(5);
    world.until_status("g7", GoalStatus::Completed).await;
}

async fn goals_past_the_seats_wait_and_are_served(place: Place) {
    let config = EngineConfig {
        active_max: 2,
        ..EngineConfig::default()
    };
    let world = World::with(place, config).await;
    for number in 0..6 {
        world.submit(&format!("g{number}"), blocked()).await;
    }
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    assert_eq!(world.engine.health().active, 2);
    assert_eq!(world.engine.health().queued, 4);
    world.tools.gate.add_permits(6);
    for number in 0..6 {
        world
            .until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
}

async fn a_full_queue_refuses_and_leaves_nothing_behind(place: Place) {
    let config = EngineConfig {
        active_max: 1,
        queue_max: 2,
        ..EngineConfig::default()
    };
    let world = World::with(place, config).await;
    for number in 0..3 {
        world.submit(&format!("g{number}"), blocked()).await;
    }
    let refused = world.try_submit("g3", blocked()).await;
    assert!(
        matches!(refused, Err(AcceptError::Engine(Error::Busy))),
        "{refused:?}"
    );
    let missing = world
        .store
        .load(&crate::world::tenant(), &crate::world::goal("g3"))
        .await
        .unwrap();
    assert!(missing.is_none());
}

async fn the_same_goal_is_accepted_once(place: Place) {
    let world = World::new(place).await;
    world.submit("g", blocked()).await;
    let again = world.try_submit("g", blocked()).await;
    assert!(
        matches!(
            again,
            Err(AcceptError::Store(store::AppendError::AlreadyStarted(_)))
        ),
        "{again:?}"
    );
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
    let after = world.try_submit("g", blocked()).await;
    assert!(
        matches!(
            after,
            Err(AcceptError::Store(store::AppendError::AlreadyStarted(_)))
        ),
        "{after:?}"
    );
    world
        .until_engine(|world| world.engine.health().active == 0)
        .await;
}
