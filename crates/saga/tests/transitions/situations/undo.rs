//! Situations from the unwinding on: undoing, stuck, over.

use saga::event::Settlement;
use saga::input::Wish;

use super::ways::{
    busy, cancel, cut, done, finished, flying, plan, refused, settle, tried_twice, undo_flying,
    undo_tried,
};
use super::{SUBJECT, Situation, situation};
use crate::scene::{Scene, ended, succeeded};

pub(super) fn unwinding() -> Vec<Situation> {
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

pub(super) fn undoing() -> Vec<Situation> {
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

pub(super) fn stuck() -> Vec<Situation> {
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

pub(super) fn over() -> Vec<Situation> {
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
            |plan| settled(plan, Settlement::DidNotHappen),
        ),
        situation("failed, settled as undone", plan("send", "put"), |plan| {
            settled(plan, Settlement::Undone)
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

/// A goal whose step in doubt was settled, and whose first step was then undone.
fn settled(plan: &serde_json::Value, settlement: Settlement) -> Scene {
    let scene = flying(plan)
        .ends(SUBJECT, false, cut())
        .wishes(settle(settlement));
    scene.runs("first", true, succeeded())
}
