//! Temporal is away: not there yet, or killed under way.

use domain::emergency::{Mode, Scope};
use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::json;

use crate::cluster::{blocked_then, chain};
use crate::place::Place;
use crate::world::World;

#[tokio::test]
async fn goals_are_accepted_without_temporal_and_driven_once_it_is_there() {
    let Some(server) = servers::or_skip(servers::Temporal::start()) else {
        return;
    };
    server.kill().unwrap();
    let Some(place) = Place::driven_by(&server.address()) else {
        return;
    };
    let world = World::new(place).await;
    world.submit("g", chain(2)).await;
    world
        .until_engine(|world| {
            world
                .engine
                .trouble()
                .is_some_and(|why| why.contains("nobody listens there"))
        })
        .await;
    assert!(world.tools.called().is_empty());

    server.start_again().unwrap();

    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.engine.trouble(), None);
}

#[tokio::test]
async fn nothing_is_lost_or_repeated_when_temporal_is_killed_under_way() {
    let Some(server) = servers::or_skip(servers::Temporal::start()) else {
        return;
    };
    let Some(place) = Place::driven_by(&server.address()) else {
        return;
    };
    let world = World::new(place).await;
    world.submit("running", blocked_then("once")).await;
    let asks = json!([{ "id": "ask", "tool": "risky", "approval": true }]);
    world.submit("waiting", asks).await;
    world.until_status("waiting", GoalStatus::Waiting).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;

    server.kill().unwrap();
    // What is in flight ends, and a wish is taken, while nobody is there to be told.
    world.tools.gate.add_permits(1);
    world.submit("new", chain(1)).await;
    world
        .wish("waiting", Wish::CancelGoal { emergency: false })
        .await;
    world
        .until_engine(|world| world.engine.trouble().is_some())
        .await;
    server.start_again().unwrap();

    world.until_status("running", GoalStatus::Completed).await;
    world.until_status("waiting", GoalStatus::Cancelled).await;
    world.until_status("new", GoalStatus::Completed).await;
    let mut called = world.tools.called();
    called.sort();
    assert_eq!(called, ["a", "b", "s0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goals_that_are_let_go_while_temporal_is_away_are_driven_once_it_is_there() {
    let Some(server) = servers::or_skip(servers::Temporal::start()) else {
        return;
    };
    let Some(place) = Place::driven_by(&server.address()) else {
        return;
    };
    let mut world = World::new(place).await;
    world.control(Scope::All, None, Mode::Hold).await;
    world.submit("g", chain(2)).await;
    world.until_rests("g").await;
    server.kill().unwrap();
    // Whoever leads from now on owes a look at all goals as well.
    world = world.crash().await;
    world.until_engine(|world| world.engine.leads()).await;
    world
        .until_engine(|world| world.engine.trouble().is_some())
        .await;
    world.control(Scope::All, None, Mode::Off).await;
    server.start_again().unwrap();
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["s0", "s1"]);
}
