//! What changes when a goal unwinds: what never starts any more, and what each compensation came to.

use std::collections::BTreeSet;

use domain::approval::ApprovalStatus;
use domain::goal::{GoalStatus, StepStatus};
use domain::tool::EffectClass;

use super::{Phase, Saga, Slot, Work};
use crate::event::Reason;
use crate::moment::Moment;
use crate::step::WorkPhase;

impl Saga {
    pub(super) fn unwinding_started(&mut self, reason: &Reason, moment: Moment) {
        self.phase = Phase::Unwinding;
        self.failure = Some(reason.clone());
        self.expiries.clear();
        self.due.clear();
        self.ready.clear();
        for slot in self.approvals.values().copied().collect::<Vec<_>>() {
            let open = self
                .item(slot)
                .and_then(|item| item.approval.as_ref())
                .map(|asked| asked.status);
            if open == Some(ApprovalStatus::Pending) || open == Some(ApprovalStatus::Granted) {
                self.decided(slot, ApprovalStatus::Closed);
            }
        }
        for place in 0..self.steps.len() {
            let items = self.steps.get(place).map_or(0, |state| state.items.len());
            for item in 0..items {
                self.give_up(Slot { place, item }, moment);
            }
        }
    }

    /// Cancels what has not started, and retries of what is known not to have happened.
    fn give_up(&mut self, slot: Slot, moment: Moment) {
        let Some(item) = self.item(slot) else { return };
        let changes_nothing = self.class_of(Work { slot, undo: false }).0 == EffectClass::Read;
        let harmless = changes_nothing || item.forth.unknown.is_empty();
        let resting = matches!(item.forth.phase, WorkPhase::Backoff(_)) && harmless;
        let waiting =
            item.status == StepStatus::Waiting || matches!(item.forth.phase, WorkPhase::Timer(_));
        if resting || waiting {
            self.set_phase(Work { slot, undo: false }, WorkPhase::Over);
            self.finish(slot, StepStatus::Cancelled, moment.at);
        }
    }

    pub(super) fn retry_requested(&mut self) {
        self.stuck = None;
        self.contradiction = false;
        self.phase = match self.stuck_from {
            Phase::Ended(GoalStatus::Completed) => Phase::Running,
            Phase::Ended(_) => Phase::Unwinding,
            phase => phase,
        };
        for slot in self.unwind.failed.clone() {
            self.try_undo_again(slot);
        }
    }

    /// Puts a compensation that failed or is in doubt back among those to be done; proven failures get a new key.
    pub(super) fn try_undo_again(&mut self, slot: Slot) {
        let back = Work { slot, undo: true };
        let asks = self.asks_after_unknown(back);
        self.forget_failed_undo(slot);
        self.set_phase(back, WorkPhase::Idle);
        let Some(item) = self.item_mut(slot) else {
            return;
        };
        if item.back.unknown.is_empty() {
            item.back.generation += 1;
            item.back.first_started = None;
        } else {
            item.back.ask = asks;
        }
        item.back.forgiven = item.back.attempt;
        item.back.settled = None;
        item.status = StepStatus::Succeeded;
        if let Some(order) = item.order {
            self.unwind.put_back(order, slot);
        }
    }

    pub(super) fn compensated(&mut self, slot: Slot, moment: Moment) {
        self.undo_over(slot);
        self.forget_failed_undo(slot);
        if self
            .item(slot)
            .is_some_and(|item| item.status != StepStatus::Compensated)
        {
            self.unwind.done += 1;
        }
        self.finish(slot, StepStatus::Compensated, moment.at);
    }

    pub(super) fn compensation_failed(&mut self, slot: Slot) {
        self.undo_over(slot);
        if self.item(slot).is_some_and(|item| item.order.is_none()) {
            // What turned out not to have happened needs no undo.
            self.set_status(slot, StepStatus::Failed);
            return;
        }
        if self
            .item(slot)
            .is_some_and(|item| item.status == StepStatus::Compensated)
        {
            self.unwind.done -= 1;
        }
        self.set_status(slot, StepStatus::CompensationFailed);
        if self.unwind.failed.insert(slot) {
            let ancestors = self.ancestors(slot.place);
            self.unwind.bar(ancestors);
        }
    }

    /// What was done turns out not to have happened: from here on its undo is not wanted.
    pub(super) fn forget_success(&mut self, slot: Slot) {
        self.forget_failed_undo(slot);
        let Some(item) = self.item_mut(slot) else {
            return;
        };
        let resting =
            matches!(item.back.phase, WorkPhase::Backoff(_)) && item.back.unknown.is_empty();
        if let Some(order) = item.order.take() {
            self.unwind.forget(order);
        }
        if resting {
            self.undo_over(slot);
        }
    }

    /// The undo of a slot is over, also where it never started.
    fn undo_over(&mut self, slot: Slot) {
        self.take_undo(slot);
        if self.unwind.active == Some(slot) {
            self.unwind.active = None;
        }
        self.set_phase(Work { slot, undo: true }, WorkPhase::Over);
    }

    pub(super) fn take_undo(&mut self, slot: Slot) {
        if let Some(order) = self.item(slot).and_then(|item| item.order) {
            self.unwind.take(order);
        }
    }

    /// A failed compensation no longer stands in the way.
    pub(super) fn forget_failed_undo(&mut self, slot: Slot) {
        if self.unwind.failed.remove(&slot) {
            let ancestors = self.ancestors(slot.place);
            self.unwind.unbar(ancestors);
        }
    }

    pub(super) fn ancestors(&self, place: usize) -> BTreeSet<usize> {
        self.adopted
            .as_ref()
            .map(|adopted| adopted.graph.ancestors(place))
            .unwrap_or_default()
    }
}
