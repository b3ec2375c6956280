//! The order of compensation: one at a time, newest success first, past nothing that is unsettled.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::Slot;

/// What is left to undo, and what is in its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unwind {
    /// What was done and has a compensation, by the order of success.
    candidates: BTreeMap<u64, Slot>,
    /// Per step: how many unsettled or failed steps need it; while there are any it is not undone.
    barred: BTreeMap<usize, u32>,
    /// The compensation that is under way.
    pub(crate) active: Option<Slot>,
    /// Compensations that failed for good.
    pub(crate) failed: BTreeSet<Slot>,
    /// Compensations that succeeded.
    pub(crate) done: u32,
    /// Successes that have a compensation.
    pub(crate) of: u32,
    /// The next success' place in the order.
    next: u64,
}

impl Unwind {
    /// Notes a success; `undoable`: it has a compensation. Returns its place in the order.
    pub(crate) fn note(&mut self, slot: Slot, undoable: bool) -> u64 {
        let order = self.next;
        self.next += 1;
        if undoable {
            self.of += 1;
            self.candidates.insert(order, slot);
        }
        order
    }

    /// Takes back a noted success that turns out not to have been one.
    pub(crate) fn forget(&mut self, order: u64) {
        if self.candidates.remove(&order).is_some() {
            self.of -= 1;
        }
    }

    /// Takes a success out of those to be undone: its undo is under way or over.
    pub(crate) fn take(&mut self, order: u64) {
        self.candidates.remove(&order);
    }

    /// Puts a success back among those to be undone.
    pub(crate) fn put_back(&mut self, order: u64, slot: Slot) {
        self.candidates.insert(order, slot);
    }

    /// The next to undo.
    pub(crate) fn next(&self) -> Option<Slot> {
        let free = |slot: &&Slot| !self.barred.contains_key(&slot.place);
        self.candidates.values().rev().find(free).copied()
    }

    /// Bars the undo of these steps on account of one that needs them.
    pub(crate) fn bar(&mut self, ancestors: impl IntoIterator<Item = usize>) {
        for ancestor in ancestors {
            *self.barred.entry(ancestor).or_default() += 1;
        }
    }

    /// Takes back one [`Unwind::bar`].
    pub(crate) fn unbar(&mut self, ancestors: impl IntoIterator<Item = usize>) {
        for ancestor in ancestors {
            if let Some(count) = self.barred.get_mut(&ancestor) {
                *count -= 1;
                if *count == 0 {
                    self.barred.remove(&ancestor);
                }
            }
        }
    }
}
