//! What needs what in a plan, by the steps' places.

use std::collections::{BTreeSet, HashMap};

use super::reference::{self, Reference};
use super::{Plan, Step};
use crate::id::StepId;

/// The needs of every step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    places: HashMap<StepId, usize>,
}

/// What one step needs, and who needs it; places in the plan, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Steps that must be over before this one starts.
    pub needs: Vec<usize>,
    /// Those among `needs` whose output it takes; skipped with them.
    pub data: Vec<usize>,
    /// Steps that need this one.
    pub dependents: Vec<usize>,
}

impl Graph {
    /// Reads the needs from a plan. What refers to no step of the plan is left out: `check` has refused it.
    pub fn of(plan: &Plan) -> Self {
        let places: HashMap<_, _> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(place, step)| (step.id.clone(), place))
            .collect();
        let mut nodes: Vec<Node> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(place, step)| needs(place, step, &places))
            .collect();
        for place in 0..nodes.len() {
            let needs = nodes
                .get(place)
                .map(|node| node.needs.clone())
                .unwrap_or_default();
            for need in needs {
                if let Some(node) = nodes.get_mut(need) {
                    node.dependents.push(place);
                }
            }
        }
        Self { nodes, places }
    }

    /// The place of a step in the plan.
    pub fn place(&self, step: &str) -> Option<usize> {
        self.places.get(step).copied()
    }

    /// The needs of the step at a place.
    pub fn node(&self, place: usize) -> Option<&Node> {
        self.nodes.get(place)
    }

    /// Every step that the one at `place` needs, directly or through others.
    pub fn ancestors(&self, place: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            for need in self
                .nodes
                .get(place)
                .map(|node| node.needs.as_slice())
                .unwrap_or_default()
            {
                if found.insert(*need) {
                    open.push(*need);
                }
            }
        }
        found
    }

    /// A step that needs itself, through whatever others; `None`: the plan can be ordered.
    pub fn cycle(&self) -> Option<usize> {
        let mut missing: Vec<usize> = self.nodes.iter().map(|node| node.needs.len()).collect();
        let mut open: Vec<usize> = (0..missing.len())
            .filter(|place| missing.get(*place) == Some(&0))
            .collect();
        while let Some(place) = open.pop() {
            for dependent in self
                .nodes
                .get(place)
                .map(|node| node.dependents.as_slice())
                .unwrap_or_default()
            {
                if let Some(count) = missing.get_mut(*dependent) {
                    *count -= 1;
                    if *count == 0 {
                        open.push(*dependent);
                    }
                }
            }
        }
        // What is left needs something that is left, so going on like that comes round to a step of a circle.
        let left = |place: usize| missing.get(place).is_some_and(|count| *count > 0);
        let mut seen = BTreeSet::new();
        let mut place = (0..missing.len()).find(|place| left(*place))?;
        while seen.insert(place) {
            place = self
                .node(place)?
                .needs
                .iter()
                .copied()
                .find(|need| left(*need))?;
        }
        Some(place)
    }
}

impl std::borrow::Borrow<str> for StepId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

fn needs(place: usize, step: &Step, places: &HashMap<StepId, usize>) -> Node {
    let mut data = BTreeSet::new();
    let mut order: BTreeSet<usize> = step
        .after
        .iter()
        .filter_map(|id| places.get(id).copied())
        .collect();
    let templates = [
        Some(&step.input),
        step.when.as_ref().map(|when| &when.left),
        step.when.as_ref().and_then(|when| when.right.as_ref()),
        step.for_each.as_ref().map(|for_each| &for_each.items),
    ];
    for template in templates.into_iter().flatten() {
        collect(template, places, &mut data);
    }
    if let Some(compensation) = &step.compensation {
        let mut sources = BTreeSet::new();
        collect(&compensation.input, places, &mut sources);
        // A compensation may refer to its own step by name; that is no need.
        sources.remove(&place);
        order.extend(sources);
    }
    order.extend(&data);
    Node {
        needs: order.into_iter().collect(),
        data: data.into_iter().collect(),
        dependents: Vec::new(),
    }
}

fn collect(
    template: &serde_json::Value,
    places: &HashMap<StepId, usize>,
    found: &mut BTreeSet<usize>,
) {
    let mut visit = |_: &str, reference: Reference<'_>| {
        if let Reference::Step { step, .. } = reference {
            found.extend(places.get(step));
        }
    };
    // What cannot be walked has been refused by `check`.
    reference::walk(template, &mut visit).unwrap_or_default();
}

#[cfg(test)]
mod tests;
