//! The receiver's books: every arrival, written down before anything else is done with it, and every change applied.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::effect::EffectId;

/// Which of the receiver's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Port {
    /// The settings declare that it honours `Idempotency-Key`, and it does.
    Declared,
    /// The settings say nothing of it, and it applies whatever arrives.
    Undeclared,
}

/// How an arrival ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It has not.
    Open,
    /// With an answer of this status.
    Answered(u16),
    /// The receiver cut the connection.
    Cut,
    /// Whoever asked was gone before the answer.
    Gone,
}

/// One request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Where it came.
    pub(crate) port: Port,
    /// Its `Idempotency-Key`.
    pub(crate) key: String,
    /// The child process that was running: how many kills had been before.
    pub(crate) kills_before: u32,
    /// How it ended.
    pub(crate) end: End,
}

/// What the receiver knows of one effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Every arrival, in order.
    pub(crate) arrivals: Vec<Arrival>,
    /// How often its change was applied.
    pub(crate) applied: u32,
}

/// The books; clones are the same books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    pages: HashMap<EffectId, Page>,
    /// Keys under which the declared port has applied something.
    keys: HashSet<String>,
    /// Arrivals that have not ended.
    open: usize,
    arrivals: u64,
    kills: u32,
    /// Kills after which whoever asked was gone, by their place.
    gone: BTreeSet<usize>,
    repaired: BTreeSet<u32>,
}

/// An arrival under way; when it is dropped without an end, whoever asked is gone.
#[derive(Debug)]
pub(crate) struct Visit {
    books: Books,
    effect: EffectId,
    /// Which arrival of the effect it is, from 1.
    pub(crate) nth: u32,
}

impl Books {
    /// Writes down an arrival.
    pub(crate) fn arrive(&self, effect: EffectId, port: Port, key: String) -> Visit {
        let mut state = self.state();
        state.open += 1;
        state.arrivals += 1;
        let arrival = Arrival {
            port,
            key,
            kills_before: state.kills,
            end: End::Open,
        };
        let page = state.pages.entry(effect).or_default();
        page.arrivals.push(arrival);
        let nth = u32::try_from(page.arrivals.len()).unwrap_or(u32::MAX);
        Visit {
            books: self.clone(),
            effect,
            nth,
        }
    }

    /// Applies a change: once a key at the declared port, every time at the other.
    pub(crate) fn apply(&self, effect: EffectId, port: Port, key: &str) {
        let mut state = self.state();
        if port == Port::Undeclared || state.keys.insert(key.to_owned()) {
            state.pages.entry(effect).or_default().applied += 1;
        }
    }

    /// Whether the declared port has applied something under the key.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.state().keys.contains(key)
    }

    /// What is known of an effect.
    pub(crate) fn page(&self, effect: EffectId) -> Page {
        self.state().pages.get(&effect).cloned().unwrap_or_default()
    }

    /// Notes a kill; returns how many arrivals had not been answered.
    pub(crate) fn kill(&self) -> usize {
        let mut state = self.state();
        state.kills += 1;
        state.open
    }

    /// The kills after which whoever asked for something was gone, by their place.
    pub(crate) fn gone(&self) -> BTreeSet<usize> {
        self.state().gone.clone()
    }

    /// All arrivals so far.
    pub(crate) fn arrivals(&self) -> u64 {
        self.state().arrivals
    }

    /// Notes that whatever stands in a goal's way was repaired.
    pub(crate) fn repair(&self, goal: u32) {
        self.state().repaired.insert(goal);
    }

    /// Whether a goal was repaired.
    pub(crate) fn is_repaired(&self, goal: u32) -> bool {
        self.state().repaired.contains(&goal)
    }

    fn end(&self, effect: EffectId, nth: u32, end: End) {
        let mut state = self.state();
        let at = usize::try_from(nth).unwrap_or_default().wrapping_sub(1);
        let arrival = state
            .pages
            .get_mut(&effect)
            .and_then(|page| page.arrivals.get_mut(at));
        let Some(arrival) = arrival.filter(|arrival| arrival.end == End::Open) else {
            return;
        };
        arrival.end = end;
        state.open -= 1;
        if let (End::Gone, Some(kill)) = (end, state.kills.checked_sub(1)) {
            state.gone.extend(usize::try_from(kill));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// The arrival ends so.
    pub(crate) fn end(self, end: End) {
        self.books.end(self.effect, self.nth, end);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.books.end(self.effect, self.nth, End::Gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFECT: EffectId = EffectId {
        goal: 1,
        step: 2,
        item: 0,
        undo: false,
    };

    #[test]
    fn an_arrival_is_written_down_at_once_and_its_end_when_it_comes() {
        let books = Books::default();
        let first = books.arrive(EFFECT, Port::Declared, "k".to_owned());
        let second = books.arrive(EFFECT, Port::Declared, "k".to_owned());
        assert_eq!(books.kill(), 2);
        first.end(End::Answered(200));
        drop(second);
        let ends: Vec<_> = books
            .page(EFFECT)
            .arrivals
            .into_iter()
            .map(|arrival| arrival.end)
            .collect();
        assert_eq!(ends, [End::Answered(200), End::Gone]);
        assert_eq!(books.kill(), 0);
        assert_eq!(books.arrivals(), 2);
    }

    #[test]
    fn the_declared_port_applies_a_key_once_and_the_other_everything() {
        let books = Books::default();
        books.apply(EFFECT, Port::Declared, "k");
        books.apply(EFFECT, Port::Declared, "k");
        assert_eq!(books.page(EFFECT).applied, 1);
        books.apply(EFFECT, Port::Declared, "another");
        assert_eq!(books.page(EFFECT).applied, 2);
        books.apply(EFFECT.back(), Port::Undeclared, "k");
        books.apply(EFFECT.back(), Port::Undeclared, "k");
        assert_eq!(books.page(EFFECT.back()).applied, 2);
    }
}
