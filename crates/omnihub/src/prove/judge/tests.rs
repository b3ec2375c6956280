//! The judge on books written by hand: each kind of violation is found, and nothing else.

use std::collections::BTreeMap;

use super::*;

const CALL: Part = Part {
    deed: Deed::Call {
        there: Port::Declared,
        back: Some(Port::Declared),
    },
    items: None,
};
const FINAL_CALL: Part = Part {
    deed: Deed::Call {
        there: Port::Undeclared,
        back: None,
    },
    items: None,
};
const ROW: Part = Part {
    deed: Deed::Row,
    items: None,
};
const THERE: EffectId = EffectId {
    goal: 9,
    step: 0,
    item: 0,
    undo: false,
};

/// A goal of one step, what it says, and what really happened.
struct World {
    part: Part,
    status: GoalStatus,
    used: Use,
    pages: BTreeMap<EffectId, Page>,
    settled: BTreeMap<EffectId, usize>,
}

impl World {
    fn new(part: Part, status: GoalStatus, state: StepStatus) -> Self {
        let used = Use {
            state,
            has_output: false,
            attempts: 1,
            started_at: None,
        };
        Self {
            part,
            status,
            used,
            pages: BTreeMap::new(),
            settled: BTreeMap::new(),
        }
    }

    fn there(self, applied: u32, ends: &[End]) -> Self {
        self.page(THERE, applied, ends)
    }

    fn back(self, applied: u32, ends: &[End]) -> Self {
        self.page(THERE.back(), applied, ends)
    }

    fn page(mut self, effect: EffectId, applied: u32, ends: &[End]) -> Self {
        let port = match self.part.deed {
            Deed::Call {
                back: Some(back), ..
            } if effect.undo => back,
            Deed::Call { there, .. } => there,
            _ => Port::Declared,
        };
        let arrival = |end: &End| Arrival {
            port,
            key: "k".to_owned(),
            kills_before: 0,
            end: *end,
        };
        self.pages.insert(
            effect,
            Page {
                arrivals: ends.iter().map(arrival).collect(),
                applied,
            },
        );
        self
    }

    fn with_output(mut self) -> Self {
        self.used.has_output = true;
        self
    }

    fn settled(mut self, effect: EffectId, arrivals: usize) -> Self {
        self.settled.insert(effect, arrivals);
        self
    }

    /// The verdicts, one a line; nothing: all is well.
    fn check(&self, expected: &str) {
        let seen = Seen {
            status: self.status,
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            uses: BTreeMap::from([((0, 0), self.used)]),
        };
        let page = |effect| self.pages.get(&effect).cloned().unwrap_or_default();
        let case = Case {
            goal: 9,
            parts: &[self.part],
            seen: &seen,
            settled: &self.settled,
            page: &page,
        };
        let found: Vec<_> = judge(&case).iter().map(ToString::to_string).collect();
        assert_eq!(found.join("\n"), expected);
    }
}

const OK: End = End::Answered(200);
const BUSY: End = End::Answered(429);
const REFUSED: End = End::Answered(410);

use GoalStatus::{Cancelled, Completed, Failed, Stuck, Waiting};

#[test]
fn what_ends_as_it_says_is_well() {
    World::new(CALL, Completed, StepStatus::Succeeded)
        .there(1, &[BUSY, End::Cut, OK])
        .check("");
    World::new(CALL, Failed, StepStatus::Compensated)
        .there(1, &[OK])
        .back(1, &[End::Gone, OK])
        .check("");
    World::new(CALL, Failed, StepStatus::Failed)
        .there(0, &[BUSY, REFUSED])
        .check("");
    World::new(ROW, Completed, StepStatus::Succeeded)
        .there(1, &[])
        .check("");
    World::new(ROW, Cancelled, StepStatus::Compensated)
        .there(1, &[])
        .back(1, &[])
        .check("");
    World::new(FINAL_CALL, Waiting, StepStatus::InDoubt)
        .there(1, &[End::Gone])
        .check("");
    World::new(FINAL_CALL, Waiting, StepStatus::InDoubt).check("");
    World::new(FINAL_CALL, Completed, StepStatus::Succeeded)
        .there(1, &[BUSY, OK])
        .check("");
    World::new(FINAL_CALL, Failed, StepStatus::Succeeded)
        .there(1, &[OK])
        .check("");
    World::new(CALL, Stuck, StepStatus::CompensationFailed)
        .there(1, &[OK])
        .back(0, &[REFUSED])
        .check("");
    World::new(CALL, Completed, StepStatus::Skipped).check("");
}

#[test]
fn a_change_applied_twice_is_doubled() {
    let world = World::new(CALL, Completed, StepStatus::Succeeded);
    world
        .there(2, &[End::Gone, OK])
        .check("doubled: /9/0/0/do: applied 2 times");
    let world = World::new(ROW, Failed, StepStatus::Compensated)
        .there(2, &[])
        .back(1, &[]);
    world.check("doubled: /9/0/0/do: applied 2 times");
    let world = World::new(CALL, Failed, StepStatus::Compensated)
        .there(1, &[OK])
        .back(2, &[OK, OK]);
    world.check("doubled: /9/0/0/undo: applied 2 times");
}

#[test]
fn a_second_arrival_of_what_may_happen_at_most_once_is_doubled() {
    let world = World::new(FINAL_CALL, Completed, StepStatus::Succeeded).there(1, &[End::Gone, OK]);
    world.check("doubled: /9/0/0/do: arrived again after Gone");
    let world = World::new(FINAL_CALL, Completed, StepStatus::Succeeded)
        .there(1, &[BUSY, End::Answered(503), OK]);
    world.check("doubled: /9/0/0/do: arrived again after Answered(503)");
}

#[test]
fn what_a_person_has_looked_into_may_arrive_again() {
    let world = |ends| World::new(FINAL_CALL, Completed, StepStatus::Succeeded).there(1, ends);
    let doubled = "doubled: /9/0/0/do: arrived again after ";
    world(&[End::Cut, REFUSED, OK]).check(&format!("{doubled}Cut"));
    world(&[End::Cut, REFUSED, OK]).settled(THERE, 1).check("");
    world(&[End::Cut, End::Gone, OK])
        .settled(THERE, 1)
        .check(&format!("{doubled}Gone"));
}

#[test]
fn what_is_said_to_be_done_and_is_not_is_lost() {
    let world = World::new(CALL, Completed, StepStatus::Succeeded).there(0, &[BUSY]);
    world.check("lost: /9/0/0/do: Succeeded, but never applied");
    let world = World::new(CALL, Failed, StepStatus::Compensated).there(1, &[OK]);
    world.check("lost: /9/0/0/undo: Compensated, but its undo was never applied");
    let world = World::new(CALL, Waiting, StepStatus::InDoubt).with_output();
    world.check("lost: /9/0/0/do: InDoubt, but never applied");
}

#[test]
fn an_end_that_its_steps_do_not_bear_out_is_lost() {
    let world = World::new(CALL, Failed, StepStatus::Succeeded).there(1, &[OK]);
    world.check("lost: /9/0/0/do: the goal is failed, the step Succeeded");
    let world = World::new(CALL, Completed, StepStatus::InDoubt).there(1, &[OK]);
    world.check("lost: /9/0/0/do: the goal is completed, the step InDoubt");
    let world = World::new(CALL, Cancelled, StepStatus::CompensationFailed)
        .there(1, &[OK])
        .back(0, &[REFUSED]);
    world.check("lost: /9/0/0/do: the goal is cancelled, the step CompensationFailed");
}

#[test]
fn what_was_applied_and_nobody_says_so_is_hidden_doubt() {
    let world = World::new(ROW, Failed, StepStatus::Failed).there(1, &[]);
    world.check("hidden doubt: /9/0/0/do: Failed, but applied");
    let world = World::new(CALL, Cancelled, StepStatus::Cancelled).there(1, &[OK]);
    world.check("hidden doubt: /9/0/0/do: Cancelled, but applied\nhidden doubt: /9/0/0/do: Cancelled, but maybe applied");
    let world = World::new(CALL, Completed, StepStatus::Skipped).there(0, &[REFUSED]);
    world.check("hidden doubt: /9/0/0/do: Skipped, but it arrived");
    let world = World::new(CALL, Completed, StepStatus::Succeeded)
        .there(1, &[OK])
        .back(1, &[OK]);
    world.check("hidden doubt: /9/0/0/undo: Succeeded, but its undo was applied");
    let world = World::new(CALL, Stuck, StepStatus::CompensationFailed)
        .there(1, &[OK])
        .back(1, &[REFUSED, OK]);
    world.check(
        "hidden doubt: /9/0/0/undo: CompensationFailed, but its undo was applied\n\
         hidden doubt: /9/0/0/undo: CompensationFailed, but its undo may have been applied",
    );
}

#[test]
fn what_was_maybe_applied_and_is_said_to_have_failed_is_hidden_doubt_unless_a_person_said_so() {
    let world =
        || World::new(FINAL_CALL, Failed, StepStatus::Failed).there(0, &[End::Answered(503)]);
    world().check("hidden doubt: /9/0/0/do: Failed, but maybe applied");
    world().settled(THERE, 1).check("");
    let world = || {
        World::new(CALL, Stuck, StepStatus::CompensationFailed)
            .there(1, &[OK])
            .back(0, &[End::Gone])
    };
    world()
        .check("hidden doubt: /9/0/0/undo: CompensationFailed, but its undo may have been applied");
    world().settled(THERE.back(), 1).check("");
}
