//! Plans of all shapes: chains, branches, fan-outs, conditions, timers, approvals, every effect class.

use serde_json::{Value, json};

use super::random::Random;

/// Most steps of a generated plan: enough for a diamond with a tail, few enough to run a million of them.
const STEPS_MAX: usize = 7;

/// A plan that the check would accept.
pub(crate) fn plan(random: &mut Random) -> Value {
    let count = 1 + random.below(STEPS_MAX);
    let mut steps = Vec::new();
    for place in 0..count {
        let step = step(random, place, &steps);
        steps.push(step);
    }
    json!({ "steps": steps })
}

fn step(random: &mut Random, place: usize, before: &[Value]) -> Value {
    const TOOLS: [&str; 12] = [
        "look",
        "put",
        "put",
        "put",
        "book",
        "book",
        "book",
        "send",
        "sign",
        "lend",
        "wait",
        "respond_to_user",
    ];
    let tool = *random.pick(&TOOLS);
    let mut step = json!({ "id": format!("s{place}"), "tool": tool });
    if place > 0 {
        depend(random, before, &mut step);
    }
    match tool {
        "wait" => step["input"] = json!({ "seconds": random.below(20) }),
        "lend" => step["input"]["to"] = json!(*random.pick(&["known", "unknown"])),
        "put" | "book" | "send" | "sign" if random.percent(75) => {
            step["compensation"] = compensation(random, place);
        }
        _ => {}
    }
    if random.percent(8) {
        step["approval"] = json!(true);
    }
    if random.percent(25) {
        step["attempts"] = json!(1 + random.below(3));
    }
    step
}

/// Needs, by order and by data; a condition or a fan-out now and then.
fn depend(random: &mut Random, before: &[Value], step: &mut Value) {
    let need = |random: &mut Random| random.pick(before)["id"].clone();
    step["input"] = json!({});
    if random.percent(70) {
        step["after"] = json!([need(random)]);
    }
    if random.percent(40) {
        step["input"]["from"] = json!({ "$step": need(random) });
    }
    if random.percent(6) {
        // Not there where there are fewer items: a fault that no check can see.
        step["input"]["id"] = json!({ "$step": need(random), "path": "/items/1" });
    }
    let single: Vec<&Value> = before
        .iter()
        .filter(|step| step.get("for_each").is_none())
        .collect();
    if random.percent(12) && !single.is_empty() {
        let op = *random.pick(&["eq", "ne", "lt"]);
        let left = json!({ "$step": random.pick(&single)["id"], "path": "/n" });
        step["when"] = json!({ "left": left, "op": op, "right": 1 });
    }
    if random.percent(20) {
        let max = 2 + random.below(3);
        let items = json!({ "$step": need(random), "path": "/items" });
        step["for_each"] = json!({ "items": items, "max": max });
        step["input"]["item"] = json!({ "$item": "" });
    }
}

fn compensation(random: &mut Random, place: usize) -> Value {
    let tool = *random.pick(&["put", "put", "book", "book", "send"]);
    let mut compensation = json!({ "tool": tool, "input": { "id": { "$result": "/id" } } });
    if random.percent(30) {
        compensation["input"] = json!({ "place": place });
    }
    if random.percent(30) {
        compensation["attempts"] = json!(1 + random.below(3));
    }
    compensation
}
