//! One use of a step: its phases, the sets that name them, and its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::goal::StepStatus;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Saga, Slot, Work};
use crate::event::Reason;
use crate::moment::Moment;
use crate::payload::Payload;
use crate::step::WorkPhase;

impl Saga {
    /// Moves a work to another phase and keeps the sets that name it in step.
    pub(super) fn set_phase(&mut self, work: Work, next: WorkPhase) {
        let Some(item) = self.item_mut(work.slot) else {
            return;
        };
        let before = std::mem::replace(&mut item.work_mut(work.undo).phase, next);
        self.index(work, before, false);
        self.index(work, next, true);
    }

    /// Enters a work's phase into the set that names it, or takes it out.
    fn index(&mut self, work: Work, phase: WorkPhase, enter: bool) {
        match phase {
            WorkPhase::Backoff(time) => self.index_backoff(time, work, enter),
            WorkPhase::Timer(time) => toggle(&mut self.timers, (time, work.slot), enter),
            WorkPhase::InFlight => toggle(&mut self.in_flight, work, enter),
            WorkPhase::Doubt { .. } => {
                toggle(&mut self.doubts, work, enter);
                let ancestors = self.ancestors(work.slot.place);
                if enter {
                    self.unwind.bar(ancestors);
                } else {
                    self.unwind.unbar(ancestors);
                }
            }
            WorkPhase::Idle | WorkPhase::Over => {}
        }
    }

    fn index_backoff(&mut self, time: Timestamp, work: Work, enter: bool) {
        let Some(tool) = self.tool_name(work).map(str::to_owned) else {
            return;
        };
        let waits = self.backoffs.entry(tool.clone()).or_default();
        toggle(waits, (time, work), enter);
        if waits.is_empty() {
            self.backoffs.remove(&tool);
        }
    }

    pub(super) fn item_succeeded(
        &mut self,
        slot: Slot,
        output: Option<&Payload>,
        (effect, moment): (bool, Moment),
    ) {
        let Some(item) = self.item(slot) else { return };
        let was_over = item.forth.phase == WorkPhase::Over;
        let step = self.step(slot.place);
        let undoable = effect && step.is_some_and(|step| step.compensation.is_some());
        let replies = step.is_some_and(|step| step.tool == "respond_to_user");
        if let Some(reply) = output
            .and_then(Payload::value)
            .and_then(|output| output.get("reply"))
            .filter(|_| replies)
        {
            self.reply = Some(Arc::new(reply.clone()));
        }
        self.unready(slot);
        self.due.remove(&slot);
        self.set_phase(Work { slot, undo: false }, WorkPhase::Over);
        let order = self.unwind.note(slot, undoable);
        if let Some(item) = self.item_mut(slot) {
            item.order = Some(order);
            item.output = output.cloned();
            item.error = None;
        }
        self.finish(slot, StepStatus::Succeeded, moment.at);
        if !was_over {
            self.item_over(slot);
        }
    }

    pub(super) fn item_failed(
        &mut self,
        slot: Slot,
        step: &domain::id::StepId,
        code: &str,
        moment: Moment,
    ) {
        self.unready(slot);
        self.due.remove(&slot);
        self.set_phase(Work { slot, undo: false }, WorkPhase::Over);
        self.finish(slot, StepStatus::Failed, moment.at);
        self.failure.get_or_insert_with(|| Reason {
            code: code.to_owned(),
            step: Some(step.clone()),
        });
    }

    pub(super) fn item_skipped(&mut self, slot: Slot, moment: Moment) {
        self.due.remove(&slot);
        self.set_phase(Work { slot, undo: false }, WorkPhase::Over);
        self.finish(slot, StepStatus::Skipped, moment.at);
        self.step_over(slot.place, true);
    }

    pub(super) fn finish(&mut self, slot: Slot, status: StepStatus, at: Timestamp) {
        if let Some(item) = self.item_mut(slot) {
            item.status = status;
            item.finished_at = Some(at);
        }
    }

    pub(super) fn set_status(&mut self, slot: Slot, status: StepStatus) {
        if let Some(item) = self.item_mut(slot) {
            item.status = status;
        }
    }

    fn item_over(&mut self, slot: Slot) {
        let Some(state) = self.steps.get_mut(slot.place) else {
            return;
        };
        state.open_items = state.open_items.saturating_sub(1);
        if state.open_items > 0 {
            return;
        }
        let output = |item: &crate::step::ItemState| {
            item.output
                .as_ref()
                .and_then(|output| output.value().cloned())
        };
        state.output = if state.fan.is_some() {
            let outputs: Vec<Value> = state
                .items
                .iter()
                .map(|item| output(item).map_or(Value::Null, |value| (*value).clone()))
                .collect();
            Some(Arc::new(json!({ "items": outputs })))
        } else {
            state.items.first().and_then(output)
        };
        self.step_over(slot.place, false);
    }
}

fn toggle<T: Ord>(set: &mut BTreeSet<T>, value: T, enter: bool) {
    if enter {
        set.insert(value);
    } else {
        set.remove(&value);
    }
}
