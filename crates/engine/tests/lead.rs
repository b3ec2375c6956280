//! Several processes on one database: one drives, whoever accepts, and another takes over.

use std::time::Duration;

use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::json;

use crate::place::Place;
use crate::world::World;

/// A leader, and a process beside it that does not drive.
async fn two() -> Option<(World, World)> {
    let place = Place::postgres()?;
    let leader = World::new(place).await;
    let other = World::new(leader.place.beside()).await;
    assert!(leader.engine.leads() && !other.engine.leads());
    Some((leader, other))
}

#[tokio::test]
async fn what_another_process_takes_is_driven_by_the_leader() {
    let Some((leader, other)) = two().await else {
        return;
    };
    let steps = json!([{ "id": "a", "tool": "act" }, { "id": "b", "tool": "act", "after": ["a"] }]);
    other.submit("accepted", steps).await;
    other.until_status("accepted", GoalStatus::Completed).await;
    assert_eq!(leader.tools.called(), ["a", "b"]);

    let waits = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 3600 } }]);
    other.submit("wished", waits).await;
    other
        .wish("wished", Wish::CancelGoal { emergency: false })
        .await;
    other.until_status("wished", GoalStatus::Cancelled).await;
    assert_eq!(other.tools.called(), [""; 0]);
}

#[tokio::test]
async fn another_process_takes_over_when_the_leader_steps_down() {
    let Some((leader, other)) = two().await else {
        return;
    };
    let steps = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 0.2 } },
        { "id": "a", "tool": "act", "after": ["w"] }]);
    leader.submit("g", steps).await;

    leader.engine.drain(Duration::ZERO).await;

    other.until_status("g", GoalStatus::Completed).await;
    assert_eq!(other.tools.called(), ["a"]);
}

#[tokio::test]
async fn another_process_takes_over_when_the_leader_is_gone() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let process = tokio::runtime::Runtime::new().unwrap();
    let leading = process.spawn(async {
        let leader = World::new(place).await;
        let steps = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 1 } },
            { "id": "a", "tool": "act", "after": ["w"] }]);
        leader.submit("g", steps).await;
        leader
    });
    let leader = leading.await.unwrap();
    let other = World::new(leader.place.beside()).await;
    assert!(leader.engine.leads() && !other.engine.leads());
    // Nothing of it is heard of any more, and nobody has told the database.
    process.shutdown_background();

    other.until_status("g", GoalStatus::Completed).await;
    assert_eq!(other.tools.called(), ["a"]);
}

#[tokio::test]
async fn what_a_deposed_leader_has_in_flight_is_neither_repeated_nor_lost() {
    let Some((leader, other)) = two().await else {
        return;
    };
    // It may be repeated after a crash; but its leader is alive.
    let steps = json!([{ "id": "a", "tool": "act", "input": { "do": "block" } },
        { "id": "b", "tool": "act", "after": ["a"] }]);
    leader.submit("g", steps).await;
    leader
        .until_engine(|world| world.tools.called() == ["a"])
        .await;

    // The lead is the other's from now on, as if it had taken it: both would try for one that is free.
    leader.place.sql(&format!(
        "UPDATE omnihub.leader SET holder = '{}', epoch = epoch + 1, until = now() + interval '6 s'",
        other.place.holder()
    ));
    other.until_engine(|world| world.engine.leads()).await;
    leader.until_engine(|world| !world.engine.leads()).await;
    // The other has looked at the goal, and left it to whoever may still be at it.
    other
        .until_engine(|world| world.engine.health().timers == 1)
        .await;
    leader.tools.gate.add_permits(1);

    other.until_status("g", GoalStatus::Completed).await;
    assert_eq!(
        (leader.tools.called(), other.tools.called()),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
}
