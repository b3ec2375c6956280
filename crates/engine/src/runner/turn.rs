//! One turn of a goal: what its inputs lead to on the runner's private copy, before anything is committed.

use saga::event::EventKind;
use saga::{Effect, Event, Input, Moment};
use store::{Gate, Notice};

use super::{Leave, Runner};
use crate::floor::Floor;
use crate::notice;

/// The events of one turn, before they are committed.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) events: Vec<Event>,
    pub(super) evidence: Vec<audit::Draft>,
    pub(super) notices: Vec<Notice>,
    /// Tools whose room was taken, one entry an effect.
    pub(super) taken: Vec<String>,
    pub(super) admits: bool,
    notifies: bool,
}

impl Runner {
    /// Decides inputs and everything that follows, and admits what there is room for.
    pub(super) fn decide(
        &mut self,
        inputs: &[Input],
        now: Moment,
        gate: &Gate,
        leave: Leave<'_>,
    ) -> Turn {
        let mut turn = Turn {
            notifies: leave.notifies,
            ..Turn::default()
        };
        for (id, person) in std::mem::take(&mut self.wishes) {
            self.inbox_read = self.inbox_read.max(id);
            self.feed(&Input::Person(person), now, &mut turn);
            self.follow(now, &mut turn);
        }
        for input in inputs {
            self.feed(input, now, &mut turn);
        }
        let held = gate.holding(&self.goal.tenant, &self.goal.goal).is_some();
        if !held {
            self.feed(&Input::Tick, now, &mut turn);
        }
        self.follow(now, &mut turn);
        if leave.starts && !held {
            self.admit(now, gate, leave.floor, &mut turn);
        }
        turn
    }

    /// Admits attempts while there is room for any.
    fn admit(&mut self, now: Moment, gate: &Gate, floor: &Floor, turn: &mut Turn) {
        let mut full: Vec<String> = Vec::new();
        loop {
            let ready = self.saga.ready(now);
            let Some(start) = ready.into_iter().find(|start| !full.contains(&start.tool)) else {
                return;
            };
            let tool = start.tool.clone();
            let held = gate
                .held(&self.goal.tenant, &self.goal.goal, &tool)
                .is_some();
            let timer = tool == domain::tool::WAIT;
            if held || !(timer || floor.take(&tool, self.concurrency(&tool), &self.goal)) {
                full.push(tool);
                continue;
            }
            let before = turn.events.len();
            self.feed(&Input::Start(start), now, turn);
            let started = turn
                .events
                .get(before..)
                .unwrap_or_default()
                .iter()
                .any(|event| is_effect(&event.kind));
            turn.admits |= started;
            if started {
                turn.taken.push(tool);
            } else {
                if !timer {
                    floor.give_back(&tool);
                }
                if turn.events.len() == before {
                    full.push(tool);
                }
            }
            self.follow(now, turn);
        }
    }

    fn concurrency(&self, tool: &str) -> u32 {
        self.saga
            .tools()
            .and_then(|tools| tools.get(tool))
            .map_or(1, |spec| spec.concurrency)
    }

    /// Decides what follows from the state alone until nothing does.
    fn follow(&mut self, now: Moment, turn: &mut Turn) {
        while self.feed(&Input::Continue, now, turn) {}
    }

    fn feed(&mut self, input: &Input, now: Moment, turn: &mut Turn) -> bool {
        let events = self.saga.decide(input, now);
        let any = !events.is_empty();
        for event in events {
            self.saga.apply(&event);
            turn.evidence
                .extend(saga::evidence::draft(&self.saga, &event));
            if turn.notifies {
                turn.notices.extend(notice::of(&self.saga, &event));
            }
            turn.events.push(event);
        }
        any
    }

    /// The effects whose start is among a turn's events.
    pub(super) fn admitted(&self, turn: &Turn) -> Vec<Effect> {
        let started = turn.events.iter().filter(|event| is_effect(&event.kind));
        let effect = |event: &Event| match &event.kind {
            EventKind::StepStarted { at, .. } => self.saga.pending_at(at, false),
            EventKind::CompensationStarted { at, .. } => self.saga.pending_at(at, true),
            _ => None,
        };
        started.filter_map(effect).collect()
    }
}

fn is_effect(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::StepStarted { wait_ms: None, .. } | EventKind::CompensationStarted { .. }
    )
}
