//! The way between a worker and its database, or Temporal, is cut, slow, half open or silent: nothing is lost, repeated or
//! in doubt that need not be.

use domain::goal::GoalStatus;
use serde_json::json;

use crate::place::Place;
use crate::proxy::{How, Proxy};
use crate::world::World;

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
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
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
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    proxy.set(How::Cut);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
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
