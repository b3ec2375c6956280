//! Workers of a Temporal cluster: how they share goals, replace each other, and go on with those of an earlier release.

use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::{Value, json};

use crate::cluster::{LONG, blocked_then, chain};
use crate::place::Place;
use crate::workflow::ask;
use crate::world::World;

#[tokio::test]
async fn workers_share_goals_and_repeat_nothing_of_each_other() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let one = World::new(place).await;
    let two = World::new(one.place.beside()).await;
    for number in 0..4 {
        one.submit(&format!("g{number}"), blocked_then("act")).await;
    }
    let called = |worlds: [&World; 2]| -> Vec<String> {
        let mut called: Vec<_> = worlds
            .iter()
            .flat_map(|world| world.tools.called())
            .collect();
        called.sort();
        called
    };
    one.until_engine(|_| called([&one, &two]).len() == 4).await;
    // Until each was handed on, perhaps to the other.
    tokio::time::sleep(LONG).await;
    for world in [&one, &two] {
        world.tools.gate.add_permits(4);
    }
    for number in 0..4 {
        one.until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
    assert_eq!(
        called([&one, &two]),
        ["a", "a", "a", "a", "b", "b", "b", "b"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_worker_has_in_flight_another_waits_for() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let mut one = World::new(place).await;
    one.submit("g", blocked_then("act")).await;
    one.until_engine(|world| world.tools.called() == ["a"])
        .await;
    // It hands on what lasts, and takes no more.
    one.leave_driving_to_others().await;
    let two = World::new(one.place.beside()).await;
    one.until_workflow("g", |workflow| workflow.events >= 6)
        .await;
    one.tools.gate.add_permits(1);

    two.until_status("g", GoalStatus::Completed).await;
    assert_eq!(one.tools.called(), ["a"]);
    assert_eq!(two.tools.called(), ["b"]);
}

async fn people_reach(asks: &World, goes_on: &World) {
    goes_on.wish("g", Wish::PauseGoal).await;
    let paused = |saga: &saga::Saga| saga.status() == GoalStatus::Paused;
    asks.until("g", paused).await;
    asks.wish("g", Wish::CancelGoal { emergency: false }).await;
    goes_on.until("g", |saga| !paused(saga)).await;
}

fn undone() -> Value {
    let undo = json!({ "tool": "act" });
    json!([
        { "id": "a", "tool": "act", "input": { "do": "block" }, "compensation": undo, "timeout_seconds": 300 },
        { "id": "b", "tool": "act", "after": ["a"] },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_reach_a_goal_whose_tool_takes_long() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let mut beside = World::new(world.place.beside()).await;
    beside.leave_driving_to_others().await;
    world.submit("g", undone()).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    tokio::time::sleep(LONG).await;
    people_reach(&beside, &world).await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(world.tools.called(), ["a", "-a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_reach_a_goal_whose_tool_is_at_it_where_nobody_drives_any_more() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let mut world = World::new(place).await;
    world.submit("g", undone()).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    world.leave_driving_to_others().await;
    let beside = World::new(world.place.beside()).await;
    people_reach(&beside, &beside).await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(world.tools.called(), ["a"]);
    assert_eq!(beside.tools.called(), ["-a"]);
}

#[tokio::test]
async fn another_worker_goes_on_when_one_is_gone() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let process = tokio::runtime::Runtime::new().unwrap();
    let working = process.spawn(async {
        let world = World::new(place).await;
        let steps = json!([{ "id": "a", "tool": "act" }, { "id": "w", "tool": "wait", "after": ["a"], "input": { "seconds": 4 } },
            { "id": "b", "tool": "act", "after": ["w"] }]);
        world.submit("g", steps).await;
        world.until(  "g", |saga| saga.sequence() >= 5).await;
        world
    });
    let one = working.await.unwrap();
    // Nothing of it is heard of any more, and nobody has told anybody.
    process.shutdown_background();

    let two = World::new(one.place.beside()).await;
    two.until_status("g", GoalStatus::Completed).await;
    assert_eq!(two.tools.called(), ["b"]);
}

#[tokio::test]
async fn a_worker_is_replaced_after_many_stretches() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place.adjusted(|config| config.stretches_per_worker = 2)).await;
    let mut goals = 0;
    while world.workers() < 3 {
        goals += 1;
        let name = format!("g{goals}");
        world.submit(&name, chain(1)).await;
        world.until_status(&name, GoalStatus::Completed).await;
    }
    assert!(goals >= 4, "each has driven two");
}

#[tokio::test]
async fn a_worker_that_is_replaced_hands_on_what_lasts() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place.adjusted(|config| config.stretches_per_worker = 2)).await;
    world.submit("long", blocked_then("once")).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    tokio::time::sleep(LONG).await;
    let (workers, mut goals) = (world.workers(), 0);
    while world.workers() < workers + 2 {
        goals += 1;
        let name = format!("g{goals}");
        world.submit(&name, chain(1)).await;
        world.until_status(&name, GoalStatus::Completed).await;
    }
    world.tools.gate.add_permits(1);
    world.until_status("long", GoalStatus::Completed).await;
    assert_eq!(
        world.tools.called().len(),
        goals + 2,
        "nothing was repeated"
    );
}

/// Makes a version of a worker deployment the one that gets tasks; as soon as its worker is known.
async fn make_current(server: &servers::Temporal, deployment: &str, build: &str) {
    let path = format!("worker-deployments/{deployment}/set-current-version");
    let body = json!({ "buildId": build, "identity": "a test" });
    ask(server, &path, &body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_goals_go_on_under_a_new_version() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let Some(place) = Place::temporal() else {
        return;
    };
    let old = World::new(place.adjusted(|config| {
        config.deployment = Some(format!("omnihub-{}", config.task_queue));
        config.build = "1".into();
    }))
    .await;
    let deployment = old.place.cluster(&old.store).unwrap().deployment.unwrap();
    let steps = json!([{ "id": "a", "tool": "act" }, { "id": "ask", "tool": "act", "after": ["a"], "approval": true }]);
    old.submit("g", steps).await;
    make_current(server, &deployment, "1").await;
    old.until_status("g", GoalStatus::Waiting).await;

    let new = World::new(
        old.place
            .beside()
            .adjusted(|config| config.build = "2".into()),
    )
    .await;
    make_current(server, &deployment, "2").await;
    // Which version gets tasks is known everywhere a moment later.
    let mut canaries = 0;
    while new.tools.called().is_empty() {
        assert!(canaries < 200, "the new version gets nothing");
        canaries += 1;
        let canary = format!("canary{canaries}");
        new.submit(&canary, json!([{ "id": canary, "tool": "act" }]))
            .await;
        new.until_status(&canary, GoalStatus::Completed).await;
    }
    let (approval, digest) = new.open_approval("g", "ask").await;
    let grant = Wish::Decide {
        approval,
        digest,
        decision: domain::approval::Decision::Grant,
        reason: None,
    };
    new.wish("g", grant).await;

    new.until_status("g", GoalStatus::Completed).await;
    assert!(
        !old.tools.called().contains(&"ask".to_owned())
            && new.tools.called().contains(&"ask".to_owned())
    );
}
