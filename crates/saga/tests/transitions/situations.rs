//! The situations that a goal can be in, each brought about by what would bring it about.

use domain::approval::Decision;
use domain::outcome::Outcome;
use saga::Input;
use saga::event::Settlement;
use saga::input::Wish;
use serde_json::{Value, json};

use crate::scene::{Scene, WINDOW_SECONDS, at, ended, succeeded};

/// The step that situations are about; `first` comes before it, `last` after.
pub(crate) const SUBJECT: &str = "pay";

/// A goal that has come so far.
pub(crate) struct Situation {
    pub(crate) name: &'static str,
    pub(crate) plan: Value,
    pub(crate) scene: Scene,
}

/// Every situation.
pub(crate) fn situations() -> Vec<Situation> {
    let mut all = vec![
        situation("new", plan("put", "put"), |_| Scene::new()),
        situation("accepted", plan("put", "put"), |_| Scene::accepted()),
        situation("accepted, deadline passed", plan("put", "put"), |_| {
            Scene::accepted().pass(3_600_000)
        }),
        situation("accepted, paused", plan("put", "put"), |_| {
            Scene::accepted().wishes(Wish::PauseGoal)
        }),
        situation("accepted, cancel requested", plan("put", "put"), |_| {
            told(Scene::accepted(), cancel())
        }),
    ];
    all.extend(running());
    all.extend(resting());
    all.extend(waiting());
    all.extend(halted());
    all.extend(unwinding());
    all.extend(undoing());
    all.extend(stuck());
    all.extend(over());
    all
}

fn running() -> Vec<Situation> {
    vec![
        situation("ready", plan("put", "put"), ready),
        situation("ready, deadline passed", plan("put", "put"), |plan| {
            ready(plan).pass(3_600_000)
        }),
        situation("in flight, read", plan("look", "put"), flying),
        situation("in flight, idempotent", plan("put", "put"), flying),
        situation("in flight, reconcilable", plan("book", "put"), flying),
        situation("in flight, at most once", plan("send", "put"), flying),
        situation(
            "in flight after an unknown, idempotent",
            plan("put", "put"),
            |plan| {
                flying(plan)
                    .ends(SUBJECT, false, cut())
                    .pass(2_000)
                    .start(SUBJECT, false)
            },
        ),
        situation(
            "last attempt in flight, read",
            plan("look", "put"),
            |plan| tried_twice(plan, &cut()),
        ),
        situation(
            "last attempt in flight, idempotent",
            plan("put", "put"),
            |plan| tried_twice(plan, &busy()),
        ),
        situation(
            "last attempt in flight after unknowns, idempotent",
            plan("put", "put"),
            |plan| tried_twice(plan, &cut()),
        ),
        situation("asking", plan("book", "put"), |plan| {
            flying(plan)
                .ends(SUBJECT, false, cut())
                .pass(2_000)
                .start(SUBJECT, false)
        }),
    ]
}

fn resting() -> Vec<Situation> {
    vec![
        situation(
            "backing off after a transient failure",
            plan("put", "put"),
            |plan| flying(plan).ends(SUBJECT, false, busy()),
        ),
        situation(
            "backed off after a transient failure",
            plan("put", "put"),
            |plan| flying(plan).ends(SUBJECT, false, busy()).pass(2_000),
        ),
        situation(
            "backed off after an unknown, idempotent",
            plan("put", "put"),
            |plan| flying(plan).ends(SUBJECT, false, cut()).pass(2_000),
        ),
        situation(
            "backed off after an unknown, read",
            plan("look", "put"),
            |plan| flying(plan).ends(SUBJECT, false, cut()).pass(2_000),
        ),
        situation("backed off past the window", window_plan(), |plan| {
            flying(plan)
                .ends(SUBJECT, false, cut())
                .pass(WINDOW_SECONDS * 1_000)
        }),
        situation("timer running", timer_plan(), flying),
        situation("timer due", timer_plan(), |plan| flying(plan).pass(60_000)),
        situation("timer due, deadline passed", timer_plan(), |plan| {
            flying(plan).pass(3_600_000)
        }),
    ]
}

fn waiting() -> Vec<Situation> {
    vec![
        situation("asked for approval", asking_plan(), ready),
        situation("asked for approval, expired", asking_plan(), |plan| {
            ready(plan).pass(600_000)
        }),
        situation("granted", asking_plan(), granted),
        situation("granted, expired", asking_plan(), |plan| {
            granted(plan).pass(600_000)
        }),
        situation("in doubt, at most once", plan("send", "put"), |plan| {
            flying(plan).ends(SUBJECT, false, cut())
        }),
        situation("in doubt, idempotent", plan("put", "put"), |plan| {
            tried_twice(plan, &cut()).ends(SUBJECT, false, cut())
        }),
        situation("in doubt, reconcilable", plan("book", "put"), |plan| {
            tried_twice(plan, &cut()).ends(SUBJECT, false, cut())
        }),
        situation("in doubt, paused", plan("send", "put"), |plan| {
            flying(plan)
                .ends(SUBJECT, false, cut())
                .wishes(Wish::PauseGoal)
        }),
        situation("in doubt, deadline passed", plan("send", "put"), |plan| {
            flying(plan).ends(SUBJECT, false, cut()).pass(3_600_000)
        }),
    ]
}

fn halted() -> Vec<Situation> {
    vec![
        situation("paused, ready", plan("put", "put"), |plan| {
            ready(plan).wishes(Wish::PauseGoal)
        }),
        situation("paused past the deadline", plan("put", "put"), |plan| {
            ready(plan).wishes(Wish::PauseGoal).pass(4_000_000)
        }),
        situation("paused, in flight", plan("put", "put"), |plan| {
            flying(plan).wishes(Wish::PauseGoal)
        }),
        situation("paused, asked for approval", asking_plan(), |plan| {
            ready(plan).wishes(Wish::PauseGoal).pass(700_000)
        }),
        situation("paused with a failure", plan("put", "put"), |plan| {
            flying(plan)
                .wishes(Wish::PauseGoal)
                .ends(SUBJECT, false, refused())
        }),
        situation("failed, not yet unwinding", plan("put", "put"), |plan| {
            let scene = flying(plan);
            let end = ended(SUBJECT, false, 1, refused());
            told(scene, end)
        }),
        situation("cancel requested, in flight", plan("put", "put"), |plan| {
            told(flying(plan), cancel())
        }),
        situation("cancel requested, granted", asking_plan(), |plan| {
            told(granted(plan), cancel())
        }),
    ]
}

fn unwinding() -> Vec<Situation> {
    let waiting_for = |scene: Scene| scene.given(&cancel());
    vec![
        situation(
            "unwinding, read in flight",
            plan("look", "put"),
            move |plan| waiting_for(flying(plan)),
        ),
        situation(
            "unwinding, idempotent in flight",
            plan("put", "put"),
            move |plan| waiting_for(flying(plan)),
        ),
        situation(
            "unwinding, reconcilable in flight",
            plan("book", "put"),
            move |plan| waiting_for(flying(plan)),
        ),
        situation(
            "unwinding, at most once in flight",
            plan("send", "put"),
            move |plan| waiting_for(flying(plan)),
        ),
        situation(
            "unwinding, unknown backing off",
            plan("put", "put"),
            move |plan| waiting_for(flying(plan)).ends(SUBJECT, false, cut()),
        ),
        situation(
            "unwinding, unknown backed off",
            plan("put", "put"),
            move |plan| {
                waiting_for(flying(plan))
                    .ends(SUBJECT, false, cut())
                    .pass(2_000)
            },
        ),
        situation(
            "unwinding, backoff given up",
            plan("put", "put"),
            move |plan| waiting_for(flying(plan).ends(SUBJECT, false, busy())),
        ),
        situation(
            "unwinding, in doubt, at most once",
            plan("send", "put"),
            move |plan| waiting_for(flying(plan)).ends(SUBJECT, false, cut()),
        ),
        situation(
            "unwinding, in doubt, idempotent",
            plan("put", "put"),
            move |plan| waiting_for(tried_twice(plan, &cut())).ends(SUBJECT, false, cut()),
        ),
    ]
}

fn undoing() -> Vec<Situation> {
    vec![
        situation("undo ready", plan("put", "put"), done),
        situation(
            "undo in flight, idempotent",
            plan("put", "put"),
            undo_flying,
        ),
        situation(
            "undo in flight, reconcilable",
            plan("put", "book"),
            undo_flying,
        ),
        situation(
            "undo in flight, at most once",
            plan("put", "send"),
            undo_flying,
        ),
        situation(
            "undo in flight after an unknown, idempotent",
            plan("put", "put"),
            |plan| {
                undo_flying(plan)
                    .ends(SUBJECT, true, cut())
                    .pass(2_000)
                    .start(SUBJECT, true)
            },
        ),
        situation("undo asking", plan("put", "book"), |plan| {
            undo_flying(plan)
                .ends(SUBJECT, true, cut())
                .pass(2_000)
                .start(SUBJECT, true)
        }),
        situation("undo backing off", plan("put", "put"), |plan| {
            undo_flying(plan).ends(SUBJECT, true, busy())
        }),
        situation("undo backed off", plan("put", "put"), |plan| {
            undo_flying(plan).ends(SUBJECT, true, busy()).pass(2_000)
        }),
        situation("undo, last attempt in flight", plan("put", "put"), |plan| {
            undo_tried(plan, &busy())
        }),
        situation("undo in doubt, at most once", plan("put", "send"), |plan| {
            undo_flying(plan).ends(SUBJECT, true, cut())
        }),
        situation("undo in doubt, idempotent", plan("put", "put"), |plan| {
            undo_tried(plan, &cut()).ends(SUBJECT, true, cut())
        }),
        situation(
            "undo tried again after a doubt",
            plan("put", "put"),
            |plan| {
                undo_tried(plan, &cut())
                    .ends(SUBJECT, true, cut())
                    .wishes(settle(Settlement::TryAgain))
            },
        ),
        situation(
            "subject undone, first in flight",
            plan("put", "put"),
            |plan| {
                undo_flying(plan)
                    .ends(SUBJECT, true, succeeded())
                    .start("first", true)
            },
        ),
    ]
}

fn stuck() -> Vec<Situation> {
    vec![
        situation("stuck, undo failed", plan("put", "put"), |plan| {
            undo_flying(plan).ends(SUBJECT, true, refused())
        }),
        situation(
            "stuck, undo at most once failed",
            plan("put", "send"),
            |plan| undo_flying(plan).ends(SUBJECT, true, refused()),
        ),
        situation("stuck, undo did not happen", plan("put", "send"), |plan| {
            undo_flying(plan)
                .ends(SUBJECT, true, cut())
                .wishes(settle(Settlement::DidNotHappen))
        }),
        situation("retried", plan("put", "put"), |plan| {
            undo_flying(plan)
                .ends(SUBJECT, true, refused())
                .wishes(Wish::RetryGoal)
        }),
        situation(
            "stuck, the completed did not happen",
            plan("send", "put"),
            |plan| {
                finished(
                    flying(plan)
                        .ends(SUBJECT, false, cut())
                        .wishes(settle(Settlement::Happened)),
                )
                .given(&ended(SUBJECT, false, 1, refused()))
            },
        ),
        situation("stuck, the failed happened", plan("send", "put"), |plan| {
            let scene = flying(plan)
                .ends(SUBJECT, false, cut())
                .wishes(settle(Settlement::DidNotHappen));
            scene
                .runs("first", true, succeeded())
                .given(&ended(SUBJECT, false, 1, succeeded()))
        }),
    ]
}

fn over() -> Vec<Situation> {
    vec![
        situation("completed", plan("put", "put"), |plan| {
            finished(flying(plan).ends(SUBJECT, false, succeeded()))
        }),
        situation(
            "completed, settled as happened",
            plan("send", "put"),
            |plan| {
                finished(
                    flying(plan)
                        .ends(SUBJECT, false, cut())
                        .wishes(settle(Settlement::Happened)),
                )
            },
        ),
        situation("completed after a second try", plan("put", "put"), |plan| {
            let doubted = tried_twice(plan, &cut()).ends(SUBJECT, false, cut());
            finished(
                doubted
                    .wishes(settle(Settlement::TryAgain))
                    .runs(SUBJECT, false, succeeded()),
            )
        }),
        situation("failed", plan("put", "put"), |plan| {
            flying(plan)
                .ends(SUBJECT, false, refused())
                .runs("first", true, succeeded())
        }),
        situation(
            "failed, settled as not happened",
            plan("send", "put"),
            |plan| {
                let scene = flying(plan)
                    .ends(SUBJECT, false, cut())
                    .wishes(settle(Settlement::DidNotHappen));
                scene.runs("first", true, succeeded())
            },
        ),
        situation("failed, settled as undone", plan("send", "put"), |plan| {
            let scene = flying(plan)
                .ends(SUBJECT, false, cut())
                .wishes(settle(Settlement::Undone));
            scene.runs("first", true, succeeded())
        }),
        situation("cancelled", plan("put", "put"), |plan| {
            done(plan)
                .runs(SUBJECT, true, succeeded())
                .runs("first", true, succeeded())
        }),
        situation(
            "cancelled, undo settled as undone",
            plan("put", "send"),
            |plan| {
                let scene = undo_flying(plan)
                    .ends(SUBJECT, true, cut())
                    .wishes(settle(Settlement::Undone));
                scene.runs("first", true, succeeded())
            },
        ),
    ]
}

fn situation(name: &'static str, plan: Value, bring: impl Fn(&Value) -> Scene) -> Situation {
    let scene = bring(&plan);
    Situation { name, plan, scene }
}

/// Everything before the subject is done.
fn ready(plan: &Value) -> Scene {
    Scene::of(plan).runs("first", false, succeeded())
}

fn flying(plan: &Value) -> Scene {
    ready(plan).start(SUBJECT, false)
}

fn granted(plan: &Value) -> Scene {
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
fn tried_twice(plan: &Value, outcome: &Outcome) -> Scene {
    let tried = flying(plan)
        .ends(SUBJECT, false, outcome.clone())
        .pass(10_000);
    tried
        .runs(SUBJECT, false, outcome.clone())
        .pass(10_000)
        .start(SUBJECT, false)
}

/// The subject is done and the goal cancelled.
fn done(plan: &Value) -> Scene {
    flying(plan)
        .ends(SUBJECT, false, succeeded())
        .given(&cancel())
}

fn undo_flying(plan: &Value) -> Scene {
    done(plan).start(SUBJECT, true)
}

/// Four attempts of five have ended so, the fifth is in flight.
fn undo_tried(plan: &Value, outcome: &Outcome) -> Scene {
    let mut scene = undo_flying(plan);
    for _ in 0..4 {
        scene = scene
            .ends(SUBJECT, true, outcome.clone())
            .pass(10_000)
            .start(SUBJECT, true);
    }
    scene
}

fn finished(scene: Scene) -> Scene {
    scene.runs("last", false, succeeded())
}

/// An input without what follows from it.
fn told(mut scene: Scene, input: Input) -> Scene {
    assert_eq!(scene.tell(&input), 1);
    scene
}

fn cancel() -> Input {
    Input::Person(crate::scene::person(Wish::CancelGoal { emergency: false }))
}

fn settle(result: Settlement) -> Wish {
    Wish::Settle {
        at: at(SUBJECT),
        result,
        output: None,
        reason: None,
    }
}

fn busy() -> Outcome {
    Outcome::transient("http.busy", "later")
}

fn refused() -> Outcome {
    Outcome::permanent("http.refused", "no")
}

fn cut() -> Outcome {
    Outcome::unknown("http.cut", "cut off")
}

fn plan(tool: &str, undo: &str) -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "put", "compensation": { "tool": "put" } },
        { "id": SUBJECT, "tool": tool, "after": ["first"], "compensation": { "tool": undo } },
        { "id": "last", "tool": "look", "after": [SUBJECT] },
    ] })
}

fn asking_plan() -> Value {
    let mut plan = plan("put", "put");
    plan["steps"][1]["approval"] = json!(true);
    plan
}

fn window_plan() -> Value {
    let mut plan = plan("lend", "put");
    plan["steps"][1]["input"] = json!({ "to": "known" });
    plan
}

fn timer_plan() -> Value {
    let mut plan = plan("wait", "put");
    plan["steps"][1]["input"] = json!({ "seconds": 60 });
    plan["steps"][1]
        .as_object_mut()
        .unwrap()
        .remove("compensation");
    plan
}
