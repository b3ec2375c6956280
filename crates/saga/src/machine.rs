//! The state machine of one goal.
//!
//! Law: `decide` reads, `apply` writes; neither knows a clock, a random source or the world. What follows from the
//! state alone is decided by [`Input::Continue`], which is given until it yields nothing.

mod apply;
mod begin;
mod decide;
mod item;
mod outcome;
mod settle;
mod start;
mod undo;
mod view;
mod wish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::digest::GoalKey;
use domain::goal::{GoalStatus, PlanSource};
use domain::plan::graph::Graph;
use domain::plan::{Plan, Step};
use domain::tool::{ToolSpec, Toolset};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::effect::Effect;
use crate::event::{Acceptance, Event, Reason, StepItem};
use crate::input::{Input, Start};
use crate::moment::{Moment, later};
use crate::step::{ItemState, StepState};
use crate::unwind::Unwind;

/// The life of one goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Saga {
    key: GoalKey,
    sequence: u64,
    phase: Phase,
    acceptance: Option<Box<Acceptance>>,
    /// The goal's parameters, an object.
    parameters: Arc<Value>,
    adopted: Option<Adopted>,
    /// A plan was adopted whose document is not there.
    unreadable: bool,
    times: Times,
    steps: Vec<StepState>,
    open_steps: usize,
    /// Uses of steps that owe an event before they can start.
    due: BTreeSet<Slot>,
    /// Uses of steps that can start, by tool.
    ready: BTreeMap<String, BTreeSet<Slot>>,
    in_flight: BTreeSet<Work>,
    doubts: BTreeSet<Work>,
    /// Deadlines and expiries, on the machine's clock.
    expiries: BTreeSet<(Timestamp, Expiry)>,
    /// Timers that run, on the machine's clock.
    timers: BTreeSet<(Timestamp, Slot)>,
    /// Backoffs by tool, on the machine's clock.
    backoffs: BTreeMap<String, BTreeSet<(Timestamp, Work)>>,
    approvals: BTreeMap<String, Slot>,
    /// Why the goal cannot be completed.
    failure: Option<Reason>,
    cancelled: bool,
    /// A late outcome contradicts what was settled or how the goal ended.
    contradiction: bool,
    unwind: Unwind,
    reply: Option<Arc<Value>>,
    stuck: Option<Reason>,
    /// Where it was before it was stuck.
    stuck_from: Phase,
}

/// Where a goal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has happened.
    New,
    /// Durable, without a plan.
    Accepted,
    /// Carrying out its plan.
    Running,
    /// Undoing what it did.
    Unwinding,
    /// Only a person moves it on.
    Stuck,
    /// Over.
    Ended(GoalStatus),
}

/// The plan as it is followed.
#[derive(Debug, Clone, PartialEq)]
struct Adopted {
    plan: Arc<Plan>,
    graph: Arc<Graph>,
    tools: Arc<Toolset>,
    reply: Option<Value>,
    source: PlanSource,
    playbook: Option<String>,
}

/// When things happened to the goal as a whole, by the wall clock unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
struct Times {
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
    finished: Option<Timestamp>,
    /// When the present pause began, on the machine's clock.
    paused: Option<Timestamp>,
    /// How long earlier pauses took.
    paused_total: SignedDuration,
}

/// One use of a step: the step's place in the plan, and the item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    pub(crate) place: usize,
    pub(crate) item: usize,
}

/// One direction of a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    slot: Slot,
    undo: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Expiry {
    #[default]
    Goal,
    Approval(Slot),
}

impl Saga {
    /// A goal to which nothing has happened.
    pub fn new(key: GoalKey) -> Self {
        Self {
            key,
            sequence: 0,
            phase: Phase::New,
            acceptance: None,
            parameters: Arc::new(Value::Object(serde_json::Map::new())),
            adopted: None,
            unreadable: false,
            times: Times::default(),
            steps: Vec::new(),
            open_steps: 0,
            due: BTreeSet::new(),
            ready: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            doubts: BTreeSet::new(),
            expiries: BTreeSet::new(),
            timers: BTreeSet::new(),
            backoffs: BTreeMap::new(),
            approvals: BTreeMap::new(),
            failure: None,
            cancelled: false,
            contradiction: false,
            unwind: Unwind::default(),
            reply: None,
            stuck: None,
            stuck_from: Phase::New,
        }
    }

    /// What follows from an input. A stale input yields nothing; an outcome is never stale.
    pub fn decide(&self, input: &Input, now: Moment) -> Vec<Event> {
        let kinds = match input {
            Input::Accept(acceptance) => self.accept(acceptance),
            Input::AdoptPlan(adoption) => self.adopt(adoption),
            Input::Continue => self.consequence(),
            Input::Start(start) => self.start(start, now),
            Input::Outcome(ended) => self.outcome(ended, now),
            Input::Answer(ended) => self.answer(ended, now),
            Input::Recover { jitter } => self.recover(*jitter, now),
            Input::Tick => self.tick(now),
            Input::Person(person) => self.wish(person),
        };
        kinds
            .into_iter()
            .map(|kind| Event { moment: now, kind })
            .collect()
    }

    /// Changes the state by what happened. Total: an event that does not fit changes nothing but the sequence.
    pub fn apply(&mut self, event: &Event) {
        self.sequence += 1;
        self.times.updated = Some(event.moment.at);
        self.absorb(&event.kind, event.moment);
    }

    /// What the world owes the goal: every admitted attempt without an outcome.
    pub fn pending(&self) -> impl Iterator<Item = Effect> + '_ {
        self.in_flight.iter().filter_map(|work| self.effect(*work))
    }

    /// The attempt in flight for one use of one step, if there is one.
    pub fn pending_at(&self, at: &StepItem, undo: bool) -> Option<Effect> {
        let slot = self.slot(at)?;
        self.in_flight
            .get(&Work { slot, undo })
            .and_then(|work| self.effect(*work))
    }

    /// The attempts that may start now, at most one for each tool.
    pub fn ready(&self, now: Moment) -> Vec<Start> {
        if !self.may_act() {
            return Vec::new();
        }
        let clock = self.clock(now);
        let rested = self
            .backoffs
            .values()
            .filter_map(|waits| waits.first())
            .filter(|(time, _)| *time <= clock)
            .map(|(_, work)| *work)
            .filter(|work| self.has_way(*work));
        let fresh = self
            .ready
            .values()
            .filter_map(|slots| slots.first())
            .map(|slot| Work {
                slot: *slot,
                undo: false,
            });
        let undo = self.next_undo().map(|slot| Work { slot, undo: true });
        let mut starts: Vec<Start> = Vec::new();
        for work in rested.chain(fresh).chain(undo) {
            let Some(tool) = self.tool_name(work) else {
                continue;
            };
            if !starts.iter().any(|other| other.tool == tool) {
                starts.extend(self.start_of(work));
            }
        }
        starts
    }

    /// When [`Input::Tick`] is next due, or a backoff ends, on the clock that stands still during holds.
    ///
    /// `None`: time alone changes nothing. Where `Tick` has something to do at `now` already, that is when; a backoff that
    /// has ended is left out, since `ready` has it.
    pub fn deadline(&self, now: Moment) -> Option<Timestamp> {
        if self.times.paused.is_some() || matches!(self.phase, Phase::Stuck | Phase::Ended(_)) {
            return None;
        }
        // A timer that was due when it started begins after the tick of its moment.
        if !self.tick(now).is_empty() {
            return Some(now.clock());
        }
        let clock = self.clock(now);
        let expiry = after(&self.expiries, clock);
        let timer = after(&self.timers, clock);
        let waits = self.backoffs.values();
        let backoff = waits.filter_map(|waits| after(waits, clock)).min();
        let next = [expiry, timer, backoff].into_iter().flatten().min();
        next.map(|time| later(time, self.times.paused_total))
    }

    /// Whether nothing is in flight that a work must wait for: a compensation runs alone.
    fn has_way(&self, work: Work) -> bool {
        let undoing = |slot| self.in_flight.contains(&Work { slot, undo: true });
        if work.undo {
            return self.in_flight.is_empty();
        }
        !self.unwind.active.is_some_and(undoing)
    }

    /// Whether any attempt may start.
    fn may_act(&self) -> bool {
        let going = match self.phase {
            Phase::Running => self.failure.is_none(),
            Phase::Unwinding => true,
            Phase::New | Phase::Accepted | Phase::Stuck | Phase::Ended(_) => false,
        };
        going && self.times.paused.is_none() && !self.contradiction
    }

    /// The next success to undo, when nothing else is under way.
    fn next_undo(&self) -> Option<Slot> {
        let idle = self.at_rest();
        if self.phase != Phase::Unwinding || !idle {
            return None;
        }
        self.unwind.next()
    }

    /// The machine's clock: it stands still during holds and pauses.
    fn clock(&self, now: Moment) -> Timestamp {
        let clock = later(now.clock(), -self.times.paused_total);
        self.times.paused.map_or(clock, |since| clock.min(since))
    }

    fn start_of(&self, work: Work) -> Option<Start> {
        let tool = self.tool_name(work)?.to_owned();
        Some(Start {
            at: self.step_item(work.slot)?,
            undo: work.undo,
            tool,
        })
    }

    fn slot(&self, at: &StepItem) -> Option<Slot> {
        let place = self.adopted.as_ref()?.graph.place(at.step.as_str())?;
        let item = at
            .item
            .map_or(0, |item| usize::try_from(item).unwrap_or(usize::MAX));
        let state = self.steps.get(place)?;
        (item < state.items.len() && at.item.is_some() == state.fan.is_some())
            .then_some(Slot { place, item })
    }

    fn step_item(&self, slot: Slot) -> Option<StepItem> {
        let step = self.step(slot.place)?.id.clone();
        let fans_out = self.steps.get(slot.place)?.fan.is_some();
        let item = fans_out.then(|| u32::try_from(slot.item).unwrap_or(u32::MAX));
        Some(StepItem { step, item })
    }

    fn step(&self, place: usize) -> Option<&Step> {
        self.adopted.as_ref()?.plan.steps.get(place)
    }

    fn item(&self, slot: Slot) -> Option<&ItemState> {
        self.steps.get(slot.place)?.items.get(slot.item)
    }

    fn item_mut(&mut self, slot: Slot) -> Option<&mut ItemState> {
        self.steps.get_mut(slot.place)?.items.get_mut(slot.item)
    }

    fn tool_name(&self, work: Work) -> Option<&str> {
        let step = self.step(work.slot.place)?;
        if work.undo {
            step.compensation.as_ref().map(|undo| undo.tool.as_str())
        } else {
            Some(&step.tool)
        }
    }

    fn tool(&self, work: Work) -> Option<&ToolSpec> {
        self.adopted.as_ref()?.tools.get(self.tool_name(work)?)
    }

    /// Whether no effect, backoff or timer is under way.
    fn at_rest(&self) -> bool {
        self.in_flight.is_empty()
            && self.timers.is_empty()
            && self.backoffs.is_empty()
            && self.unwind.active.is_none()
    }

    /// Whether nothing but a person can move the goal on.
    fn waits_for_person(&self) -> bool {
        let still = self.at_rest();
        let idle =
            still && self.due.is_empty() && self.ready.is_empty() && self.next_undo().is_none();
        idle && (self.asks() || !self.doubts.is_empty())
    }

    fn asks(&self) -> bool {
        self.expiries
            .iter()
            .any(|(_, expiry)| matches!(expiry, Expiry::Approval(_)))
    }
}

/// The first time after `clock`; the default of `T` is its least value.
fn after<T: Default + Ord>(
    times: &BTreeSet<(Timestamp, T)>,
    clock: Timestamp,
) -> Option<Timestamp> {
    let least = (later(clock, SignedDuration::from_nanos(1)), T::default());
    times.range(least..).next().map(|(time, _)| *time)
}
