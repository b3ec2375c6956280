//! Goals driven by Temporal: what they cost it, and how workers, releases and installations share them.

use std::time::{Duration, Instant};

use domain::goal::GoalStatus;
use engine::EngineConfig;
use saga::input::Wish;
use serde_json::{Value, json};

use crate::place::Place;
use crate::world::{World, goal, tenant};

/// How long a short stretch lasts at most.
const SHORT: Duration = Duration::from_secs(3);
/// Longer than a short stretch lasts.
const LONG: Duration = Duration::from_secs(4);

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_reach_a_goal_whose_tool_takes_long() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let world = World::new(place).await;
    let beside = World::new(world.place.beside()).await;
    let steps = json!([
        { "id": "a", "tool": "act", "input": { "do": "block" }, "compensation": { "tool": "act" } },
        { "id": "b", "tool": "act", "after": ["a"] },
    ]);
    world.submit("g", steps).await;
    let running = |world: &World| world.tools.called() == ["a"];
    world
        .until_engine(|world| running(world) || running(&beside))
        .await;
    tokio::time::sleep(LONG).await;
    // Each by another process, while the tool is at it.
    world.wish("g", Wish::PauseGoal).await;
    let paused = |saga: &saga::Saga| saga.status() == GoalStatus::Paused;
    beside.until("g", paused).await;
    beside
        .wish("g", Wish::CancelGoal { emergency: false })
        .await;
    world.until("g", |saga| !paused(saga)).await;
    let called = [world.tools.called(), beside.tools.called()].concat();
    assert_eq!(called, ["a"]);
    for world in [&world, &beside] {
        world.tools.gate.add_permits(1);
    }
    world.until_status("g", GoalStatus::Cancelled).await;
    let called = [world.tools.called(), beside.tools.called()].concat();
    assert_eq!(called, ["a", "-a"]);
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
    tokio::time::sleep(SHORT).await;
    world.until_engine(|world| active(world) == 5).await;
    world.tools.gate.add_permits(8);
    for number in 0..8 {
        world
            .until_status(&format!("g{number}"), GoalStatus::Completed)
            .await;
    }
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

/// Makes a version of a worker deployment the one that gets tasks; as soon as its worker is known.
async fn make_current(server: &servers::Temporal, deployment: &str, build: &str) {
    let path = format!("worker-deployments/{deployment}/set-current-version");
    let body = json!({ "buildId": build, "identity": "a test" });
    ask(server, &path, &body).await;
}

/// Asks Temporal for something of the namespace, as its own tools do; until it is done.
async fn ask(server: &servers::Temporal, path: &str, body: &Value) {
    use std::io::{Read as _, Write as _};
    let body = body.to_string();
    let request = format!(
        "POST /api/v1/namespaces/default/{path} HTTP/1.0\r\n\
         Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    for _ in 0..300 {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.http_port())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        answer.clear();
        stream.read_to_string(&mut answer).unwrap();
        if answer.starts_with("HTTP/1.0 200") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path}: {answer}");
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
