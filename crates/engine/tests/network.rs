//! The way between a worker and its database, or Temporal, is cut, slow, half open or silent: nothing is lost, repeated or
//! in doubt that need not be.

use std::time::Duration;

use domain::goal::{GoalStatus, StepStatus};
use serde_json::json;
use store::Store;

use crate::place::{Place, on_every_server};
use crate::proxy::{How, Proxy};
use crate::world::{PATIENCE, World, goal, tenant};

on_every_server!(
    a_start_whose_commit_nobody_heard_of_begins_all_the_same,
    effects_go_on_while_what_ended_cannot_be_written,
);

const TROUBLES: [How; 5] = [
    How::Cut,
    How::Delay,
    How::HalfToClient,
    How::HalfToServer,
    How::Silent,
];

fn blocked(number: usize) -> serde_json::Value {
    json!([
        { "id": format!("a{number}"), "tool": "once", "input": { "do": "block" } },
        { "id": format!("b{number}"), "tool": "act", "after": [format!("a{number}")] },
    ])
}

/// Each trouble with an effect in flight that must not be repeated, and a goal that is accepted meanwhile or after.
async fn survive(world: &World, proxy: &Proxy, accepts_meanwhile: bool) {
    let mut called = Vec::new();
    for (number, how) in TROUBLES.into_iter().enumerate() {
        let (name, then) = (format!("g{number}"), format!("then{number}"));
        world.submit(&name, blocked(number)).await;
        called.push(format!("a{number}"));
        world
            .until_engine(|world| world.tools.called() == called)
            .await;

        proxy.set(how);
        world.tools.gate.add_permits(1);
        if accepts_meanwhile {
            world
                .submit(&then, json!([{ "id": then, "tool": "act" }]))
                .await;
        }
        // Long enough for whatever waits to find out, not for it to give up.
        tokio::time::sleep(Duration::from_secs(3)).await;
        proxy.set(How::Pass);

        if !accepts_meanwhile {
            world
                .submit(&then, json!([{ "id": then, "tool": "act" }]))
                .await;
        }
        world.until_status(&name, GoalStatus::Completed).await;
        world.until_status(&then, GoalStatus::Completed).await;
        called.extend([format!("b{number}"), then]);
        let mut now = world.tools.called();
        now.sort();
        called.sort();
        assert_eq!(now, called, "{how:?}");
        called = world.tools.called();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_temporal() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let proxy = Proxy::before(server.port()).await;
    let Some(place) = Place::driven_by(&format!("127.0.0.1:{}", proxy.port)) else {
        return;
    };
    let world = World::new(place).await;
    survive(&world, &proxy, true).await;
    world
        .until_engine(|world| world.engine.trouble().is_none())
        .await;

    proxy.set(How::Cut);
    world
        .until_engine(|world| world.engine.trouble().is_some())
        .await;
    proxy.set(How::Pass);
    world
        .until_engine(|world| world.engine.trouble().is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_from_a_temporal_worker_to_postgres() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let Some(proxy) = place.proxy().await else {
        return;
    };
    let world = World::new(place.through(&proxy)).await;
    survive(&world, &proxy, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_is_in_flight_outlives_a_cut() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let Some(proxy) = place.proxy().await else {
        return;
    };
    let world = World::new(place.through(&proxy)).await;
    world.submit("g", blocked(0)).await;
    world
        .until_engine(|world| world.tools.called() == ["a0"])
        .await;
    // Long enough to be driven by a long stretch, which looks for wishes with every beat.
    tokio::time::sleep(Duration::from_secs(4)).await;
    proxy.set(How::Cut);
    tokio::time::sleep(Duration::from_secs(5)).await;
    proxy.set(How::Pass);
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["a0", "b0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_from_the_embedded_driver_to_postgres() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let Some(proxy) = place.proxy().await else {
        return;
    };
    let world = World::new(place.through(&proxy)).await;
    survive(&world, &proxy, false).await;
}

/// A world whose database is reached by a network that can be cut, and a look at that database past it.
async fn cut_off(place: Place) -> Option<(World, Proxy, Store)> {
    let proxy = place.proxy().await?;
    let store = place.location().open().await.unwrap();
    let world = World::new(place.beside().through(&proxy)).await;
    // Its directory has to outlive the store.
    std::mem::forget(place);
    Some((world, proxy, store))
}

async fn a_start_whose_commit_nobody_heard_of_begins_all_the_same(place: Place) {
    let Some((world, proxy, beyond)) = cut_off(place).await else {
        return;
    };
    let steps = json!([
        { "id": "a", "tool": "once", "input": { "do": "block" } },
        { "id": "b", "tool": "once", "after": ["a"] },
        { "id": "c", "tool": "once", "after": ["b"] },
    ]);
    world.submit("g", steps).await;
    world
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    proxy.set(How::CutAfterCommit);
    world.tools.gate.add_permits(1);
    let started = async {
        loop {
            let saga = beyond.load(&tenant(), &goal("g")).await.unwrap();
            let saga = saga.unwrap().saga;
            if saga.step_state("b").unwrap().status() == StepStatus::Running {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, started).await.unwrap();
    assert_eq!(world.tools.called(), ["a"], "nobody heard of the start");

    proxy.set(How::Pass);

    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(
        world.tools.called(),
        ["a", "b", "c"],
        "nothing was in doubt"
    );
}

async fn effects_go_on_while_what_ended_cannot_be_written(place: Place) {
    let Some((world, proxy, _)) = cut_off(place).await else {
        return;
    };
    let steps = json!([
        { "id": "a", "tool": "once", "input": { "do": "block" } },
        { "id": "b", "tool": "once", "input": { "do": "block" } },
    ]);
    world.submit("g", steps).await;
    let under_way = |world: &World| world.tools.under_way.lock().unwrap()["once"].0;
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    proxy.set(How::Cut);
    for left in [1, 0] {
        world.tools.gate.add_permits(1);
        world.until_engine(|world| under_way(world) == left).await;
    }

    proxy.set(How::Pass);

    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_outcome_settles_the_doubt_and_the_goal_goes_on() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let Some(place) = Place::temporal() else {
        return;
    };
    let Some(to_postgres) = place.proxy().await else {
        return;
    };
    let to_temporal = Proxy::before(server.port()).await;
    let other = World::new(place).await;
    let cut_off = other.place.beside().through(&to_postgres);
    let address = format!("127.0.0.1:{}", to_temporal.port);
    let cut_off = World::new(cut_off.adjusted(|config| config.address = address)).await;
    let mut other = other;
    other.leave_driving_to_others().await;
    let steps = json!([
        { "id": "a", "tool": "once", "input": { "do": "block" }, "timeout_seconds": 1 },
        { "id": "b", "tool": "act", "after": ["a"] },
    ]);
    other.submit("g", steps).await;
    cut_off
        .until_engine(|world| world.tools.called() == ["a"])
        .await;
    for proxy in [&to_temporal, &to_postgres] {
        proxy.set(How::Cut);
    }
    cut_off.tools.gate.add_permits(1);
    other.drive_again();
    // It cannot know that the effect has ended.
    let in_doubt =
        |saga: &saga::Saga| saga.step_state("a").unwrap().status() == StepStatus::InDoubt;
    other.until("g", in_doubt).await;
    other.until_rests("g").await;

    to_postgres.set(How::Pass);

    other.until_status("g", GoalStatus::Completed).await;
    assert_eq!(cut_off.tools.called(), ["a"]);
    assert_eq!(other.tools.called(), ["b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_being_answered_while_the_process_stops_is_answered() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let Some((world, proxy, _)) = cut_off(place).await else {
        return;
    };
    proxy.set(How::SilentFromCommit);
    let accepting = world.accept("g", json!([{ "id": "a", "tool": "act" }]));
    let stopping = async {
        // Until the commit is on its way; then it is as long as the network is silent.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let drained = world.engine.drain(PATIENCE);
        let passing = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            proxy.set(How::Pass);
        };
        tokio::join!(drained, passing).0
    };
    let (accepted, drained) = tokio::join!(accepting, stopping);
    assert!(accepted.is_ok(), "{:?}", accepted.map(drop));
    assert!(drained);
}
