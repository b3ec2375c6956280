//! What situations are made of: plans, outcomes, and the ways to come somewhere.

use domain::approval::Decision;
use domain::outcome::Outcome;
use saga::Input;
use saga::event::Settlement;
use saga::input::Wish;
use serde_json::{Value, json};

use super::SUBJECT;
use crate::scene::{Scene, at, succeeded};

/// Everything before the subject is done.
pub(super) fn ready(plan: &Value) -> Scene {
    Scene::of(plan).runs("first", false, succeeded())
}

pub(super) fn flying(plan: &Value) -> Scene {
    ready(plan).start(SUBJECT, false)
}

pub(super) fn granted(plan: &Value) -> Scene {
    let scene = ready(plan);
    let asked = scene.saga.step_state(SUBJECT).unwrap().items()[0]
        .approval
        .clone()
        .unwrap();
    scene.wishes(Wish::Decide {
        approval: asked.id,
        digest: asked.digest,
        decision: Decision::Grant,
        reason: None,
    })
}

/// Two attempts of three have ended so, the third is in flight.
pub(super) fn tried_twice(plan: &Value, outcome: &Outcome) -> Scene {
    let tried = flying(plan)
        .ends(SUBJECT, false, outcome.clone())
        .pass(10_000);
    tried
        .runs(SUBJECT, false, outcome.clone())
        .pass(10_000)
        .start(SUBJECT, false)
}

/// The subject is done and the goal cancelled.
pub(super) fn done(plan: &Value) -> Scene {
    flying(plan)
        .ends(SUBJECT, false, succeeded())
        .given(&cancel())
}

pub(super) fn undo_flying(plan: &Value) -> Scene {
    done(plan).start(SUBJECT, true)
}

/// Four attempts of five have ended so, the fifth is in flight.
pub(super) fn undo_tried(plan: &Value, outcome: &Outcome) -> Scene {
    let mut scene = undo_flying(plan);
    for _ in 0..4 {
        scene = scene
            .ends(SUBJECT, true, outcome.clone())
            .pass(10_000)
            .start(SUBJECT, true);
    }
    scene
}

pub(super) fn finished(scene: Scene) -> Scene {
    scene.runs("last", false, succeeded())
}

/// An input without what follows from it.
pub(super) fn told(mut scene: Scene, input: Input) -> Scene {
    assert_eq!(scene.tell(&input), 1);
    scene
}

pub(super) fn cancel() -> Input {
    Input::Person(crate::scene::person(Wish::CancelGoal { emergency: false }))
}

pub(super) fn settle(result: Settlement) -> Wish {
    Wish::Settle {
        at: at(SUBJECT),
        result,
        output: None,
        reason: None,
    }
}

pub(super) fn busy() -> Outcome {
    Outcome::transient("http.busy", "later")
}

pub(super) fn refused() -> Outcome {
    Outcome::permanent("http.refused", "no")
}

pub(super) fn cut() -> Outcome {
    Outcome::unknown("http.cut", "cut off")
}

pub(super) fn plan(tool: &str, undo: &str) -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "put", "compensation": { "tool": "put" } },
        { "id": SUBJECT, "tool": tool, "after": ["first"], "compensation": { "tool": undo } },
        { "id": "last", "tool": "look", "after": [SUBJECT] },
    ] })
}

pub(super) fn asking_plan() -> Value {
    let mut plan = plan("put", "put");
    plan["steps"][1]["approval"] = json!(true);
    plan
}

pub(super) fn window_plan() -> Value {
    let mut plan = plan("lend", "put");
    plan["steps"][1]["input"] = json!({ "to": "known" });
    plan
}

pub(super) fn timer_plan() -> Value {
    let mut plan = plan("wait", "put");
    plan["steps"][1]["input"] = json!({ "seconds": 60 });
    plan["steps"][1]
        .as_object_mut()
        .unwrap()
        .remove("compensation");
    plan
}
