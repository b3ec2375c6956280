//! The people of a simulated goal: they wish all sorts of things, settle by what they see in the world, and sometimes err.

use domain::approval::{ApprovalStatus, Decision};
use domain::digest::Digest;
use domain::goal::{GoalStatus, StepStatus};
use saga::Input;
use saga::event::{Settlement, StepItem};
use saga::input::Wish;
use saga::machine::Phase;

use super::life::Life;
use crate::design::Act;
use crate::scene::person;
use crate::world::output;

impl Life<'_> {
    /// Any wish at all, whether it makes sense or not.
    pub(super) fn wish_anything(&mut self) -> Result<(), String> {
        match self.random.below(16) {
            0 => self.wish(Wish::PauseGoal),
            1 | 2 => self.wish(Wish::ResumeGoal),
            3 if self.random.percent(40) => self.wish(Wish::CancelGoal { emergency: false }),
            4 if self.random.percent(40) => self.wish(Wish::CancelGoal { emergency: true }),
            5 | 6 => self.wish(Wish::RetryGoal),
            7..10 => {
                let decision = if self.random.percent(50) {
                    Decision::Grant
                } else {
                    Decision::Refuse
                };
                self.decide(decision)
            }
            _ => {
                let at = self.some_place();
                let results = [
                    Settlement::Happened,
                    Settlement::DidNotHappen,
                    Settlement::Undone,
                    Settlement::TryAgain,
                ];
                let result = *self.random.pick(&results);
                self.settle(at, result)
            }
        }
    }

    /// What a sensible person does now, if anything.
    pub(super) fn act(&mut self) -> Result<(), String> {
        self.act_if_asked().map(|_| ())
    }

    /// Does what the goal waits for; whether it waits for anything.
    pub(super) fn act_if_asked(&mut self) -> Result<bool, String> {
        let saga = &self.scene.saga;
        if saga.status() == GoalStatus::Paused {
            return self.wish(Wish::ResumeGoal).map(|()| true);
        }
        let doubt = saga.doubts().next();
        if let Some((at, undo)) = doubt {
            return self.end_doubt(at, undo).map(|()| true);
        }
        if saga.phase() == Phase::Stuck {
            return self.repair().map(|()| true);
        }
        if self.pending_approval().is_some() && saga.status() == GoalStatus::Waiting {
            let decision = if self.random.percent(85) {
                Decision::Grant
            } else {
                Decision::Refuse
            };
            return self.decide(decision).map(|()| true);
        }
        Ok(false)
    }

    fn wish(&mut self, wish: Wish) -> Result<(), String> {
        self.give(&Input::Person(person(wish)))
    }

    /// Looks into the world and says what is so, or has it tried again, or undoes it by hand.
    fn end_doubt(&mut self, at: StepItem, undo: bool) -> Result<(), String> {
        let act = self.world.design.act(&at, undo);
        let happened = self.world.count(act) > 0;
        let result = match self.random.below(10) {
            0 | 1 => Settlement::TryAgain,
            2 => Settlement::Undone,
            // An error: it is made only where the truth is on its way.
            3..6 if happened => Settlement::DidNotHappen,
            3..6 => Settlement::Happened,
            _ if happened => Settlement::Happened,
            _ => Settlement::DidNotHappen,
        };
        self.refused.remove(&(act.place, true));
        self.settle(at, result)
    }

    /// Removes what was in the way of the undo; without the goal's help, or by hand.
    fn repair(&mut self) -> Result<(), String> {
        if self.calm || self.random.percent(70) {
            self.refused.retain(|(_, undo)| !undo);
        }
        let failed = self.scene.saga.steps().find_map(|(step, state)| {
            let item = state
                .items()
                .iter()
                .position(|item| item.status == StepStatus::CompensationFailed)?;
            let item = state.fans_out().then(|| u32::try_from(item).unwrap());
            Some(StepItem {
                step: step.id.clone(),
                item,
            })
        });
        match failed {
            Some(at) if self.random.percent(30) => {
                let result = if self.random.percent(50) {
                    Settlement::TryAgain
                } else {
                    Settlement::Undone
                };
                self.settle(at, result)
            }
            _ => self.wish(Wish::RetryGoal),
        }
    }

    /// Settles, and notes what the machine cannot know: that it was a lie, or done by hand.
    fn settle(&mut self, at: StepItem, result: Settlement) -> Result<(), String> {
        let known = self.random.percent(85);
        let doubt = self.scene.saga.doubts().find(|(doubted, _)| *doubted == at);
        let undo = doubt.map_or_else(|| self.undo_failed(&at), |(_, undo)| undo);
        let act = self.world.design.act(&at, undo);
        let forth = Act { undo: false, ..act };
        let output = (known && result == Settlement::Happened).then(|| output(forth));
        let wish = Wish::Settle {
            at,
            result,
            output,
            reason: None,
        };
        if self.scene.saga.refusal(&wish).is_none() {
            let posted = self.world.posted.contains(&act);
            let happened = self.world.count(act) > 0;
            let lie = match result {
                Settlement::Happened => !happened,
                Settlement::DidNotHappen => happened || posted,
                Settlement::Undone => posted,
                Settlement::TryAgain => false,
            };
            if lie && !self.errs(act) {
                return Ok(());
            }
            if lie {
                self.hearsay.lies.insert(act);
            }
            if result == Settlement::Undone {
                self.hearsay.by_hand.insert(forth);
            }
        }
        self.wish(wish)
    }

    /// Whether the person errs: only where the truth is on its way.
    fn errs(&self, act: Act) -> bool {
        !self.calm && self.late.iter().any(|late| late.act == act)
    }

    fn undo_failed(&self, at: &StepItem) -> bool {
        let state = self.scene.saga.step_state(at.step.as_str());
        let item = usize::try_from(at.item.unwrap_or(0)).unwrap();
        let status = state
            .and_then(|state| state.items().get(item))
            .map(|item| item.status);
        status == Some(StepStatus::CompensationFailed)
    }

    fn decide(&mut self, decision: Decision) -> Result<(), String> {
        let (approval, mut digest) = self
            .pending_approval()
            .unwrap_or(("apr-none".into(), Digest::from_bytes([9; 32])));
        if !self.calm && self.random.percent(30) {
            digest = Digest::from_bytes([0; 32]);
        }
        self.wish(Wish::Decide {
            approval,
            digest,
            decision,
            reason: None,
        })
    }

    fn pending_approval(&self) -> Option<(String, Digest)> {
        let items = self.scene.saga.steps().flat_map(|(_, state)| state.items());
        let mut pending = items.filter_map(|item| item.approval.as_ref());
        let asked = pending.find(|asked| asked.status == ApprovalStatus::Pending)?;
        Some((asked.id.clone(), asked.digest))
    }
}
