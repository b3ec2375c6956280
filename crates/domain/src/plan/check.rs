//! Whether a plan can work: everything that is known to be wrong with it before its first step (DESIGN §6).
//!
//! A broken plan is reported on as well as a good one, with what policy says of each step. Goals whose parameters are
//! known are checked against their values; a playbook at load against the schema of its parameters.

mod input;
mod source;
mod step;
mod template;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::Plan;
use super::graph::Graph;
use super::parse::{PLAN_ERRORS_MAX, PlanError};
use crate::goal::Limits;
use crate::id::StepId;
use crate::policy::Verdict;
use crate::schema::ToolSchemas;
use crate::suggest::did_you_mean;
use crate::tool::{EffectClass, Lane};

/// Errors of one plan after which no names are guessed any more.
const GUESSES_MAX: usize = 20;

/// A plan and everything it is checked against.
#[derive(Debug, Clone, Copy)]
pub struct CheckRequest<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The tools it may use.
    pub tools: &'a ToolSchemas,
    /// What is known of the goal's parameters.
    pub parameters: Parameters<'a>,
    /// The limits the goal is held to.
    pub limits: &'a Limits,
    /// The names of the configured secrets.
    pub secrets: &'a BTreeSet<String>,
}

/// What is known of a goal's parameters.
#[derive(Debug, Clone, Copy)]
pub enum Parameters<'a> {
    /// Their values, an object: references to them are resolved before the check.
    Values(&'a Value),
    /// Only the JSON Schema of the object.
    Schema(&'a Value),
}

/// The report on a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// One report a step, in the plan's order.
    pub steps: Vec<StepCheck>,
    /// The steps for which a person will be asked; a `for_each` step asks for each item.
    pub approvals: Vec<StepId>,
    /// Everything that is wrong, at most [`PLAN_ERRORS_MAX`] errors: those of the whole plan, then step by step.
    pub errors: Vec<PlanError>,
}

/// The report on one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCheck {
    /// The step.
    pub id: StepId,
    /// The tool's lane; `None`: there is no such tool.
    pub lane: Option<Lane>,
    /// What policy says; a step without a tool is denied.
    pub verdict: Verdict,
    /// Whether a person is asked before it runs.
    pub asks: bool,
    /// Why, for people.
    pub reason: String,
    /// What may be assumed about a repeat, as far as the input is known; `None`: there is no such tool.
    pub class: Option<EffectClass>,
    /// The tool that undoes it in this plan.
    pub undone_by: Option<String>,
    /// Whether it changes the world and nothing in this plan undoes it.
    pub irreversible: bool,
}

impl Checked {
    /// Whether the plan may start.
    pub fn valid(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Checks a plan.
pub fn check(request: &CheckRequest<'_>) -> Checked {
    let mut checker = Checker::new(request);
    checker.size();
    checker.cycle();
    let steps: Vec<StepCheck> = request
        .plan
        .steps
        .iter()
        .enumerate()
        .map(|(place, step)| checker.step(place, step))
        .collect();
    let approvals = steps
        .iter()
        .filter(|step| step.asks)
        .map(|step| step.id.clone())
        .collect();
    Checked {
        steps,
        approvals,
        errors: checker.errors,
    }
}

/// Checks a template over a plan whose steps are over, such as a playbook's reply.
///
/// Pointers of the errors are rooted at the template.
pub fn check_reply(request: &CheckRequest<'_>, reply: &Value) -> Vec<PlanError> {
    let mut checker = Checker::new(request);
    checker.references(&template::Template::of_reply(reply));
    checker.errors
}

struct Checker<'a> {
    request: &'a CheckRequest<'a>,
    /// The first step of each id.
    places: HashMap<&'a str, usize>,
    errors: Vec<PlanError>,
}

impl<'a> Checker<'a> {
    fn new(request: &'a CheckRequest<'a>) -> Self {
        let mut places = HashMap::with_capacity(request.plan.steps.len());
        for (place, step) in request.plan.steps.iter().enumerate() {
            places.entry(step.id.as_str()).or_insert(place);
        }
        Self {
            request,
            places,
            errors: Vec::new(),
        }
    }

    fn size(&mut self) {
        let steps = self.request.plan.steps.len();
        let most = self.request.limits.plan_steps_max;
        if steps == 0 {
            self.add("/steps", "plan.empty", "a plan needs at least one step");
        }
        if steps > most as usize {
            self.add(
                "/steps",
                "plan.too_many_steps",
                format!("{steps} steps are more than the limit of {most}"),
            );
        }
    }

    fn cycle(&mut self) {
        let graph = Graph::of(self.request.plan);
        let Some(start) = graph.cycle() else { return };
        let step = self.request.plan.steps.get(start);
        if step.is_some_and(|step| needs_itself(&graph, start) && !step.after.contains(&step.id)) {
            // A reference to its own output, which is reported where it stands.
            return;
        }
        let names = circle(&graph, start)
            .into_iter()
            .filter_map(|place| self.request.plan.steps.get(place));
        let names: Vec<&str> = names.map(|step| step.id.as_str()).collect();
        let reason = format!("steps wait for each other: {}", names.join(" needs "));
        self.add(format!("/steps/{start}"), "plan.cycle", reason);
    }

    /// The end of an error about an unknown name; guessing stops when many are unknown, for it looks at all names.
    fn guess<'n>(&self, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
        if self.errors.len() >= GUESSES_MAX {
            String::new()
        } else {
            did_you_mean(name, known)
        }
    }

    fn add(&mut self, pointer: impl Into<String>, code: &'static str, reason: impl Into<String>) {
        if self.errors.len() < PLAN_ERRORS_MAX {
            self.errors.push(PlanError {
                pointer: pointer.into(),
                code,
                reason: reason.into(),
            });
        }
    }
}

fn needs_itself(graph: &Graph, place: usize) -> bool {
    graph
        .node(place)
        .is_some_and(|node| node.needs.contains(&place))
}

/// The shortest way from a step through its needs back to itself, both ends included.
fn circle(graph: &Graph, start: usize) -> Vec<usize> {
    let mut needed_by: HashMap<usize, usize> = HashMap::new();
    let mut open = std::collections::VecDeque::from([start]);
    while let Some(place) = open.pop_front() {
        for need in graph
            .node(place)
            .map(|node| node.needs.as_slice())
            .unwrap_or_default()
        {
            if *need == start {
                let mut way = vec![start];
                let mut at = place;
                while at != start {
                    way.push(at);
                    at = needed_by.get(&at).copied().unwrap_or(start);
                }
                way.push(start);
                way.reverse();
                return way;
            }
            if !needed_by.contains_key(need) {
                needed_by.insert(*need, place);
                open.push_back(*need);
            }
        }
    }
    vec![start]
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
