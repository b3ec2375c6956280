//! What others may know of a goal's state.

use std::sync::Arc;

use domain::goal::{GoalStatus, PlanSource};
use domain::plan::{Plan, Step};
use domain::tool::Toolset;
use jiff::Timestamp;
use serde_json::Value;

use super::{Phase, Saga};
use crate::event::{Acceptance, Reason, StepItem};
use crate::moment::{Moment, later};
use crate::step::StepState;

impl Saga {
    /// Events applied so far: the newest one's number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Where the goal is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where the goal stands, as people see it.
    pub fn status(&self) -> GoalStatus {
        match self.phase {
            Phase::Accepted | Phase::Running if self.times.paused.is_some() => GoalStatus::Paused,
            Phase::New | Phase::Accepted => GoalStatus::Accepted,
            Phase::Running | Phase::Unwinding if self.waits_for_person() => GoalStatus::Waiting,
            Phase::Running => GoalStatus::Running,
            Phase::Unwinding => GoalStatus::Compensating,
            Phase::Stuck => GoalStatus::Stuck,
            Phase::Ended(status) => status,
        }
    }

    /// Why the goal unwinds, ended undone, or is stuck.
    pub fn reason(&self) -> Option<&Reason> {
        self.stuck.as_ref().or(self.failure.as_ref())
    }

    /// What the goal is; `None` before its acceptance.
    pub fn acceptance(&self) -> Option<&Acceptance> {
        self.acceptance.as_deref()
    }

    /// The goal's parameters, an object.
    pub fn parameters(&self) -> &Arc<Value> {
        &self.parameters
    }

    /// The plan; `None`: there is none yet, or its payload was erased.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.adopted.as_ref().map(|adopted| &adopted.plan)
    }

    /// The tools that the plan was checked against.
    pub fn tools(&self) -> Option<&Arc<Toolset>> {
        self.adopted.as_ref().map(|adopted| &adopted.tools)
    }

    /// Who made the plan, and the playbook's name.
    pub fn plan_source(&self) -> Option<(PlanSource, Option<&str>)> {
        self.adopted
            .as_ref()
            .map(|adopted| (adopted.source, adopted.playbook.as_deref()))
    }

    /// The steps with their states, in the plan's order.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        let steps = self
            .adopted
            .as_ref()
            .map(|adopted| adopted.plan.steps.as_slice())
            .unwrap_or_default();
        steps.iter().zip(&self.steps)
    }

    /// One step of the plan.
    pub fn plan_step(&self, id: &str) -> Option<&Step> {
        self.step(self.adopted.as_ref()?.graph.place(id)?)
    }

    /// The state of one step.
    pub fn step_state(&self, step: &str) -> Option<&StepState> {
        self.steps.get(self.adopted.as_ref()?.graph.place(step)?)
    }

    /// The uses of steps that are in doubt, with whether it is their undo.
    pub fn doubts(&self) -> impl Iterator<Item = (StepItem, bool)> + '_ {
        self.doubts
            .iter()
            .filter_map(|work| Some((self.step_item(work.slot)?, work.undo)))
    }

    /// Compensations done, and how many there are to do.
    pub fn compensation(&self) -> (u32, u32) {
        (self.unwind.done, self.unwind.of)
    }

    /// What the user is told.
    pub fn reply(&self) -> Option<&str> {
        self.reply.as_ref().and_then(|reply| reply.as_str())
    }

    /// When the goal was accepted, changed last, and ended.
    pub fn times(&self) -> (Option<Timestamp>, Option<Timestamp>, Option<Timestamp>) {
        (self.times.created, self.times.updated, self.times.finished)
    }

    /// When an approval expires by the wall clock, if nothing holds or pauses the goal before; `None`: it is not open.
    pub fn approval_expires(&self, approval: &str, now: Moment) -> Option<Timestamp> {
        let asked = self
            .item(*self.approvals.get(approval)?)?
            .approval
            .as_ref()?;
        let clock = self.clock(now);
        Some(later(now.at, asked.expires.duration_since(clock)))
    }
}
