//! When goals that are not in memory are to be run again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Engine, GoalRef};

/// The longest sleep: a wall clock that was set while we slept is noticed after it.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// One entry a goal.
#[derive(Default)]
pub(super) struct Timers {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    by_time: BTreeSet<(Timestamp, GoalRef)>,
    by_goal: HashMap<GoalRef, Timestamp>,
}

impl Timers {
    pub(super) fn len(&self) -> usize {
        self.state().by_goal.len()
    }

    /// Wakes the goal at that time instead of any time set before.
    pub(super) fn set(&self, goal: GoalRef, at: Timestamp) {
        let mut state = self.state();
        if let Some(before) = state.by_goal.insert(goal.clone(), at) {
            state.by_time.remove(&(before, goal.clone()));
        }
        let first = state
            .by_time
            .first()
            .is_none_or(|(earliest, _)| at < *earliest);
        state.by_time.insert((at, goal));
        drop(state);
        if first {
            self.changed.notify_one();
        }
    }

    /// Forgets the goal's time.
    pub(super) fn clear(&self, goal: &GoalRef) {
        let mut state = self.state();
        if let Some(at) = state.by_goal.remove(goal) {
            state.by_time.remove(&(at, goal.clone()));
        }
    }

    /// Takes the goals whose time has come, and says how long to sleep for the next.
    fn due(&self, now: Timestamp) -> (Vec<GoalRef>, Duration) {
        let mut state = self.state();
        let mut due = Vec::new();
        while let Some((at, goal)) = state.by_time.pop_first() {
            if at > now {
                let sleep = at.duration_since(now).unsigned_abs().min(SLEEP_MAX);
                state.by_time.insert((at, goal));
                return (due, sleep);
            }
            state.by_goal.remove(&goal);
            due.push(goal);
        }
        (due, SLEEP_MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes goals at their times for ever; ends with the engine.
pub(super) async fn run(engine: Engine) {
    loop {
        let changed = engine.shared.timers.changed.notified();
        let (due, sleep) = engine.shared.timers.due(Timestamp::now());
        for goal in due {
            engine.wake(&goal);
        }
        tokio::select! {
            // Both arms only wait: dropping either loses nothing but a hint that the next look makes up for.
            () = changed => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}
