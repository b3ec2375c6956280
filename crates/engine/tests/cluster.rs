//! Goals driven by Temporal: what they cost it, and what becomes of them there.

use std::time::{Duration, Instant};

use domain::goal::GoalStatus;
use engine::EngineConfig;
use saga::input::Wish;
use serde_json::{Value, json};

use crate::place::Place;
use crate::workflow::ask;
use crate::world::{World, goal, tenant};

/// How long a short stretch lasts at most.
const SHORT: Duration = Duration::from_secs(3);
/// Longer than a short stretch lasts.
pub(crate) const LONG: Duration = Duration::from_secs(4);

pub(crate) fn chain(steps: usize) -> Value {
    chain_of("act", steps)
}

/// A plan of steps one after the other.
pub(crate) fn chain_of(tool: &str, steps: usize) -> Value {
    let step = |number: usize| match number {
        0 => json!({ "id": "s0", "tool": tool }),
        _ => {
            json!({ "id": format!("s{number}"), "tool": tool, "after": [format!("s{}", number - 1)] })
        }
    };
    (0..steps).map(step).collect()
}

pub(crate) fn blocked_then(tool: &str) -> Value {
    json!([
        { "id": "a", "tool": tool, "input": { "do": "block" } },
        { "id": "b", "tool": "act", "after": ["a"] },
    ])
}

#[tokio::test]
async fn a_goal_costs_temporal_the_same_however_many_steps_it_has() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    for (name, steps) in [("short", 1), ("middling", 20), ("long", 100)] {
        let began = Instant::now();
        world.submit(name, chain(steps)).await;
        world.until_status(name, GoalStatus::Completed).await;
        // A busy machine may need more than one stretch for it.
        let events = if began.elapsed() < SHORT { 8 } else { 16 };
        let workflow = world.until_closed(name).await;
        assert!(
            workflow.events <= events && workflow.bytes <= 2_560,
            "{workflow:?}"
        );
    }
}

#[tokio::test]
async fn a_stretch_that_lasts_is_handed_on_with_what_it_has_in_flight() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    world.submit("g", blocked_then("once")).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    tokio::time::sleep(LONG).await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(
        world.tools.called(),
        ["a", "b"],
        "neither repeated nor doubted"
    );
    let workflow = world.until_closed("g").await;
    assert!(
        workflow.events <= 16 && workflow.bytes <= 4_096,
        "{workflow:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goals_that_wait_for_room_are_in_nobodys_way() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let config = EngineConfig {
        crowd_max: 1,
        ..crate::world::unswept()
    };
    let world = World::with(place, config).await;
    for number in 0..8 {
        let steps = json!([{ "id": "a", "tool": "act", "input": { "do": "block" } }]);
        world.submit(&format!("g{number}"), steps).await;
    }
    // Four have room, one waits for some, and the others have left.
    let active = |world: &World| world.engine.health().active;
    world
        .until_engine(|world| world.tools.called().len() == 4)
        .await;
    tokio::time::sleep(LONG).await;
    for _ in 0..20 {
        assert!(active(&world) <= 5, "{:?}", world.engine.health());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.tools.gate.add_permits(8);
    for number in 0..8 {
        world
            .until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
}

#[tokio::test]
async fn a_goal_goes_on_in_a_new_run_after_many_stretches() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place.adjusted(|config| config.stretches_per_run = 2)).await;
    let steps = json!([{ "id": "w", "tool": "wait", "input": { "seconds": 3600 } }]);
    world.submit("g", steps).await;
    for _ in 0..3 {
        world.wish("g", Wish::PauseGoal).await;
        world.until_status("g", GoalStatus::Paused).await;
        world.wish("g", Wish::ResumeGoal).await;
        world
            .until("g", |saga| saga.status() != GoalStatus::Paused)
            .await;
    }
    world.wish("g", Wish::CancelGoal { emergency: false }).await;
    world.until_status("g", GoalStatus::Cancelled).await;
    let workflow = world.until_closed("g").await;
    assert!(
        workflow.events < 30,
        "seven stretches in one run would be more: {workflow:?}"
    );
}

#[tokio::test]
async fn the_workflow_of_a_goal_that_is_not_there_ends() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    world.cluster.as_ref().unwrap().ready().await;
    let told = engine::Told {
        tenant: tenant(),
        goal: goal("nobody"),
        wakes: false,
        key: "a-test".to_owned(),
    };
    let port: &dyn engine::Port = world.cluster.as_ref().unwrap();
    port.tell(told).await.unwrap();
    world.until_closed("nobody").await;
}

#[tokio::test]
async fn two_installations_of_one_queue_and_one_name_do_not_take_each_others_goals() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let Some(other) = Place::temporal() else {
        return;
    };
    let one = World::new(place).await;
    let queue = one.place.cluster(&one.store).unwrap().task_queue;
    let two = World::new(other.adjusted(|config| config.task_queue = queue)).await;
    for world in [&one, &two] {
        world.submit("g", chain(2)).await;
    }
    for world in [&one, &two] {
        world.until_status("g", GoalStatus::Completed).await;
        assert_eq!(world.tools.called(), ["s0", "s1"]);
    }
}

#[tokio::test]
async fn what_temporal_keeps_is_encrypted_where_there_is_a_key() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let (old, new) = ([1; 32], [2; 32]);
    let world = World::new(place.adjusted(|config| config.keys = vec![new, old])).await;
    world.submit("g", chain(2)).await;
    world.until_status("g", GoalStatus::Completed).await;
    world.until_closed("g").await;
    let cluster = world.cluster.as_ref().unwrap();
    let history = cluster.history(&tenant(), &goal("g")).await.unwrap();
    temporal::replay(history.clone(), &[old, new])
        .await
        .unwrap();
    for keys in [&[][..], &[old]] {
        let refused = temporal::replay(history.clone(), keys).await;
        assert!(refused.is_err(), "it can be read without the key");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_whose_workflow_somebody_terminated_goes_on() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let Some(place) = Place::temporal() else {
        return;
    };
    let config = EngineConfig {
        sweep_every: Duration::from_secs(1),
        ..EngineConfig::default()
    };
    let world = World::with(place, config).await;
    let steps = json!([
        { "id": "w", "tool": "wait", "input": { "seconds": 20 } },
        { "id": "a", "tool": "act", "after": ["w"] },
    ]);
    world.submit("g", steps).await;
    world.until_rests("g").await;
    let config = world.place.cluster(&world.store).unwrap();
    let workflow = format!("{}/{}/{}", config.prefix(), tenant(), goal("g"));
    let terminate = json!({
        "reason": "a test",
        "executions": [{ "workflowId": workflow }],
        "terminationOperation": { "identity": "a test" },
    });
    let job = format!("batch-operations/{}", config.prefix());
    ask(server, &job, &terminate).await;
    world.until_closed("g").await;
    assert_eq!(world.tools.called(), [""; 0], "it was terminated in time");

    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["a"]);
}
