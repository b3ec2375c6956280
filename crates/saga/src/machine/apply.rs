//! What each event changes.

use std::sync::Arc;

use domain::approval::ApprovalStatus;
use domain::goal::{GoalStatus, StepStatus};
use jiff::SignedDuration;
use serde_json::Value;

use super::decide::INTERRUPTED;
use super::{Expiry, Phase, Saga, Slot, Work};
use crate::event::{EventKind, Failure, FailureClass, Reason, StepItem};
use crate::moment::{Moment, later};
use crate::payload::Payload;
use crate::step::{Asked, WorkPhase};

impl Saga {
    /// Changes the state by one event.
    pub(super) fn absorb(&mut self, kind: &EventKind, moment: Moment) {
        match kind {
            EventKind::GoalAccepted { acceptance } => self.accepted(acceptance, moment),
            EventKind::PlanAdopted { adoption } => self.plan_adopted(adoption),
            EventKind::GoalPaused { .. } => self.times.paused = Some(self.clock(moment)),
            EventKind::GoalResumed { .. } => self.end_pause(moment),
            EventKind::CancelRequested { .. } => {
                self.end_pause(moment);
                self.cancelled = true;
                self.failure = Some(Reason {
                    code: "goal.cancelled".into(),
                    step: None,
                });
            }
            EventKind::UnwindingStarted { reason } => self.unwinding_started(reason, moment),
            EventKind::RetryRequested { .. } => self.retry_requested(),
            EventKind::GoalCompleted { reply } => {
                self.reply = reply.as_ref().and_then(|reply| reply.value().cloned());
                self.ended(GoalStatus::Completed, moment);
            }
            EventKind::GoalFailed { .. } => self.ended(GoalStatus::Failed, moment),
            EventKind::GoalCancelled {} => self.ended(GoalStatus::Cancelled, moment),
            EventKind::GoalStuck { reason } => {
                self.stuck_from = self.phase;
                self.phase = Phase::Stuck;
                self.stuck = Some(reason.clone());
                self.times.finished = None;
            }
            EventKind::StepStarted { at, .. }
            | EventKind::StepSucceeded { at, .. }
            | EventKind::StepFailed { at, .. }
            | EventKind::StepSkipped { at, .. }
            | EventKind::StepInDoubt { at, .. }
            | EventKind::StepSettled { at, .. }
            | EventKind::ApprovalAsked { at, .. }
            | EventKind::ApprovalGranted { at, .. }
            | EventKind::ApprovalRefused { at, .. }
            | EventKind::ApprovalExpired { at, .. }
            | EventKind::CompensationStarted { at, .. }
            | EventKind::CompensationSucceeded { at, .. }
            | EventKind::CompensationFailed { at, .. } => {
                if let Some(slot) = self.slot(at) {
                    self.absorb_step(slot, at, kind, moment);
                }
            }
        }
    }

    /// Changes the state by an event of one use of a step.
    fn absorb_step(&mut self, slot: Slot, at: &StepItem, kind: &EventKind, moment: Moment) {
        let forth = Work { slot, undo: false };
        match kind {
            EventKind::StepStarted {
                attempt,
                input,
                wait_ms,
                ask,
                ..
            } => {
                self.unready(slot);
                self.drop_expiry(slot);
                let clock = self.clock(moment);
                let timer = wait_ms.map(|wait| WorkPhase::Timer(later(clock, millis(wait))));
                self.admitted(forth, (*attempt, *ask), input.as_ref(), moment);
                self.set_phase(forth, timer.unwrap_or(WorkPhase::InFlight));
                self.set_status(slot, StepStatus::Running);
            }
            EventKind::StepSucceeded {
                attempt, output, ..
            } => {
                // Attempt 0 is a fan-out over nothing: there is no effect to undo.
                self.item_succeeded(slot, Some(output), (*attempt > 0, moment));
            }
            EventKind::StepFailed {
                attempt,
                failure,
                retry_in_ms,
                ..
            } => {
                self.failed_attempt(forth, *attempt, (failure, retry_in_ms.is_none()));
                match retry_in_ms {
                    Some(wait) => self.back_off(forth, *wait, moment),
                    None => self.item_failed(slot, &at.step, "step.failed", moment),
                }
            }
            EventKind::StepSkipped { .. } => self.item_skipped(slot, moment),
            EventKind::StepInDoubt { .. } => self.doubted(slot, kind, moment),
            EventKind::StepSettled { .. } => self.settled(slot, at, kind, moment),
            EventKind::ApprovalAsked { .. } => self.asked(slot, kind, moment),
            EventKind::ApprovalGranted { .. } => {
                self.decided(slot, ApprovalStatus::Granted);
                self.make_ready(slot);
            }
            EventKind::ApprovalRefused { .. } => {
                self.decided(slot, ApprovalStatus::Refused);
                self.item_failed(slot, &at.step, "approval.refused", moment);
            }
            EventKind::ApprovalExpired { .. } => {
                self.decided(slot, ApprovalStatus::Expired);
                self.item_failed(slot, &at.step, "approval.expired", moment);
            }
            EventKind::CompensationStarted { .. }
            | EventKind::CompensationSucceeded { .. }
            | EventKind::CompensationFailed { .. } => self.absorb_undo(slot, kind, moment),
            EventKind::GoalAccepted { .. }
            | EventKind::PlanAdopted { .. }
            | EventKind::GoalPaused { .. }
            | EventKind::GoalResumed { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::GoalCancelled {}
            | EventKind::RetryRequested { .. }
            | EventKind::UnwindingStarted { .. }
            | EventKind::GoalCompleted { .. }
            | EventKind::GoalFailed { .. }
            | EventKind::GoalStuck { .. } => {}
        }
    }

    /// Changes the state by an event of one compensation.
    fn absorb_undo(&mut self, slot: Slot, kind: &EventKind, moment: Moment) {
        let back = Work { slot, undo: true };
        match kind {
            EventKind::CompensationStarted {
                attempt,
                generation,
                input,
                ask,
                ..
            } => {
                self.take_undo(slot);
                self.unwind.active = Some(slot);
                self.admitted(back, (*attempt, *ask), input.as_ref(), moment);
                if let Some(item) = self.item_mut(slot) {
                    item.back.generation = *generation;
                }
                self.set_phase(back, WorkPhase::InFlight);
            }
            EventKind::CompensationSucceeded { .. } => self.compensated(slot, moment),
            EventKind::CompensationFailed {
                attempt,
                failure,
                retry_in_ms,
                ..
            } => {
                self.failed_attempt(back, *attempt, (failure, retry_in_ms.is_none()));
                match retry_in_ms {
                    Some(wait) => self.back_off(back, *wait, moment),
                    None => self.compensation_failed(slot),
                }
            }
            _ => {}
        }
    }

    fn end_pause(&mut self, moment: Moment) {
        if let Some(since) = self.times.paused.take() {
            let resumed = self.clock(moment);
            self.times.paused_total += resumed.duration_since(since).max(SignedDuration::ZERO);
        }
    }

    fn ended(&mut self, status: GoalStatus, moment: Moment) {
        self.phase = Phase::Ended(status);
        self.times.finished = Some(moment.at);
        self.expiries.clear();
    }

    fn admitted(
        &mut self,
        work: Work,
        (attempt, ask): (u32, bool),
        input: Option<&Payload>,
        moment: Moment,
    ) {
        let own = self.own_input(work);
        let Some(item) = self.item_mut(work.slot) else {
            return;
        };
        item.started_at.get_or_insert(moment.at);
        let state = item.work_mut(work.undo);
        state.attempt = attempt;
        state.ask = ask;
        state.first_started.get_or_insert(moment.at);
        match input {
            Some(payload) => state.input = payload.value().cloned(),
            None if state.input.is_none() => state.input = own,
            None => {}
        }
    }

    /// The input as the plan has it.
    fn own_input(&self, work: Work) -> Option<Arc<Value>> {
        let step = self.step(work.slot.place)?;
        let input = if work.undo {
            &step.compensation.as_ref()?.input
        } else {
            &step.input
        };
        Some(Arc::new(input.clone()))
    }

    fn failed_attempt(&mut self, work: Work, attempt: u32, (failure, last): (&Failure, bool)) {
        let asks = self.asks_after_unknown(work);
        let Some(item) = self.item_mut(work.slot) else {
            return;
        };
        item.error = failure.error.clone();
        let state = item.work_mut(work.undo);
        if failure.code == INTERRUPTED {
            state.forgiven += 1;
        }
        if failure.kind == FailureClass::Unknown {
            state.unknown.push(attempt);
            state.ask = asks;
        } else if state.ask || last {
            // Asked, the tool said no; or the end is a proven failure: no earlier attempt happened.
            state.unknown.clear();
            state.ask = false;
        }
    }

    fn back_off(&mut self, work: Work, wait: u64, moment: Moment) {
        let until = later(self.clock(moment), millis(wait));
        self.set_phase(work, WorkPhase::Backoff(until));
    }

    fn doubted(&mut self, slot: Slot, kind: &EventKind, moment: Moment) {
        let EventKind::StepInDoubt {
            undo,
            attempt,
            error,
            ..
        } = kind
        else {
            return;
        };
        let work = Work { slot, undo: *undo };
        if work.undo {
            self.unwind.active = None;
        }
        self.set_phase(work, WorkPhase::Doubt { since: moment.at });
        let Some(item) = self.item_mut(work.slot) else {
            return;
        };
        item.status = StepStatus::InDoubt;
        item.error = error.clone();
        let unknown = &mut item.work_mut(work.undo).unknown;
        if !unknown.contains(attempt) {
            unknown.push(*attempt);
        }
    }

    fn asked(&mut self, slot: Slot, kind: &EventKind, moment: Moment) {
        let EventKind::ApprovalAsked {
            approval,
            digest,
            input,
            expires_in_seconds,
            ..
        } = kind
        else {
            return;
        };
        let expires = later(
            self.clock(moment),
            SignedDuration::from_secs(i64::from(*expires_in_seconds)),
        );
        let own = self.own_input(Work { slot, undo: false });
        let input = input
            .as_ref()
            .map_or(own, |payload| payload.value().cloned());
        self.due.remove(&slot);
        self.approvals.insert(approval.clone(), slot);
        self.expiries.insert((expires, Expiry::Approval(slot)));
        if let Some(item) = self.item_mut(slot) {
            let input = input.unwrap_or_default();
            let status = ApprovalStatus::Pending;
            item.approval = Some(Asked {
                id: approval.clone(),
                digest: *digest,
                status,
                input,
                expires,
            });
        }
    }

    pub(super) fn decided(&mut self, slot: Slot, status: ApprovalStatus) {
        if status != ApprovalStatus::Granted {
            self.drop_expiry(slot);
            self.unready(slot);
        }
        if let Some(asked) = self.item_mut(slot).and_then(|item| item.approval.as_mut()) {
            asked.status = status;
        }
    }

    fn drop_expiry(&mut self, slot: Slot) {
        if let Some(expires) = self
            .item(slot)
            .and_then(|item| item.approval.as_ref())
            .map(|asked| asked.expires)
        {
            self.expiries.remove(&(expires, Expiry::Approval(slot)));
        }
    }
}

fn millis(wait: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX))
}
