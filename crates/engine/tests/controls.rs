//! Emergency controls: hold and cancel.

use domain::emergency::{Mode, Scope};
use domain::goal::GoalStatus;
use saga::input::Wish;
use serde_json::json;
use store::{Chain, SetControl};

use crate::place::{Place, on_every_engine};
use crate::world::{World, goal, subject, tenant};

on_every_engine!(
    a_held_tenant_starts_nothing_until_it_is_let_go,
    a_held_goal_does_not_undo_before_it_is_let_go,
    a_held_tool_leaves_the_others_alone,
    an_emergency_cancel_undoes_open_goals_and_refuses_new_ones,
    a_cancelled_tool_cancels_the_goals_that_have_yet_to_use_it,
    a_paused_goal_starts_nothing_and_goes_on_when_resumed,
);

impl World {
    pub(crate) async fn control(&self, scope: Scope, target: Option<&str>, mode: Mode) {
        let change = SetControl {
            tenant: Some(tenant()),
            scope,
            target: target.map(str::to_owned),
            mode,
            reason: "a test".into(),
            by: subject("admin"),
            chain: Chain::Tenant(tenant()),
            evidence: Vec::new(),
        };
        self.store.set_control(change).await.unwrap();
        self.engine.control_changed().await.unwrap();
    }
}

fn two_steps() -> serde_json::Value {
    json!([
        { "id": "a", "tool": "act", "input": { "do": "block" }, "compensation": { "tool": "act" } },
        { "id": "b", "tool": "act", "after": ["a"] },
    ])
}

async fn a_held_tenant_starts_nothing_until_it_is_let_go(place: Place) {
    let world = World::new(place).await;
    world.submit("g", two_steps()).await;
    world
        .until_engine(|world| world.tools.called().len() == 1)
        .await;
    world.control(Scope::Tenant, Some("acme"), Mode::Hold).await;
    world.submit("late", two_steps()).await;
    world.tools.gate.add_permits(2);
    // What was under way ends and is recorded.
    world.until("g", |saga| saga.sequence() == 4).await;
    world
        .until_engine(|world| world.engine.health().active == 0)
        .await;
    assert_eq!(world.tools.called(), ["a"]);
    world.control(Scope::Tenant, Some("acme"), Mode::Off).await;
    world.until_status("g", GoalStatus::Completed).await;
    world.until_status("late", GoalStatus::Completed).await;
}

async fn a_held_goal_does_not_undo_before_it_is_let_go(place: Place) {
    let world = World::new(place).await;
    world.submit("g", two_steps()).await;
    world
        .until_engine(|world| world.tools.called().len() == 1)
        .await;
    world.control(Scope::All, None, Mode::Hold).await;
    world.wish("g", Wish::CancelGoal { emergency: false }).await;
    world.tools.gate.add_permits(1);
    world.until("g", |saga| saga.sequence() == 6).await;
    world
        .until_engine(|world| world.engine.health().active == 0)
        .await;
    assert_eq!(world.tools.called(), ["a"]);
    world.control(Scope::All, None, Mode::Off).await;
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(world.tools.called(), ["a", "-a"]);
}

async fn a_held_tool_leaves_the_others_alone(place: Place) {
    let world = World::new(place).await;
    world.control(Scope::Tool, Some("once"), Mode::Hold).await;
    let steps = json!([{ "id": "a", "tool": "act" }, { "id": "b", "tool": "once" }]);
    world.submit("g", steps).await;
    world
        .until_engine(|world| world.tools.called() == ["a"] && world.engine.health().active == 0)
        .await;
    world.control(Scope::Tool, Some("once"), Mode::Off).await;
    world.until_status("g", GoalStatus::Completed).await;
}

async fn an_emergency_cancel_undoes_open_goals_and_refuses_new_ones(place: Place) {
    let world = World::new(place).await;
    world.submit("g", two_steps()).await;
    world
        .until_engine(|world| world.tools.called().len() == 1)
        .await;
    world
        .control(Scope::Tenant, Some("acme"), Mode::Cancel)
        .await;
    world.tools.gate.add_permits(1);
    world.until_status("g", GoalStatus::Cancelled).await;
    assert_eq!(world.tools.called(), ["a", "-a"]);
    assert!(world.try_submit("late", two_steps()).await.is_err());
}

async fn a_cancelled_tool_cancels_the_goals_that_have_yet_to_use_it(place: Place) {
    let world = World::new(place).await;
    let blocked = json!({ "do": "block" });
    let uses = |first: &str, then: &str| {
        json!([
            { "id": "a", "tool": first },
            { "id": "b", "tool": "act", "input": blocked, "after": ["a"] },
            { "id": "c", "tool": then, "after": ["b"] },
        ])
    };
    for (name, steps) in [
        ("used", uses("once", "act")),
        ("using", uses("act", "once")),
    ] {
        world.submit(name, steps).await;
    }
    world
        .until_engine(|world| world.tools.called().len() == 4)
        .await;

    world.control(Scope::Tool, Some("once"), Mode::Cancel).await;

    let refused = world.try_submit("late", uses("act", "once")).await;
    assert!(refused.is_err());
    world
        .submit("other", json!([{ "id": "a", "tool": "act" }]))
        .await;
    world.tools.gate.add_permits(2);
    world.until_status("used", GoalStatus::Completed).await;
    world.until_status("using", GoalStatus::Cancelled).await;
    world.until_status("other", GoalStatus::Completed).await;
}

async fn a_paused_goal_starts_nothing_and_goes_on_when_resumed(place: Place) {
    let world = World::new(place).await;
    world.submit("g", two_steps()).await;
    world
        .until_engine(|world| world.tools.called().len() == 1)
        .await;
    world.wish("g", Wish::PauseGoal).await;
    world.wish("g", Wish::PauseGoal).await;
    world.tools.gate.add_permits(1);
    world
        .until("g", |saga| {
            saga.status() == GoalStatus::Paused && saga.sequence() == 5
        })
        .await;
    world
        .until_engine(|world| world.engine.health().active == 0)
        .await;
    assert_eq!(world.tools.called(), ["a"]);
    assert!(
        world
            .store
            .inbox(&tenant(), &goal("g"))
            .await
            .unwrap()
            .is_empty()
    );
    world.wish("g", Wish::ResumeGoal).await;
    world.until_status("g", GoalStatus::Completed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goals_that_are_let_go_are_driven_by_workers_that_have_not_heard_of_it() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let mut one = World::new(place).await;
    one.leave_driving_to_others().await;
    one.control(Scope::All, None, Mode::Hold).await;
    let two = World::new(one.place.beside().deaf()).await;
    let names: Vec<_> = (0..8).map(|number| format!("g{number}")).collect();
    for name in &names {
        one.submit(name, json!([{ "id": "a", "tool": "act" }]))
            .await;
    }
    // Each has been looked at, and rests.
    for name in &names {
        one.until_rests(name).await;
    }
    one.control(Scope::All, None, Mode::Off).await;
    for name in &names {
        one.until_status(name, GoalStatus::Completed).await;
    }
    assert_eq!(two.tools.called().len(), names.len());
}
