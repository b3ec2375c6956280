//! One turn of a goal: what its inputs lead to on the runner's private copy, before anything is committed.

use saga::event::EventKind;
use saga::{Effect, Event, Input, Moment};
use store::{Gate, Notice};

use super::{Kept, Leave, Runner};
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
    /// Whether effects start.
    pub(super) starts: bool,
    pub(super) kept: Kept,
    /// Whether another process is at what the goal had in flight when it began.
    others: bool,
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
        if gate.holding(&self.goal.tenant, &self.goal.goal).is_none() {
            self.feed(&Input::Tick, now, &mut turn);
        }
        turn.others = self.elsewhere && self.saga.pending().next().is_some();
        self.go_on(now, gate, leave, &mut turn);
        self.run_ahead(now, gate, leave, &mut turn);
        turn
    }

    /// Decides what follows from the state alone, and admits what there is room for.
    pub(super) fn go_on(&mut self, now: Moment, gate: &Gate, leave: Leave<'_>, turn: &mut Turn) {
        self.follow(now, turn);
        let held = gate.holding(&self.goal.tenant, &self.goal.goal).is_some();
        turn.kept.held = held;
        match leave.starts && !turn.others {
            _ if held => {}
            true => self.admit(now, gate, leave.floor, turn),
            false => turn.kept.cut = turn.others || !self.saga.ready(now).is_empty(),
        }
    }

    /// Admits attempts while there is room for any.
    fn admit(&mut self, now: Moment, gate: &Gate, floor: &Floor, turn: &mut Turn) {
        let mut full: Vec<String> = Vec::new();
        turn.kept.crowded = false;
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
                turn.kept.crowded |= !held;
                turn.kept.held |= held;
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
            turn.starts |= started;
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

    pub(super) fn feed(&mut self, input: &Input, now: Moment, turn: &mut Turn) -> bool {
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

    /// The effects whose start is among some events of a turn, and whose end is not.
    pub(super) fn admitted(&self, events: &[Event]) -> Vec<Effect> {
        let effect = |event: &Event| {
            let (at, attempt, undo) = match &event.kind {
                EventKind::StepStarted { at, attempt, .. } => (at, *attempt, false),
                EventKind::CompensationStarted { at, attempt, .. } => (at, *attempt, true),
                _ => return None,
            };
            let effect = self.saga.pending_at(at, undo)?;
            (effect.call.attempt == attempt).then_some(effect)
        };
        let started = events.iter().filter(|event| is_effect(&event.kind));
        started.filter_map(effect).collect()
    }
}

impl Turn {
    /// Gives back the room of an effect that has ended.
    pub(super) fn give_back(&mut self, tool: &str, floor: &Floor) {
        let place = self.taken.iter().position(|taken| taken == tool);
        if let Some(place) = place {
            self.taken.swap_remove(place);
            floor.give_back(tool);
        }
    }
}

fn is_effect(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::StepStarted { wait_ms: None, .. } | EventKind::CompensationStarted { .. }
    )
}
