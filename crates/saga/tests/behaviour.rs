//! What once went wrong, each by the name of what is right.

use domain::goal::{GoalStatus, StepStatus};
use domain::outcome::{Answer, Outcome};
use saga::event::{Settlement, StepItem};
use saga::input::{Refusal, Start, Wish};
use saga::{EventKind, Input, Payload, Saga};
use serde_json::{Value, json};

use crate::scene::{Scene, answered, at, ended, start, succeeded};
use crate::text::text;

#[test]
fn a_fan_out_over_nothing_leaves_nothing_to_undo() {
    let scene = Scene::of(&json!({ "steps": [
        { "id": "find", "tool": "look" },
        { "id": "each", "tool": "put", "for_each": { "items": { "$step": "find", "path": "/items" }, "max": 5 },
          "compensation": { "tool": "put" } },
        { "id": "last", "tool": "put", "after": ["each"] },
    ] }));
    let scene = scene.runs(
        "find",
        false,
        Outcome::Succeeded {
            output: json!({ "items": [] }),
        },
    );
    let scene = scene.wishes(cancel());
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    assert_eq!(scene.saga.compensation(), (0, 0));
}

#[test]
fn an_undo_whose_input_is_not_there_is_a_persons_to_make_good() {
    let scene = Scene::of(&json!({ "steps": [
        { "id": "pay", "tool": "send", "compensation": { "tool": "put", "input": { "id": { "$result": "/id" } } } },
        { "id": "last", "tool": "look", "after": ["pay"] },
    ] }));
    let scene = scene
        .runs("pay", false, cut())
        .wishes(settle("pay", Settlement::Happened));
    let scene = scene.wishes(cancel()).given(&start("pay", true));
    assert_eq!(scene.saga.status(), GoalStatus::Stuck);
    assert_eq!(last(&scene), "goal_stuck compensation.failed");
    let scene = scene.wishes(settle("pay", Settlement::Undone));
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
}

#[test]
fn an_undo_that_is_tried_again_waits_for_the_one_under_way() {
    let scene = Scene::of(&two_undoable());
    let mut scene = scene
        .runs("a", false, succeeded())
        .runs("b", false, succeeded())
        .wishes(cancel());
    for _ in 0..5 {
        scene = scene.runs("b", true, cut()).pass(10_000);
    }
    let scene = scene
        .start("a", true)
        .wishes(settle("b", Settlement::TryAgain));
    assert!(scene.saga.ready(scene.now).is_empty());
    assert!(scene.saga.decide(&start("b", true), scene.now).is_empty());
    let scene = scene
        .ends("a", true, succeeded())
        .runs("b", true, succeeded());
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    assert_eq!(scene.saga.compensation(), (2, 2));
}

#[test]
fn an_undo_that_rests_waits_for_the_question_of_another_step() {
    let scene = Scene::of(&two_undoable())
        .runs("a", false, succeeded())
        .start("b", false)
        .wishes(cancel());
    let mut scene = scene.ends("b", false, cut());
    for _ in 0..2 {
        scene = scene.pass(10_000).runs("b", false, cut());
    }
    let busy = Outcome::transient("http.busy", "later");
    let scene = scene
        .runs("a", true, busy)
        .wishes(settle("b", Settlement::TryAgain));
    let scene = scene.start("b", false).pass(10_000);
    assert!(scene.saga.ready(scene.now).is_empty());
    assert!(scene.saga.decide(&start("a", true), scene.now).is_empty());
}

#[test]
fn what_turns_out_not_to_have_happened_is_not_undone() {
    let mail = json!({ "steps": [
        { "id": "mail", "tool": "send", "compensation": { "tool": "put" } },
        { "id": "last", "tool": "look", "after": ["mail"] },
    ] });
    let scene = Scene::of(&mail).runs("mail", false, cut());
    let scene = scene
        .wishes(settle("mail", Settlement::Happened))
        .wishes(cancel());
    let scene = scene.start("mail", true);
    let late = ended("mail", false, 1, Outcome::permanent("http.refused", "no"));
    let scene = scene
        .given(&late)
        .ends("mail", true, Outcome::permanent("row.missing", "no"));
    let scene = scene.wishes(Wish::RetryGoal);
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    let state = scene.saga.step_state("mail").unwrap();
    assert_eq!(state.status(), StepStatus::Failed);
}

#[test]
fn a_backoff_that_begins_in_a_pause_runs_from_its_end() {
    let scene = one("put", 3)
        .start("pay", false)
        .wishes(Wish::PauseGoal)
        .pass(100_000);
    let scene = scene.ends("pay", false, Outcome::transient("http.busy", "later"));
    let scene = scene.wishes(Wish::ResumeGoal);
    assert!(scene.saga.ready(scene.now).is_empty());
    let scene = scene.pass(500);
    assert_eq!(scene.saga.ready(scene.now).len(), 1);
}

#[test]
fn a_first_attempt_that_failed_does_not_contradict_the_second_that_succeeded() {
    let mut scene = one("put", 1).runs("pay", false, cut());
    scene = scene
        .wishes(settle("pay", Settlement::TryAgain))
        .runs("pay", false, succeeded());
    assert_eq!(scene.saga.status(), GoalStatus::Completed);
    assert!(
        scene
            .saga
            .decide(
                &ended("pay", false, 1, Outcome::transient("http.busy", "no")),
                scene.now
            )
            .is_empty()
    );
}

#[test]
fn an_old_answer_says_nothing_of_what_was_tried_after_it() {
    let scene = one("book", 3).runs("pay", false, cut()).pass(10_000);
    let scene = scene
        .start("pay", false)
        .given(&answered("pay", false, 2, Answer::DidNotHappen))
        .pass(10_000);
    let scene = scene.runs("pay", false, cut());
    assert_eq!(
        scene.saga.status(),
        GoalStatus::Waiting,
        "nobody knows of the third attempt"
    );
    assert!(
        scene
            .saga
            .decide(&answered("pay", false, 2, Answer::DidNotHappen), scene.now)
            .is_empty()
    );
}

#[test]
fn a_question_that_was_not_put_answers_nothing() {
    let scene = one("book", 3).runs("pay", false, cut()).pass(10_000);
    let scene = scene
        .runs("pay", false, Outcome::transient("not_started", "too late"))
        .pass(10_000);
    let scene = scene.start("pay", false);
    assert_eq!(last(&scene), "step_started pay 3 ask");
}

#[test]
fn nothing_is_ready_once_a_step_has_failed() {
    let mut scene = Scene::of(&two_undoable()).start("a", false);
    scene.tell(&ended(
        "a",
        false,
        1,
        Outcome::permanent("http.refused", "no"),
    ));
    assert!(scene.saga.ready(scene.now).is_empty());
    assert!(scene.saga.decide(&start("b", false), scene.now).is_empty());
}

#[test]
fn a_late_undo_is_believed_after_a_retry() {
    let scene = one_undoable()
        .runs("pay", false, succeeded())
        .wishes(cancel());
    let scene = scene
        .runs("pay", true, Outcome::permanent("http.refused", "no"))
        .wishes(Wish::RetryGoal);
    let scene = scene.given(&ended("pay", true, 1, succeeded()));
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    assert_eq!(scene.saga.compensation(), (1, 1));
}

#[test]
fn each_item_of_a_fan_out_is_settled_by_itself() {
    let plan = json!({ "steps": [
        { "id": "find", "tool": "look" },
        { "id": "mail", "tool": "send", "input": { "to": { "$item": "" } },
          "for_each": { "items": { "$step": "find", "path": "/items" }, "max": 5 } },
    ] });
    let mut scene = Scene::of(&plan).runs(
        "find",
        false,
        Outcome::Succeeded {
            output: json!({ "items": [1, 2] }),
        },
    );
    for item in [0, 1] {
        let at = StepItem {
            item: Some(item),
            ..at("mail")
        };
        scene.give(&Input::Start(Start {
            at,
            undo: false,
            tool: String::new(),
        }));
    }
    let scene = scene.given(&Input::Recover { jitter: 0 });
    assert_eq!(
        scene.saga.refusal(&settle("mail", Settlement::Happened)),
        Some(Refusal::NotInDoubt)
    );
    let second = Wish::Settle {
        at: StepItem {
            item: Some(1),
            ..at("mail")
        },
        result: Settlement::Happened,
        output: None,
        reason: None,
    };
    let scene = scene.wishes(second);
    let states: Vec<_> = scene
        .saga
        .step_state("mail")
        .unwrap()
        .items()
        .iter()
        .map(|item| item.status)
        .collect();
    assert_eq!(states, [StepStatus::InDoubt, StepStatus::Succeeded]);
}

#[test]
fn a_goal_whose_plan_was_erased_does_not_end_by_itself() {
    let mut scene = one_undoable();
    for event in &mut scene.journal {
        if let EventKind::PlanAdopted { adoption } = &mut event.kind {
            adoption.plan = Payload::from(adoption.plan.digest());
        }
    }
    let mut blind: Saga = scene.replayed();
    assert!(blind.decide(&Input::Continue, scene.now).is_empty());
    for event in blind.decide(&Input::Person(crate::scene::person(cancel())), scene.now) {
        blind.apply(&event);
    }
    assert!(blind.decide(&Input::Continue, scene.now).is_empty());
    assert!(!blind.status().is_end());
}

#[test]
fn an_undo_that_is_contradicted_and_repaired_counts_once() {
    let mut scene = one_undoable()
        .runs("pay", false, succeeded())
        .wishes(cancel());
    for _ in 0..5 {
        scene = scene.runs("pay", true, cut()).pass(10_000);
    }
    let scene = scene.wishes(settle("pay", Settlement::Happened));
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    let scene = scene.given(&answered("pay", true, 5, Answer::DidNotHappen));
    assert_eq!(scene.saga.status(), GoalStatus::Stuck);
    assert_eq!(scene.saga.compensation(), (0, 1));
    let scene = scene.wishes(Wish::RetryGoal).runs("pay", true, succeeded());
    assert_eq!(scene.saga.status(), GoalStatus::Cancelled);
    assert_eq!(scene.saga.compensation(), (1, 1));
}

#[test]
fn all_attempts_of_an_effect_share_a_key_and_a_retry_after_a_proven_failure_does_not() {
    let scene = one_undoable()
        .runs("pay", false, succeeded())
        .wishes(cancel())
        .start("pay", true);
    let key = |scene: &Scene| scene.saga.pending().next().unwrap().call.key;
    let first = key(&scene);
    let scene = scene
        .ends("pay", true, Outcome::transient("http.busy", "later"))
        .pass(10_000)
        .start("pay", true);
    assert_eq!(key(&scene), first);
    let scene = scene
        .given(&Input::Recover { jitter: 0 })
        .start("pay", true);
    assert_eq!(key(&scene), first, "a crash keeps the key");
    let proven = Outcome::Failed {
        kind: domain::outcome::FailureKind::Permanent,
        proof: domain::outcome::Proof::Key,
        error: domain::outcome::ToolError::new("row.changed", "no"),
    };
    let scene = scene
        .ends("pay", true, proven)
        .wishes(Wish::RetryGoal)
        .start("pay", true);
    assert_ne!(key(&scene), first);
}

#[test]
fn a_pause_and_a_hold_keep_every_clock_still() {
    let scene = Scene::of(&json!({ "steps": [{ "id": "pay", "tool": "sign" }] }));
    let due = scene.saga.deadline(scene.now).unwrap();
    let mut held = scene.clone().pass(700_000);
    held.now.held += 700_000_000;
    assert_eq!(
        held.saga.deadline(held.now),
        Some(due),
        "the goal's clock stands still"
    );
    assert!(held.saga.decide(&Input::Tick, held.now).is_empty());
    let paused = scene
        .wishes(Wish::PauseGoal)
        .pass(700_000)
        .wishes(Wish::ResumeGoal);
    assert!(paused.saga.decide(&Input::Tick, paused.now).is_empty());
    let paused = paused.pass(600_000);
    assert_eq!(paused.saga.decide(&Input::Tick, paused.now).len(), 1);
    let approval = paused.saga.step_state("pay").unwrap().items()[0]
        .approval
        .clone()
        .unwrap();
    assert_eq!(
        paused.saga.approval_expires(&approval.id, paused.now),
        Some(paused.now.at)
    );
}

fn one(tool: &str, attempts: u32) -> Scene {
    Scene::of(&json!({ "steps": [{ "id": "pay", "tool": tool, "attempts": attempts }] }))
}

fn one_undoable() -> Scene {
    Scene::of(&json!({ "steps": [
        { "id": "pay", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "last", "tool": "look", "after": ["pay"] },
    ] }))
}

fn two_undoable() -> Value {
    json!({ "steps": [
        { "id": "a", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "b", "tool": "book", "compensation": { "tool": "put" } },
        { "id": "last", "tool": "look", "after": ["a", "b"] },
    ] })
}

fn settle(step: &str, result: Settlement) -> Wish {
    Wish::Settle {
        at: at(step),
        result,
        output: None,
        reason: None,
    }
}

fn cancel() -> Wish {
    Wish::CancelGoal { emergency: false }
}

fn cut() -> Outcome {
    Outcome::unknown("http.cut", "cut off")
}

fn last(scene: &Scene) -> String {
    text(&scene.journal.last().unwrap().kind)
}
