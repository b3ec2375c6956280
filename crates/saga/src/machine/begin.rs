//! How a plan comes to life: acceptance, adoption, and the opening of steps whose needs are met.

use std::sync::Arc;

use domain::plan::condition::holds;
use domain::plan::graph::Graph;
use domain::plan::resolve::{Scope, resolve};
use domain::plan::{Plan, Step};
use domain::policy::{Verdict, verdict};
use jiff::SignedDuration;
use serde_json::Value;

use super::{Adopted, Expiry, Phase, Saga, Slot, Work};
use crate::event::{Acceptance, Adoption, SkipReason};
use crate::moment::{Moment, later};
use crate::step::{Due, ItemState, StepState};

impl Saga {
    pub(super) fn accepted(&mut self, acceptance: &Acceptance, moment: Moment) {
        self.phase = Phase::Accepted;
        self.times.created = Some(moment.at);
        let granted = SignedDuration::from_secs(i64::from(acceptance.limits.goal_seconds_max));
        let deadline = acceptance
            .deadline
            .unwrap_or_else(|| later(moment.clock(), granted));
        self.expiries.insert((deadline, Expiry::Goal));
        let parameters = acceptance
            .request
            .value()
            .and_then(|request| request.get("parameters"));
        if let Some(parameters) = parameters.filter(|parameters| parameters.is_object()) {
            self.parameters = Arc::new(parameters.clone());
        }
        self.acceptance = Some(Box::new(acceptance.clone()));
    }

    pub(super) fn plan_adopted(&mut self, adoption: &Adoption) {
        self.phase = Phase::Running;
        self.unreadable = true;
        let Some(document) = adoption.plan.value() else {
            return;
        };
        let plan = document
            .get("plan")
            .and_then(|plan| serde_json::from_value::<Plan>(plan.clone()).ok());
        let (Some(plan), Some(tools)) = (plan, adoption.tools.tools()) else {
            return;
        };
        self.unreadable = false;
        let graph = Graph::of(&plan);
        let missing = |place: usize| graph.node(place).map_or(0, |node| node.needs.len());
        let state = |place: usize| StepState {
            missing: missing(place),
            items: vec![ItemState::default()],
            open_items: 1,
            ..StepState::default()
        };
        self.steps = (0..plan.steps.len()).map(state).collect();
        self.open_steps = plan.steps.len();
        self.adopted = Some(Adopted {
            plan: Arc::new(plan),
            graph: Arc::new(graph),
            tools: tools.clone(),
            reply: document.get("reply").cloned(),
            source: adoption.source,
            playbook: adoption.playbook.clone(),
        });
        for place in 0..self.steps.len() {
            if self
                .steps
                .get(place)
                .is_some_and(|state| state.missing == 0)
            {
                self.open(place);
            }
        }
    }

    /// A step is over: those that need it come nearer.
    pub(super) fn step_over(&mut self, place: usize, skipped: bool) {
        let Some(state) = self.steps.get_mut(place) else {
            return;
        };
        if std::mem::replace(&mut state.over, true) {
            return;
        }
        self.open_steps -= 1;
        let Some(graph) = self.adopted.as_ref().map(|adopted| adopted.graph.clone()) else {
            return;
        };
        for dependent in graph
            .node(place)
            .map(|node| node.dependents.as_slice())
            .unwrap_or_default()
        {
            let takes_output = graph
                .node(*dependent)
                .is_some_and(|node| node.data.contains(&place));
            let Some(state) = self.steps.get_mut(*dependent) else {
                continue;
            };
            state.need_skipped |= skipped && takes_output;
            state.missing = state.missing.saturating_sub(1);
            if state.missing == 0 && self.phase == Phase::Running {
                self.open(*dependent);
            }
        }
    }

    /// All needs of a step are met: finds out what it owes, or makes it ready.
    fn open(&mut self, place: usize) {
        let Some(step) = self.step(place).cloned() else {
            return;
        };
        let opened = self.opening(place, &step);
        let Some(state) = self.steps.get_mut(place) else {
            return;
        };
        match opened {
            Opening::Owes(due) => {
                state.due = Some(due);
                self.due.insert(Slot { place, item: 0 });
                return;
            }
            Opening::Once => {}
            Opening::Fan(items, count) => {
                state.fan = Some(items);
                state.open_items = count;
                state.items = vec![ItemState::default(); count];
            }
        }
        let count = state.items.len();
        let slots = (0..count).map(|item| Slot { place, item });
        let asks = self.asks_first(place);
        for slot in slots {
            if asks {
                self.due.insert(slot);
            } else {
                self.make_ready(slot);
            }
        }
    }

    fn opening(&self, place: usize, step: &Step) -> Opening {
        if self
            .steps
            .get(place)
            .is_some_and(|state| state.need_skipped)
        {
            return Opening::Owes(Due::Skip(SkipReason::NeedSkipped));
        }
        let fail = |code, message: String| Opening::Owes(Due::Fail { code, message });
        let outputs = |id: &str| self.output_of(id);
        let scope = Scope {
            parameters: &self.parameters,
            outputs: &outputs,
            result: None,
            item: None,
        };
        match step.when.as_ref().map(|when| holds(when, &scope)) {
            Some(Err(error)) => return fail("condition.unresolved", error.reason),
            Some(Ok(false)) => return Opening::Owes(Due::Skip(SkipReason::Condition)),
            Some(Ok(true)) | None => {}
        }
        let Some(for_each) = &step.for_each else {
            return Opening::Once;
        };
        match resolve(&for_each.items, &scope) {
            Err(error) => fail("for_each.unresolved", error.reason),
            Ok(Value::Array(items)) if items.is_empty() => Opening::Owes(Due::Empty),
            Ok(Value::Array(items))
                if u32::try_from(items.len()).is_ok_and(|count| count <= for_each.max) =>
            {
                let count = items.len();
                Opening::Fan(Arc::new(Value::Array(items)), count)
            }
            Ok(Value::Array(items)) => fail(
                "for_each.too_many",
                format!("{} items, at most {}", items.len(), for_each.max),
            ),
            Ok(_) => fail("for_each.not_an_array", "the items are no array".into()),
        }
    }

    pub(super) fn output_of(&self, step: &str) -> Option<&Value> {
        let place = self.adopted.as_ref()?.graph.place(step)?;
        self.steps.get(place)?.output.as_deref()
    }

    /// Whether a person is asked before the step.
    fn asks_first(&self, place: usize) -> bool {
        let lane = self
            .tool(Work {
                slot: Slot { place, item: 0 },
                undo: false,
            })
            .map(|tool| tool.lane);
        let asks = self.step(place).is_some_and(|step| step.approval);
        lane.is_none_or(|lane| verdict(lane, asks) != Verdict::Allow)
    }

    pub(super) fn make_ready(&mut self, slot: Slot) {
        if let Some(tool) = self
            .tool_name(Work { slot, undo: false })
            .map(str::to_owned)
        {
            self.ready.entry(tool).or_default().insert(slot);
        }
    }

    pub(super) fn unready(&mut self, slot: Slot) {
        let Some(tool) = self
            .tool_name(Work { slot, undo: false })
            .map(str::to_owned)
        else {
            return;
        };
        if let Some(slots) = self.ready.get_mut(&tool) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.ready.remove(&tool);
            }
        }
    }
}

enum Opening {
    /// It owes an event first.
    Owes(Due),
    /// It runs once.
    Once,
    /// It runs once for each of so many items.
    Fan(Arc<Value>, usize),
}
