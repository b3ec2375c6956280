//! Ahead of the commit: attempts that change nothing and wait for nothing end within the turn that starts them.
//!
//! Law 3 (DESIGN §3) binds what can change the world. What changes nothing may come before its start is durable: after a
//! crash it is run again, and nobody has seen that it was. So a goal pays for a commit where the world does, and not a step
//! at a time (ADR 0017).

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::tool::EffectClass;
use saga::event::StepItem;
use saga::input::Ended;
use saga::{Input, Moment};
use store::Gate;

use super::turn::Turn;
use super::{Leave, Runner, jitter};

/// Events of a turn past which the next attempts wait for its commit: what a watcher is shown at once, and what one append
/// writes.
const EVENTS_MAX: usize = 128;

impl Runner {
    /// Carries out what was admitted and can be carried out at once, and decides what follows, until nothing more can be.
    pub(super) fn run_ahead(
        &mut self,
        now: Moment,
        gate: &Gate,
        leave: Leave<'_>,
        turn: &mut Turn,
    ) {
        let mut looked = 0;
        while turn.events.len() < EVENTS_MAX {
            let started = self.admitted(turn.events.get(looked..).unwrap_or_default());
            looked = turn.events.len();
            for effect in started {
                let call = effect.call;
                if effect.ask || call.class != EffectClass::Read {
                    continue;
                }
                // One that panics is performed after the commit, where that is told of.
                let at_once = AssertUnwindSafe(|| leave.performer.at_once(&call));
                let Ok(Some(result)) = catch_unwind(at_once) else {
                    continue;
                };
                turn.give_back(&call.tool, leave.floor);
                let ended = Ended {
                    at: StepItem {
                        step: call.step,
                        item: call.item,
                    },
                    undo: effect.undo,
                    attempt: call.attempt,
                    result,
                    jitter: jitter(),
                };
                self.feed(&Input::Outcome(ended), now, turn);
            }
            if turn.events.len() == looked {
                return;
            }
            self.go_on(now, gate, leave, turn);
        }
    }
}
