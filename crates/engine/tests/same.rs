//! One seeded trace, three drivers: the bare machine, the embedded driver and Temporal write the same journal; and what
//! Temporal recorded of it can be followed again without a server.

use domain::goal::GoalStatus;
use domain::outcome::Outcome;
use jiff::Timestamp;
use saga::event::StepItem;
use saga::input::Ended;
use saga::{EventKind, Input, Moment, Saga};
use serde_json::{Value, json};

use crate::place::Place;
use crate::world::{World, goal, tenant};

/// Seeds of the traces.
const SEEDS: u64 = 12;

/// SplitMix64 (Steele, Lea, Flood, 2014).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A plan of one to eight steps, most of which can be undone, some of which fail or are skipped.
fn plan(seed: u64) -> Value {
    let mut state = seed;
    let steps = 1 + draw(&mut state) % 8;
    let step = |number: u64| {
        let what = match draw(&mut state) % 8 {
            0 => "fail",
            _ => "succeed",
        };
        let mut step =
            json!({ "id": format!("s{number}"), "tool": "act", "input": { "do": what } });
        if number > 0 {
            step["after"] = json!([format!("s{}", number - 1)]);
        }
        if !draw(&mut state).is_multiple_of(3) {
            step["compensation"] = json!({ "tool": "act" });
        }
        if draw(&mut state).is_multiple_of(6) {
            step["when"] = json!({ "left": { "$param": "there" }, "op": "exists" });
        }
        step
    };
    (0..steps).map(step).collect()
}

/// What an event says, without times, digests and values, which differ between installations.
fn told(kind: &EventKind) -> String {
    let event = serde_json::to_value(kind).unwrap();
    let said = [
        "type",
        "step",
        "item",
        "attempt",
        "undo",
        "code",
        "reason",
        "generation",
    ];
    let said = said.into_iter().filter_map(|field| event.get(field));
    said.map(|value| value.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The machine alone, with a driver of a few lines.
fn bare(world: &World, name: &str, steps: Value) -> Vec<String> {
    let new = world.new_goal(name, steps);
    let mut saga = Saga::new(world.store.secret().goal_key(&tenant(), &goal(name)));
    let mut journal = Vec::new();
    let mut feed = |saga: &mut Saga, input: &Input| {
        let mut any = false;
        let mut next = Some(input);
        while let Some(input) = next {
            let events = saga.decide(input, Moment::at(Timestamp::now()));
            next = (!events.is_empty()).then_some(&Input::Continue);
            any |= !events.is_empty();
            for event in events {
                saga.apply(&event);
                journal.push(told(&event.kind));
            }
        }
        any
    };
    feed(&mut saga, &Input::Accept(Box::new(new.acceptance)));
    feed(&mut saga, &Input::AdoptPlan(Box::new(new.adoption)));
    feed(&mut saga, &Input::Continue);
    while !saga.status().is_end() {
        for start in saga.ready(Moment::at(Timestamp::now())) {
            feed(&mut saga, &Input::Start(start));
        }
        let effect = saga.pending().next().expect("an effect");
        let result = match effect.call.input["do"].as_str() {
            Some("fail") => Outcome::permanent("test.failed", "as scripted"),
            what => Outcome::Succeeded {
                output: json!({ "did": what.unwrap_or("succeed") }),
            },
        };
        let at = StepItem {
            step: effect.call.step.clone(),
            item: effect.call.item,
        };
        let (undo, attempt) = (effect.undo, effect.call.attempt);
        let ended = Ended {
            at,
            undo,
            attempt,
            result,
            jitter: 0,
        };
        feed(&mut saga, &Input::Outcome(ended));
    }
    journal
}

async fn journal(world: &World, name: &str, steps: Value) -> Vec<String> {
    world.submit(name, steps).await;
    world.until(name, |saga| saga.status().is_end()).await;
    let events = world.store.events(&tenant(), &goal(name), 0, 1_000).await;
    let events = events.unwrap().unwrap().events;
    events.iter().map(|(_, event)| told(&event.kind)).collect()
}

#[tokio::test]
async fn one_trace_is_one_journal_whoever_drives() {
    let Some(place) = Place::temporal() else {
        return;
    };
    let driven = World::new(place).await;
    let embedded = World::new(Place::sqlite()).await;
    let mut ends = Vec::new();
    for seed in 0..SEEDS {
        let name = format!("g{seed}");
        let expected = bare(&embedded, &name, plan(seed));
        assert_eq!(
            journal(&embedded, &name, plan(seed)).await,
            expected,
            "embedded, seed {seed}"
        );
        assert_eq!(
            journal(&driven, &name, plan(seed)).await,
            expected,
            "by Temporal, seed {seed}"
        );
        ends.push(embedded.status(&name).await);
        driven.until_closed(&name).await;
        let cluster = driven.cluster.as_ref().unwrap();
        let history = cluster.history(&tenant(), &goal(&name)).await.unwrap();
        temporal::replay(history, &[]).await.unwrap();
    }
    for end in [GoalStatus::Completed, GoalStatus::Failed] {
        assert!(ends.contains(&end), "no trace is {end:?}");
    }
}
