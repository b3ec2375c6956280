//! The life of goals that nothing disturbs: done, failed and undone, asked, waiting, stuck.

use domain::approval::Decision;
use domain::goal::GoalStatus;
use saga::event::Settlement;
use saga::input::Wish;
use serde_json::json;

use crate::place::{Place, on_every_engine};
use crate::world::World;

on_every_engine!(
    a_goal_runs_its_steps_in_order_and_completes,
    a_failed_goal_is_undone_newest_first,
    a_wait_that_is_over_when_it_begins_ends_at_once,
    a_compensation_carries_the_key_of_what_it_undoes,
    a_tool_that_panics_leaves_a_doubt_and_the_engine_running,
    a_granted_approval_lets_the_effect_happen_once,
    a_refused_approval_undoes_what_was_done,
    a_timer_ends_a_wait_step,
    a_time_that_comes_while_something_is_under_way_is_kept,
    a_cancelled_goal_awaits_what_is_under_way_and_undoes_it,
    a_stuck_goal_ends_after_a_repair_and_a_retry,
);

mod embedded {
    use super::*;
    use crate::place::on_either_store;

    on_either_store!(
        a_goal_that_has_ended_waits_for_no_time,
        who_waits_is_told_the_goal_as_the_journal_has_it,
        a_goal_that_waits_is_not_in_memory,
    );
}

fn chain() -> serde_json::Value {
    json!([
        { "id": "one", "tool": "act", "compensation": { "tool": "act" } },
        { "id": "two", "tool": "act", "after": ["one"], "compensation": { "tool": "act" } },
        { "id": "three", "tool": "act", "after": ["two"] },
    ])
}

async fn a_goal_runs_its_steps_in_order_and_completes(place: Place) {
    let world = World::new(place).await;
    world.submit("g", chain()).await;
    let saga = world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["one", "two", "three"]);
    // Accepted, adopted, three starts, three ends, completed.
    assert_eq!(saga.sequence(), 9);
}

async fn a_failed_goal_is_undone_newest_first(place: Place) {
    let world = World::new(place).await;
    let mut steps = chain();
    steps[2]["input"] = json!({ "do": "fail" });
    world.submit("g", steps).await;
    let saga = world.until_status("g", GoalStatus::Failed).await;
    assert_eq!(
        world.tools.called(),
        ["one", "two", "three", "-two", "-one"]
    );
    assert_eq!(saga.compensation(), (2, 2));
}

async fn a_wait_that_is_over_when_it_begins_ends_at_once(place: Place) {
    let world = World::new(place).await;
    for (name, input) in [
        ("none", json!({ "seconds": 0 })),
        ("past", json!({ "until": "2020-01-01T00:00:00Z" })),
    ] {
        let wait = json!({ "id": "w", "tool": "wait", "input": input });
        let then = json!({ "id": "then", "tool": "act", "after": ["w"] });
        world.submit(name, json!([wait, then])).await;
        world.until_status(name, GoalStatus::Completed).await;
    }
}

async fn a_goal_that_has_ended_waits_for_no_time(place: Place) {
    let world = World::new(place).await;
    let wait = json!([{ "id": "a", "tool": "wait", "input": { "seconds": 3600 } }]);
    world.submit("g", wait).await;
    world
        .until_engine(|world| world.engine.health().timers == 1)
        .await;

    world.wish("g", Wish::CancelGoal { emergency: false }).await;

    world.until_status("g", GoalStatus::Cancelled).await;
    world
        .until_engine(|world| world.engine.health().timers == 0)
        .await;
}

async fn who_waits_is_told_the_goal_as_the_journal_has_it(place: Place) {
    let world = World::new(place).await;
    let mut failing = chain();
    failing[2]["input"] = json!({ "do": "fail" });
    let mut asking = chain();
    asking[1]["approval"] = json!(true);
    for (name, steps, status) in [
        ("done", chain(), GoalStatus::Completed),
        ("undone", failing, GoalStatus::Failed),
        ("asking", asking, GoalStatus::Waiting),
    ] {
        let accepted = world.accept(name, steps).await.unwrap();
        let told = accepted.at_rest.await.unwrap();
        assert_eq!(told.status(), status);
        assert_eq!(told, world.saga(name).await, "{name}");
    }
}

async fn a_compensation_carries_the_key_of_what_it_undoes(place: Place) {
    let world = World::new(place).await;
    let mut steps = chain();
    steps[2]["input"] = json!({ "do": "fail" });
    world.submit("g", steps).await;
    world.until_status("g", GoalStatus::Failed).await;
    let calls = world.tools.calls.lock().unwrap();
    assert_eq!(calls[4].undoes, Some(calls[0].key));
    assert_eq!(calls[3].undoes, Some(calls[1].key));
    let mut keys: Vec<_> = calls.iter().map(|call| call.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5, "every effect has a key of its own");
}

async fn a_tool_that_panics_leaves_a_doubt_and_the_engine_running(place: Place) {
    let world = World::new(place).await;
    world
        .submit(
            "g",
            json!([{ "id": "a", "tool": "once", "input": { "do": "panic" } }]),
        )
        .await;
    world.until_status("g", GoalStatus::Waiting).await;
    let at = saga::event::StepItem {
        step: domain::id::StepId::try_from("a".to_owned()).unwrap(),
        item: None,
    };
    let settle = Wish::Settle {
        at,
        result: Settlement::Happened,
        output: Some(json!({})),
        reason: None,
    };
    world.wish("g", settle).await;
    world.until_status("g", GoalStatus::Completed).await;
}

async fn a_granted_approval_lets_the_effect_happen_once(place: Place) {
    let world = World::new(place).await;
    world
        .submit("g", json!([{ "id": "a", "tool": "risky" }]))
        .await;
    world.until_status("g", GoalStatus::Waiting).await;
    assert!(world.tools.called().is_empty());
    let (approval, digest) = world.open_approval("g", "a").await;
    let decision = Decision::Grant;
    world
        .wish(
            "g",
            Wish::Decide {
                approval,
                digest,
                decision,
                reason: None,
            },
        )
        .await;
    world.until_status("g", GoalStatus::Completed).await;
    assert_eq!(world.tools.called(), ["a"]);
}

async fn a_refused_approval_undoes_what_was_done(place: Place) {
    let world = World::new(place).await;
    let steps = json!([
        { "id": "a", "tool": "act", "compensation": { "tool": "act" } },
        { "id": "b", "tool": "risky", "after": ["a"] },
    ]);
    world.submit("g", steps).await;
    world.until_status("g", GoalStatus::Waiting).await;
    let (approval, digest) = world.open_approval("g", "b").await;
    let decision = Decision::Refuse;
    world
        .wish(
            "g",
            Wish::Decide {
                approval,
                digest,
                decision,
                reason: None,
            },
        )
        .await;
    let saga = world.until_status("g", GoalStatus::Failed).await;
    assert_eq!(world.tools.called(), ["a", "-a"]);
    assert_eq!(saga.reason().unwrap().code, "approval.refused");
}

async fn a_goal_that_waits_is_not_in_memory(place: Place) {
    let world = World::new(place).await;
    world
        .submit("asks", json!([{ "id": "a", "tool": "risky" }]))
        .await;
    world
        .submit(
            "sleeps",
            json!([{ "id": "a", "tool": "wait", "input": { "seconds": 3600 } }]),
        )
        .await;
    world.until_status("asks", GoalStatus::Waiting).await;
    world
        .until_engine(|world| world.engine.health().active == 0)
        .await;
    // Both have a deadline; the sleeper's own time comes first.
    assert_eq!(world.engine.health().timers, 2);
}

async fn a_timer_ends_a_wait_step(place: Place) {
    let world = World::new(place).await;
    world
        .submit(
            "g",
            json!([{ "id": "a", "tool": "wait", "input": { "seconds": 0.4 } }]),
        )
        .await;
    world.until_status("g", GoalStatus::Completed).await;
}

async fn a_time_that_comes_while_something_is_under_way_is_kept(place: Place) {
    let world = World::new(place).await;
    let steps = json!([
        { "id": "a", "tool": "act", "input": { "do": "block" }, "timeout_seconds": 600 },
        { "id": "w", "tool": "wait", "input": { "seconds": 1 } },
        { "id": "b", "tool": "act", "after": ["w"] },
    ]);
    world.submit("g", steps).await;
    world
        .until_engine(|world| world.tools.called() == ["a", "b"])
        .await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Completed).await;
}

async fn a_cancelled_goal_awaits_what_is_under_way_and_undoes_it(place: Place) {
    let world = World::new(place).await;
    let steps = json!([
        { "id": "a", "tool": "act", "compensation": { "tool": "act" } },
        { "id": "b", "tool": "act", "after": ["a"], "input": { "do": "block" }, "compensation": { "tool": "act" } },
        { "id": "c", "tool": "act", "after": ["b"] },
    ]);
    world.submit("g", steps).await;
    world
        .until_engine(|world| world.tools.called().len() == 2)
        .await;
    world.wish("g", Wish::CancelGoal { emergency: false }).await;
    world.until_status("g", GoalStatus::Compensating).await;
    assert_eq!(world.tools.called(), ["a", "b"]);
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(world.tools.called(), ["a", "b", "-b", "-a"]);
}

async fn a_stuck_goal_ends_after_a_repair_and_a_retry(place: Place) {
    let world = World::new(place).await;
    let steps = json!([
        { "id": "a", "tool": "act", "compensation": { "tool": "act", "input": { "do": "fail" } } },
        { "id": "b", "tool": "act", "after": ["a"], "input": { "do": "fail" } },
    ]);
    world.submit("g", steps).await;
    world.until_status("g", GoalStatus::Stuck).await;
    world.wish("g", Wish::RetryGoal).await;
    let saga = world
        .until("g", |saga| {
            saga.status() == GoalStatus::Stuck && saga.sequence() > 12
        })
        .await;
    let keys: Vec<_> = world
        .tools
        .calls
        .lock()
        .unwrap()
        .iter()
        .map(|call| call.key)
        .collect();
    assert_ne!(
        keys[2], keys[3],
        "a retry after a proven failure has a new key"
    );
    let at = saga::event::StepItem {
        step: domain::id::StepId::try_from("a".to_owned()).unwrap(),
        item: None,
    };
    world
        .wish(
            "g",
            Wish::Settle {
                at,
                result: Settlement::Undone,
                output: None,
                reason: None,
            },
        )
        .await;
    world.until_status("g", GoalStatus::Failed).await;
    assert_eq!(saga.compensation(), (0, 1));
}
