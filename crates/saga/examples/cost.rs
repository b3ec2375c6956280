//! What one step costs the machine, by the length and width of the goal: flat, or something is super-linear.
//!
//! `cargo run --release -p saga --example cost`
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for people at a terminal"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::approval::{ApprovalStatus, Decision};
use domain::digest::{Digest, GoalKey, InstallationSecret};
use domain::goal::{Limits, PlanSource};
use domain::id::{GoalId, Subject, TenantId};
use domain::outcome::Outcome;
use domain::tool::{EffectClass, Lane, ToolSpec};
use jiff::Timestamp;
use saga::event::{Acceptance, Adoption, StepItem};
use saga::input::{Ended, Person, Start, Wish};
use saga::{Event, Input, Moment, Payload, PinnedTools, Saga};
use serde_json::{Value, json};

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

fn main() {
    println!(
        "{:<28}{:>8}{:>12}{:>12}{:>12}",
        "goal", "steps", "do ns", "undo ns", "replay ns"
    );
    for size in SIZES {
        line("chain", size, &chain(size));
    }
    for size in SIZES {
        line("chain, by reference", size, &references(size));
    }
    for size in SIZES {
        line("side by side", size, &side_by_side(size));
    }
    for size in SIZES {
        line("fan-out", size, &fan_out(size));
    }
    for size in SIZES {
        line("fan-out, all in flight", size, &fan_out(size));
    }
    for size in SIZES {
        line("fan-out, tried twice", size, &fan_out(size));
    }
    for size in SIZES {
        line("fan-out, approvals", size, &approvals(size));
    }
}

/// Measures one goal: nanoseconds a step for doing, undoing and reading again.
fn line(name: &str, size: usize, plan: &Value) {
    let rounds = (20_000 / size).clamp(1, 200);
    let all_in_flight = name.ends_with("in flight");
    let (mut doing, mut undoing, mut replaying) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let mut goal = Goal::new(plan, size);
        let began = Instant::now();
        if name.ends_with("twice") {
            goal.back_off();
        }
        goal.carry_out(all_in_flight);
        doing += began.elapsed();
        let began = Instant::now();
        goal.give(&person(Wish::CancelGoal { emergency: false }));
        goal.carry_out(false);
        undoing += began.elapsed();
        assert!(goal.saga.status().is_end(), "{name} ends");
        let began = Instant::now();
        let mut saga = Saga::new(key());
        goal.journal.iter().for_each(|event| saga.apply(event));
        black_box(&saga);
        replaying += began.elapsed();
    }
    let each = |total: Duration| total.as_nanos() / (rounds * size) as u128;
    println!(
        "{name:<28}{size:>8}{:>12}{:>12}{:>12}",
        each(doing),
        each(undoing),
        each(replaying)
    );
}

struct Goal {
    saga: Saga,
    journal: Vec<Event>,
    now: Moment,
}

impl Goal {
    fn new(plan: &Value, size: usize) -> Self {
        let now = Moment::at(Timestamp::from_second(1_800_000_000).expect("a time"));
        let mut goal = Self {
            saga: Saga::new(key()),
            journal: Vec::new(),
            now,
        };
        goal.give(&Input::Accept(Box::new(acceptance(size))));
        goal.give(&Input::AdoptPlan(Box::new(adoption(plan))));
        goal
    }

    fn tell(&mut self, input: &Input) -> bool {
        let events = self.saga.decide(input, self.now);
        let told = !events.is_empty();
        for event in events {
            self.saga.apply(&event);
            self.journal.push(event);
        }
        told
    }

    fn give(&mut self, input: &Input) {
        self.tell(input);
        while self.tell(&Input::Continue) {}
    }

    /// Starts everything and has it fail once, so that all of it rests and may start again.
    fn back_off(&mut self) {
        let mut flying = Vec::new();
        while let Some(start) = self.saga.ready(self.now).into_iter().next() {
            flying.push(start.at.clone());
            self.give(&Input::Start(start));
        }
        for at in flying {
            let result = Outcome::transient("http.busy", "later");
            self.give(&Input::Outcome(Ended {
                at,
                undo: false,
                attempt: 1,
                result,
                jitter: 0,
            }));
        }
    }

    /// Runs what is ready, one after the other or all at once; the last step is left to be cancelled.
    fn carry_out(&mut self, all_in_flight: bool) {
        loop {
            if self.saga.ready(self.now).is_empty() {
                self.grant();
            }
            let mut flying: Vec<(StepItem, bool)> = Vec::new();
            loop {
                let ready = self.saga.ready(self.now);
                let Some(start) = ready
                    .into_iter()
                    .find(|start| start.at.step.as_str() != "last")
                else {
                    break;
                };
                flying.push((start.at.clone(), start.undo));
                self.give(&Input::Start(Start { ..start }));
                if !all_in_flight {
                    break;
                }
            }
            if flying.is_empty() {
                return;
            }
            for (at, undo) in flying {
                let effect = self.saga.pending_at(&at, undo).expect("it is in flight");
                let attempt = effect.call.attempt;
                let result = Outcome::Succeeded {
                    output: json!({ "id": "x-1" }),
                };
                self.give(&Input::Outcome(Ended {
                    at,
                    undo,
                    attempt,
                    result,
                    jitter: 0,
                }));
            }
        }
    }

    /// Grants whatever is asked.
    fn grant(&mut self) {
        let items = self.saga.steps().flat_map(|(_, state)| state.items());
        let asked = items.filter_map(|item| item.approval.as_ref());
        let pending = asked.filter(|asked| asked.status == ApprovalStatus::Pending);
        let pending: Vec<_> = pending
            .map(|asked| (asked.id.clone(), asked.digest))
            .collect();
        for (approval, digest) in pending {
            let decision = Decision::Grant;
            self.give(&person(Wish::Decide {
                approval,
                digest,
                decision,
                reason: None,
            }));
        }
    }
}

fn chain(size: usize) -> Value {
    let step = |place: usize| {
        let after: Vec<String> = (place > 0)
            .then(|| format!("s{}", place - 1))
            .into_iter()
            .collect();
        json!({ "id": format!("s{place}"), "tool": "put", "input": { "n": place }, "after": after, "compensation": { "tool": "put" } })
    };
    with_last((0..size).map(step).collect())
}

fn references(size: usize) -> Value {
    let step = |place: usize| {
        let input = if place == 0 {
            json!({})
        } else {
            json!({ "of": { "$step": format!("s{}", place - 1), "path": "/id" } })
        };
        json!({ "id": format!("s{place}"), "tool": "put", "input": input,
                "compensation": { "tool": "put", "input": { "id": { "$result": "/id" } } } })
    };
    with_last((0..size).map(step).collect())
}

fn side_by_side(size: usize) -> Value {
    let step = |place: usize| json!({ "id": format!("s{place}"), "tool": "put", "compensation": { "tool": "put" } });
    with_last((0..size).map(step).collect())
}

fn fan_out(size: usize) -> Value {
    with_last(vec![each(size)])
}

fn approvals(size: usize) -> Value {
    let mut step = each(size);
    if let Some(step) = step.as_object_mut() {
        step.insert("approval".into(), Value::Bool(true));
    }
    json!({ "steps": [step] })
}

fn each(size: usize) -> Value {
    json!({ "id": "each", "tool": "put", "input": { "n": { "$item": "" } },
            "for_each": { "items": { "$param": "items" }, "max": size },
            "compensation": { "tool": "put", "input": { "id": { "$result": "/id" } } } })
}

/// A step after all others that never starts, so that the goal can be cancelled when everything else is done.
fn with_last(mut steps: Vec<Value>) -> Value {
    let after: Vec<Value> = steps
        .iter()
        .filter_map(|step| step.get("id").cloned())
        .collect();
    steps.push(json!({ "id": "last", "tool": "put", "after": after }));
    json!({ "steps": steps })
}

fn person(wish: Wish) -> Input {
    let by = Subject::try_from("olga".to_owned()).expect("a subject");
    Input::Person(Person { by, wish })
}

fn acceptance(size: usize) -> Acceptance {
    let items: Vec<usize> = (0..size).collect();
    Acceptance {
        tenant: TenantId::try_from("acme".to_owned()).expect("a tenant"),
        goal: GoalId::try_from("goal-1".to_owned()).expect("a goal"),
        owner: Subject::try_from("ana".to_owned()).expect("a subject"),
        request: Payload::new(
            &key(),
            json!({ "user_intent": "do it", "parameters": { "items": items } }),
        ),
        deadline: None,
        limits: Limits::default(),
        policy_version: "lanes-1".into(),
    }
}

fn adoption(plan: &Value) -> Adoption {
    let tool = ToolSpec {
        name: "put".into(),
        description: String::new(),
        input_schema: json!({}),
        compensation_schema: None,
        output_schema: json!({}),
        class: EffectClass::Idempotent,
        class_rules: Vec::new(),
        lane: Lane::Green,
        undone_by: Vec::new(),
        secrets_at: None,
        concurrency: 8,
        timeout_seconds: 30,
    };
    Adoption {
        plan: Payload::new(&key(), json!({ "plan": plan })),
        tools: PinnedTools::new(
            Digest::from_bytes([1; 32]),
            Arc::new([tool].into_iter().collect()),
        ),
        source: PlanSource::Caller,
        playbook: None,
    }
}

fn key() -> GoalKey {
    let tenant = TenantId::try_from("acme".to_owned()).expect("a tenant");
    let goal = GoalId::try_from("goal-1".to_owned()).expect("a goal");
    InstallationSecret::new([7; 32]).goal_key(&tenant, &goal)
}
