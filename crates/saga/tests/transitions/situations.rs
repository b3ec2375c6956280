//! The situations that a goal can be in, each brought about by what would bring it about.

mod undo;
mod ways;

use saga::input::Wish;
use serde_json::Value;

use self::ways::{
    asking_plan, busy, cancel, cut, flying, granted, plan, ready, refused, timer_plan, told,
    tried_twice, window_plan,
};
use crate::scene::{Scene, WINDOW_SECONDS, ended};

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
    all.extend(undo::unwinding());
    all.extend(undo::undoing());
    all.extend(undo::stuck());
    all.extend(undo::over());
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

fn situation(name: &'static str, plan: Value, bring: impl Fn(&Value) -> Scene) -> Situation {
    let scene = bring(&plan);
    Situation { name, plan, scene }
}
