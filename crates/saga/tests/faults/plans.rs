//! The plans that are swept: a chain, a diamond, a fan-out, what is skipped, an approval, a timer.

use serde_json::{Value, json};

/// Plans that complete where nothing fails, by name. The world answers step `n` with `n % 4` items.
pub(crate) fn plans() -> Vec<(&'static str, Value)> {
    vec![
        ("chain", chain()),
        ("diamond", diamond()),
        ("fan-out", fan_out()),
        ("skipped", skipped()),
        ("approval", approval()),
        ("timer", timer()),
    ]
}

/// The same plan with a last step that is refused for good, so that everything before is undone.
pub(crate) fn failing(plan: &Value) -> Value {
    let mut plan = plan.clone();
    let steps = plan["steps"].as_array_mut().unwrap();
    let after: Vec<Value> = steps.iter().map(|step| step["id"].clone()).collect();
    steps.push(json!({ "id": "doomed", "tool": "put", "after": after }));
    plan
}

fn chain() -> Value {
    json!({ "steps": [
        { "id": "find", "tool": "look" },
        { "id": "put", "tool": "put", "after": ["find"], "compensation": { "tool": "put", "input": result() } },
        { "id": "book", "tool": "book", "after": ["put"], "compensation": { "tool": "book", "input": result() } },
        { "id": "send", "tool": "send", "after": ["book"], "compensation": { "tool": "send", "input": result() } },
    ] })
}

fn diamond() -> Value {
    json!({ "steps": [
        { "id": "top", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "left", "tool": "book", "after": ["top"], "compensation": { "tool": "put" } },
        { "id": "right", "tool": "send", "after": ["top"], "compensation": { "tool": "book" } },
        { "id": "bottom", "tool": "put", "input": { "of": { "$step": "left", "path": "/id" } }, "after": ["right"] },
    ] })
}

fn fan_out() -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "second", "tool": "look", "after": ["first"] },
        { "id": "list", "tool": "look", "after": ["second"] },
        { "id": "each", "tool": "put", "input": { "n": { "$item": "" } },
          "for_each": { "items": { "$step": "list", "path": "/items" }, "max": 5 },
          "compensation": { "tool": "send", "input": result() } },
        { "id": "last", "tool": "look", "input": { "all": { "$step": "each" } } },
    ] })
}

fn skipped() -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "not", "tool": "put", "when": { "left": { "$step": "first", "path": "/n" }, "op": "eq", "right": 99 },
          "compensation": { "tool": "put" } },
        { "id": "nor", "tool": "put", "input": { "of": { "$step": "not" } }, "compensation": { "tool": "put" } },
        { "id": "none", "tool": "send", "input": { "n": { "$item": "" } },
          "for_each": { "items": { "$step": "first", "path": "/items" }, "max": 5 }, "compensation": { "tool": "put" } },
        { "id": "last", "tool": "book", "after": ["nor", "none"], "compensation": { "tool": "put" } },
    ] })
}

fn approval() -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "put", "compensation": { "tool": "put" } },
        { "id": "sign", "tool": "sign", "after": ["first"], "compensation": { "tool": "send" } },
        { "id": "send", "tool": "send", "after": ["sign"], "approval": true },
    ] })
}

fn timer() -> Value {
    json!({ "steps": [
        { "id": "first", "tool": "book", "compensation": { "tool": "book" } },
        { "id": "rest", "tool": "wait", "input": { "seconds": 30 }, "after": ["first"] },
        { "id": "last", "tool": "put", "after": ["rest"], "compensation": { "tool": "put" } },
    ] })
}

/// The input of an undo that says what it undoes.
fn result() -> Value {
    json!({ "id": { "$result": "/id" } })
}
