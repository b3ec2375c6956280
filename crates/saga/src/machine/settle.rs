//! What the end of a doubt changes.

use domain::goal::StepStatus;

use super::{Phase, Saga, Slot, Work};
use crate::event::{EventKind, Settlement, StepItem};
use crate::moment::Moment;
use crate::payload::Payload;
use crate::step::WorkPhase;

impl Saga {
    pub(super) fn settled(&mut self, slot: Slot, at: &StepItem, kind: &EventKind, moment: Moment) {
        let EventKind::StepSettled {
            undo,
            result,
            output,
            contradicts,
            ..
        } = kind
        else {
            return;
        };
        self.contradiction |= *contradicts;
        if let Some(item) = self.item_mut(slot) {
            item.work_mut(*undo).settled = Some(*result);
        }
        if *undo {
            self.undo_settled(slot, *result, moment);
        } else {
            self.effect_settled(slot, at, (*result, output.as_ref()), moment);
        }
        if self.phase == Phase::Stuck && !self.contradiction {
            self.phase = Phase::Unwinding;
            self.stuck = None;
        }
    }

    fn effect_settled(
        &mut self,
        slot: Slot,
        at: &StepItem,
        (result, output): (Settlement, Option<&Payload>),
        moment: Moment,
    ) {
        match result {
            Settlement::Happened => self.item_succeeded(slot, output, (true, moment)),
            Settlement::DidNotHappen => {
                self.forget_success(slot);
                self.failed_after_doubt(slot, at, StepStatus::Failed, moment);
            }
            Settlement::Undone => {
                self.failed_after_doubt(slot, at, StepStatus::Compensated, moment)
            }
            Settlement::TryAgain => self.again(slot, moment),
        }
    }

    /// The step counts as failed; a goal that has ended keeps its end.
    fn failed_after_doubt(
        &mut self,
        slot: Slot,
        at: &StepItem,
        status: StepStatus,
        moment: Moment,
    ) {
        let before = self.failure.clone();
        self.item_failed(slot, &at.step, "step.failed", moment);
        if !matches!(self.phase, Phase::Running) {
            self.failure = before;
        }
        self.set_status(slot, status);
    }

    fn undo_settled(&mut self, slot: Slot, result: Settlement, moment: Moment) {
        match result {
            Settlement::Happened | Settlement::Undone => self.compensated(slot, moment),
            Settlement::DidNotHappen => {
                if let Some(item) = self.item_mut(slot) {
                    item.back.unknown.clear();
                }
                self.compensation_failed(slot);
            }
            Settlement::TryAgain => self.try_undo_again(slot),
        }
    }

    /// Lets a doubtful effect start again at once, under the same key and with all its attempts.
    fn again(&mut self, slot: Slot, moment: Moment) {
        let work = Work { slot, undo: false };
        let asks = self.asks_after_unknown(work);
        let clock = self.clock(moment);
        self.set_phase(work, WorkPhase::Backoff(clock));
        if let Some(item) = self.item_mut(slot) {
            item.forth.forgiven = item.forth.attempt;
            item.forth.ask = asks;
            item.forth.settled = None;
            item.status = StepStatus::Running;
        }
    }
}
