//! Goals of the run, drawn from the seed: chains, branches and fan-outs of calls and rows, with undo, approvals, timers and
//! steps that are left out; some are cancelled on the way.

use std::net::SocketAddr;
use std::time::Duration;

use api::goals::GoalSubmission;
use serde_json::{Map, Value, json};

use super::books::Port;
use super::effect::EffectId;
use super::random::Random;
use super::receiver::Receiver;
use super::shop;

/// What the seed keeps apart here.
const PLOT: u64 = 3;
/// Most steps of a goal: enough for shapes, few enough for many goals.
const STEPS_MAX: u64 = 6;
/// Most items of a fan-out.
const ITEMS_MAX: u64 = 4;

/// How likely what is, in a hundred.
const APPROVAL_PERCENT: u64 = 12;
const CANCEL_PERCENT: u64 = 8;
const FAN_OUT_PERCENT: u64 = 18;
const LEFT_OUT_PERCENT: u64 = 4;

/// Where the plans' effects happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// The receiver's port that honours keys.
    pub(crate) declared: SocketAddr,
    /// The one that does not.
    pub(crate) undeclared: SocketAddr,
}

impl Places {
    /// The places of a receiver.
    pub(crate) fn of(receiver: &Receiver) -> Self {
        Self {
            declared: receiver.declared,
            undeclared: receiver.undeclared,
        }
    }
}

/// A goal that the run submits.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    /// Its number in this run.
    pub(crate) goal: u32,
    /// What is submitted.
    pub(crate) submission: GoalSubmission,
    /// What its steps do, in the plan's order.
    pub(crate) parts: Vec<Part>,
    /// When its owner cancels it, from its acceptance; `None`: never.
    pub(crate) cancel_after: Option<Duration>,
}

/// What one step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// What it does.
    pub(crate) deed: Deed,
    /// Items of its fan-out; `None`: it has one effect.
    pub(crate) items: Option<u32>,
}

/// What a step does to the world outside, and what undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It calls one port; its compensation, if any, calls one too.
    Call {
        /// The port it calls.
        there: Port,
        /// The port that its compensation calls; `None`: it has none.
        back: Option<Port>,
    },
    /// It makes a row; its compensation deletes it.
    Row,
    /// Nothing.
    Nothing,
}

impl Part {
    /// How many effects it can have.
    pub(crate) fn uses(self) -> u32 {
        self.items.unwrap_or(1)
    }

    /// Whether what it did can be undone.
    pub(crate) fn has_undo(self) -> bool {
        match self.deed {
            Deed::Call { back, .. } => back.is_some(),
            Deed::Row => true,
            Deed::Nothing => false,
        }
    }
}

/// The name of a goal, as its submitter calls it.
pub(crate) fn trace_id(seed: u64, goal: u32) -> String {
    format!("prove-{seed}-{goal}")
}

/// The name of a step in its plan.
pub(crate) fn step_name(step: usize) -> String {
    format!("s{step}")
}

/// The goal of that number.
pub(crate) fn plot(seed: u64, goal: u32, places: Places) -> Plot {
    let mut random = Random::new(seed, &[PLOT, goal.into()]);
    let count = usize::try_from(1 + random.below(STEPS_MAX)).unwrap_or(1);
    let shape = random.below(4);
    let mut writer = Writer {
        goal,
        places,
        random,
        parts: Vec::new(),
        steps: Vec::new(),
        parameters: Map::new(),
    };
    writer.parameters.insert("never".to_owned(), json!(false));
    for step in 0..count {
        let after = writer.after(shape, step);
        writer.step(step, &after);
    }
    let all: Vec<_> = (0..count).collect();
    writer.tell(count, &all);
    let cancel_after = writer.random.percent(CANCEL_PERCENT).then(|| {
        writer
            .random
            .time(Duration::ZERO, Duration::from_millis(600))
    });
    let submission = GoalSubmission {
        user_intent: format!("prove that goal {goal} ends as it says"),
        trace_id: Some(trace_id(seed, goal)),
        parameters: Some(writer.parameters),
        plan: Some(json!({ "version": 1, "steps": writer.steps })),
        ..GoalSubmission::default()
    };
    Plot {
        goal,
        submission,
        parts: writer.parts,
        cancel_after,
    }
}

struct Writer {
    goal: u32,
    places: Places,
    random: Random,
    parts: Vec<Part>,
    steps: Vec<Value>,
    parameters: Map<String, Value>,
}

impl Writer {
    /// The steps that one comes after.
    fn after(&mut self, shape: u64, step: usize) -> Vec<usize> {
        match shape {
            // A chain, branches from one step, nothing in order, and anything.
            0 => step.checked_sub(1).into_iter().collect(),
            1 => (step > 0).then_some(0).into_iter().collect(),
            2 => Vec::new(),
            _ => (0..step).filter(|_| self.random.percent(40)).collect(),
        }
    }

    fn step(&mut self, step: usize, after: &[usize]) {
        let fan_out = self.random.percent(FAN_OUT_PERCENT);
        let items = fan_out.then(|| u32::try_from(1 + self.random.below(ITEMS_MAX)).unwrap_or(1));
        let written = match self.random.below(100) {
            0..38 => self.call(step, after, items, Port::Declared),
            38..58 => self.call(step, after, items, Port::Undeclared),
            58..84 => self.row(step, items),
            84..92 => (
                Deed::Nothing,
                json!({ "tool": "wait", "input": { "seconds": 0.05 } }),
            ),
            _ => {
                let input = json!({ "table": shop::TABLE, "filters": { "goal": self.goal } });
                (
                    Deed::Nothing,
                    json!({ "tool": "search_database", "input": input }),
                )
            }
        };
        let (deed, mut document) = written;
        let items = items.filter(|_| deed != Deed::Nothing);
        if let Some(document) = document.as_object_mut() {
            document.insert("id".to_owned(), json!(step_name(step)));
            document.insert(
                "after".to_owned(),
                after.iter().map(|step| json!(step_name(*step))).collect(),
            );
            if let Some(items) = items {
                let name = format!("items_{step}");
                document.insert(
                    "for_each".to_owned(),
                    json!({ "items": { "$param": name }, "max": ITEMS_MAX }),
                );
                self.parameters.insert(name, (0..items).collect());
            }
            if deed != Deed::Nothing && self.random.percent(APPROVAL_PERCENT) {
                document.insert("approval".to_owned(), json!(true));
            }
            if self.random.percent(LEFT_OUT_PERCENT) {
                document.insert(
                    "when".to_owned(),
                    json!({ "left": { "$param": "never" }, "op": "eq", "right": true }),
                );
            }
        }
        self.parts.push(Part { deed, items });
        self.steps.push(document);
    }

    fn call(
        &mut self,
        step: usize,
        after: &[usize],
        items: Option<u32>,
        there: Port,
    ) -> (Deed, Value) {
        let back = match self.random.below(10) {
            0..6 => Some(Port::Declared),
            6..8 => Some(Port::Undeclared),
            _ => None,
        };
        let effect = EffectId {
            goal: self.goal,
            step: u32::try_from(step).unwrap_or_default(),
            item: 0,
            undo: false,
        };
        let mut document = json!({
            "tool": "call_webhook",
            "input": { "url": self.url(there, effect, items), "payload": { "seen": self.seen(after) } } });
        if let (Some(back), Some(document)) = (back, document.as_object_mut()) {
            let input = json!({ "url": self.url(back, effect.back(), items), "payload": { "$result": "/body/done" } });
            document.insert(
                "compensation".to_owned(),
                json!({ "tool": "call_webhook", "input": input }),
            );
        }
        (Deed::Call { there, back }, document)
    }

    fn row(&mut self, step: usize, items: Option<u32>) -> (Deed, Value) {
        let item = if items.is_some() {
            json!({ "$item": "" })
        } else {
            json!(0)
        };
        let data = json!({ "goal": self.goal, "step": step, "item": item });
        let undo = json!({ "table": shop::TABLE, "id": { "$result": "/id" } });
        let document = json!({
            "tool": "create_record",
            "input": { "table": shop::TABLE, "data": data },
            "compensation": { "tool": "delete_record", "input": undo } });
        (Deed::Row, document)
    }

    /// The URL of an effect; the item is known when the step starts.
    fn url(&self, port: Port, effect: EffectId, items: Option<u32>) -> Value {
        let address = match port {
            Port::Declared => self.places.declared,
            Port::Undeclared => self.places.undeclared,
        };
        if items.is_none() {
            return json!(format!("http://{address}{effect}"));
        }
        let EffectId {
            goal, step, undo, ..
        } = effect;
        let way = if undo { "undo" } else { "do" };
        json!({ "$format": format!("http://{address}/{goal}/{step}/{{item}}/{way}"), "with": { "item": { "$item": "" } } })
    }

    /// What earlier steps answered, so that data flows along the order.
    fn seen(&self, after: &[usize]) -> Vec<Value> {
        let output = |step: &usize| {
            let path = match self.parts.get(*step)? {
                Part { items: Some(_), .. } => "/items",
                Part {
                    deed: Deed::Call { .. },
                    ..
                } => "/body/done",
                Part {
                    deed: Deed::Row, ..
                } => "/id",
                Part {
                    deed: Deed::Nothing,
                    ..
                } => "",
            };
            Some(json!({ "$step": step_name(*step), "path": path }))
        };
        after.iter().filter_map(output).collect()
    }

    /// The last step: the user is told.
    fn tell(&mut self, step: usize, after: &[usize]) {
        let after: Vec<_> = after.iter().map(|step| step_name(*step)).collect();
        let input = json!({ "message": format!("goal {} is done", self.goal) });
        self.parts.push(Part {
            deed: Deed::Nothing,
            items: None,
        });
        self.steps.push(json!({ "id": step_name(step), "tool": "respond_to_user", "after": after, "input": input }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plots() -> Vec<Plot> {
        let places = Places {
            declared: ([127, 0, 0, 1], 7001).into(),
            undeclared: ([127, 0, 0, 1], 7002).into(),
        };
        (0..500).map(|goal| plot(11, goal, places)).collect()
    }

    #[test]
    fn every_kind_of_step_comes_up() {
        let parts: Vec<_> = plots().into_iter().flat_map(|plot| plot.parts).collect();
        for there in [Port::Declared, Port::Undeclared] {
            for back in [None, Some(Port::Declared), Some(Port::Undeclared)] {
                let deed = Deed::Call { there, back };
                assert!(
                    parts
                        .iter()
                        .any(|part| part.deed == deed && part.items.is_none()),
                    "{deed:?}"
                );
                assert!(
                    parts
                        .iter()
                        .any(|part| part.deed == deed && part.items.is_some()),
                    "{deed:?} over items"
                );
            }
        }
        assert!(
            parts
                .iter()
                .any(|part| part.deed == Deed::Row && part.items.is_some())
        );
        assert!(plots().iter().any(|plot| plot.cancel_after.is_some()));
    }

    #[test]
    fn every_plan_is_one_that_domain_can_read() {
        for plot in plots() {
            let document = plot.submission.plan.unwrap();
            let plan: Result<domain::plan::Plan, _> = serde_json::from_value(document.clone());
            assert!(plan.is_ok(), "{plan:?}: {document}");
            let steps = document["steps"].as_array().unwrap().len();
            assert_eq!(steps, plot.parts.len());
        }
    }
}
