//! What a plan means to the world and to the judge, read from its JSON without the machine's help.

use std::collections::{BTreeSet, HashMap};

use domain::tool::EffectClass;
use saga::event::StepItem;
use serde_json::Value;

/// One effect: a step, its item (0 where it does not fan out) and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Act {
    pub(crate) place: usize,
    pub(crate) item: u32,
    pub(crate) undo: bool,
}

/// A plan as far as the judge needs it.
pub(crate) struct Design {
    pub(crate) steps: Vec<StepDesign>,
    places: HashMap<String, usize>,
}

/// A step of it.
pub(crate) struct StepDesign {
    pub(crate) class: EffectClass,
    /// The class of its compensation.
    pub(crate) undo: Option<EffectClass>,
    pub(crate) asks: bool,
    pub(crate) needs: BTreeSet<usize>,
    /// Everything it needs, directly or through others.
    pub(crate) ancestors: BTreeSet<usize>,
}

impl Act {
    /// The same use of the step in the other direction.
    pub(crate) fn opposite(self) -> Self {
        Self {
            undo: !self.undo,
            ..self
        }
    }
}

impl Design {
    pub(crate) fn of(plan: &Value) -> Self {
        let documents = plan["steps"].as_array().unwrap();
        let ids = documents
            .iter()
            .map(|step| step["id"].as_str().unwrap().to_owned());
        let places: HashMap<String, usize> =
            ids.enumerate().map(|(place, id)| (id, place)).collect();
        let mut steps: Vec<StepDesign> = Vec::new();
        for (place, document) in documents.iter().enumerate() {
            let mut needs = BTreeSet::new();
            references(document, &places, &mut needs);
            let after = document["after"].as_array().into_iter().flatten();
            needs.extend(after.map(|id| places[id.as_str().unwrap()]));
            needs.remove(&place);
            // Plans of these tests list what is needed first.
            let ancestors = needs
                .iter()
                .flat_map(|need| steps[*need].ancestors.iter().copied().chain([*need]))
                .collect();
            let undo = document.get("compensation").map(class);
            let asks = document["approval"] == true || document["tool"] == "sign";
            steps.push(StepDesign {
                class: class(document),
                undo,
                asks,
                needs,
                ancestors,
            });
        }
        Self { steps, places }
    }

    pub(crate) fn act(&self, at: &StepItem, undo: bool) -> Act {
        Act {
            place: self.places[at.step.as_str()],
            item: at.item.unwrap_or(0),
            undo,
        }
    }

    pub(crate) fn class(&self, act: Act) -> EffectClass {
        let step = &self.steps[act.place];
        if act.undo {
            step.undo.unwrap()
        } else {
            step.class
        }
    }
}

fn class(document: &Value) -> EffectClass {
    match document["tool"].as_str().unwrap() {
        "put" | "sign" => EffectClass::Idempotent,
        "book" => EffectClass::Reconcilable,
        "send" => EffectClass::AtMostOnce,
        "lend" if document["input"]["to"] == "known" => EffectClass::Idempotent,
        "lend" => EffectClass::AtMostOnce,
        _ => EffectClass::Read,
    }
}

fn references(value: &Value, places: &HashMap<String, usize>, found: &mut BTreeSet<usize>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$step").map(|id| places[id.as_str().unwrap()]));
            object
                .values()
                .for_each(|member| references(member, places, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| references(item, places, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
