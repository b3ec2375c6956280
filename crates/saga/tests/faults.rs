//! The fault sweep: each effect fails at each attempt in each way, and the process dies after each append; a model of
//! two lines says how the goal ends, and the judge holds the end against the world.

mod plans;
mod stage;

use std::collections::BTreeSet;

use domain::tool::{ATTEMPTS_DEFAULT, COMPENSATION_ATTEMPTS_DEFAULT, EffectClass};

use self::plans::{failing, plans};
use self::stage::{Crash, Fault, Stage};
use crate::design::{Act, Design};
use crate::world::Reply;

const WAYS: [Reply; 4] = [
    Reply::Busy,
    Reply::Refused,
    Reply::CutAfter,
    Reply::CutBefore,
];

#[test]
fn a_step_that_fails_at_any_attempt_in_any_way_ends_as_the_model_says() {
    for (name, plan) in plans() {
        let design = Design::of(&plan);
        for fault in faults(Stage::new(&plan).acts(), false) {
            let ended = Stage::new(&plan).with(fault).run();
            assert_eq!(
                ended.status,
                after_step(design.class(fault.act), fault),
                "{name}: {fault:?}\n{}",
                ended.trace
            );
        }
    }
}

#[test]
fn a_compensation_that_fails_at_any_attempt_in_any_way_is_undone_or_repaired() {
    for (name, plan) in plans() {
        let plan = failing(&plan);
        let design = Design::of(&plan);
        for fault in faults(Stage::new(&plan).acts(), true) {
            let ended = Stage::new(&plan).with(fault).run();
            let (stuck, doubted) = after_undo(design.class(fault.act), fault);
            let found = (ended.status, ended.was_stuck, ended.was_doubted);
            assert_eq!(
                found,
                ("failed", stuck, doubted),
                "{name}: {fault:?}\n{}",
                ended.trace
            );
        }
    }
}

#[test]
fn a_crash_after_any_append_changes_no_end_but_that_of_effects_nobody_can_know_of() {
    for (name, plan) in plans() {
        for plan in [plan.clone(), failing(&plan)] {
            let calm = Stage::new(&plan).run();
            for crash in crashes(calm.events) {
                let ended = Stage::new(&plan).crashing(crash).run();
                let expected = if ended.lost_for_good {
                    "failed"
                } else {
                    calm.status
                };
                assert_eq!(ended.status, expected, "{name}: {crash:?}\n{}", ended.trace);
            }
        }
    }
}

#[test]
fn a_fault_and_a_crash_together_end_in_a_world_that_agrees() {
    // Three plans, and every crash either before or after the world was changed: the rest adds time, not cases.
    for (_, plan) in plans().into_iter().take(3) {
        let plan = failing(&plan);
        let doomed = plan["steps"].as_array().unwrap().len() - 1;
        let acts = Stage::new(&plan).acts();
        let faults = acts
            .into_iter()
            .flat_map(|act| WAYS.map(|reply| (act, reply)))
            // Where the last step happens after all, the goal rightly completes.
            .filter(|(act, reply)| act.place != doomed || *reply != Reply::CutAfter);
        for (act, reply) in faults {
            let fault = Fault {
                act,
                attempt: 1,
                lasting: false,
                reply,
            };
            let events = Stage::new(&plan).with(fault).run().events;
            for after in 1..events {
                let crash = Crash {
                    after,
                    applied: after % 2 == 0,
                };
                let ended = Stage::new(&plan).with(fault).crashing(crash).run();
                assert_eq!(
                    ended.status, "failed",
                    "{fault:?} {crash:?}\n{}",
                    ended.trace
                );
            }
        }
    }
}

/// Every fault of every effect of one direction.
fn faults(acts: BTreeSet<Act>, undo: bool) -> Vec<Fault> {
    let most = if undo {
        COMPENSATION_ATTEMPTS_DEFAULT
    } else {
        ATTEMPTS_DEFAULT
    };
    let mut faults = Vec::new();
    for act in acts.into_iter().filter(|act| act.undo == undo) {
        for (reply, lasting) in WAYS
            .into_iter()
            .flat_map(|reply| [(reply, false), (reply, true)])
        {
            faults.extend((1..=most).map(|attempt| Fault {
                act,
                attempt,
                lasting,
                reply,
            }));
        }
    }
    faults
}

fn crashes(events: usize) -> Vec<Crash> {
    (1..events)
        .flat_map(|after| [true, false].map(|applied| Crash { after, applied }))
        .collect()
}

/// The model: a goal completes if the effect happened in the end.
fn after_step(class: EffectClass, fault: Fault) -> &'static str {
    let again = left(class, fault, ATTEMPTS_DEFAULT);
    let happened = match fault.reply {
        Reply::Done => true,
        Reply::Refused => false,
        Reply::Busy => again,
        Reply::CutAfter => again || class != EffectClass::Read,
        Reply::CutBefore => again && class != EffectClass::AtMostOnce,
    };
    if happened { "completed" } else { "failed" }
}

/// The model: whether a person must repair the undo, and whether one must first say what happened.
fn after_undo(class: EffectClass, fault: Fault) -> (bool, bool) {
    let again = left(class, fault, COMPENSATION_ATTEMPTS_DEFAULT);
    match fault.reply {
        Reply::Done => (false, false),
        Reply::Refused => (true, false),
        Reply::Busy => (!again, false),
        Reply::CutAfter | Reply::CutBefore => {
            let asked = class == EffectClass::Reconcilable
                && !fault.lasting
                && fault.attempt < COMPENSATION_ATTEMPTS_DEFAULT;
            let doubted = !again && !asked || class == EffectClass::AtMostOnce;
            let done = fault.reply == Reply::CutAfter || again && class != EffectClass::AtMostOnce;
            (!done, doubted)
        }
    }
}

/// Whether another call follows the fault; a question takes an attempt of its own.
fn left(class: EffectClass, fault: Fault, most: u32) -> bool {
    let questions =
        u32::from(class == EffectClass::Reconcilable && fault.reply == Reply::CutBefore);
    !fault.lasting && fault.attempt + questions < most
}
