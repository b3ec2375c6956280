//! Utterances that no goal could start from as they are written.

use super::*;

/// A playbook over an order `id` and a `note` that words may leave out, with one step.
fn file(utterances: &[&str], note: Value, step: Value) -> String {
    let properties = json!({"id": {"type": "integer"}, "note": note});
    json!({
        "name": "x", "utterances": utterances,
        "parameters": {"required": ["id"], "properties": properties},
        "plan": {"steps": [step]},
    })
    .to_string()
}

fn say(message: Value, more: Value) -> Value {
    let mut step = json!({"id": "say", "tool": "respond_to_user", "input": {"message": message}});
    if let (Value::Object(step), Value::Object(more)) = (&mut step, more) {
        step.extend(more);
    }
    step
}

/// The errors of a playbook without their places.
fn reasons(text: &str) -> Vec<String> {
    let playbook = Playbook::read("x.yaml", text).unwrap();
    let errors = playbook.check(&tools(), &Limits::default(), &BTreeSet::new());
    let line = |error: PlaybookError| format!("{} {}", error.pointer.unwrap(), error.reason);
    errors.into_iter().map(line).collect()
}

#[test]
fn an_utterance_gives_what_the_plan_cannot_do_without() {
    let (both, bare) = ("refund {id} because {note}", "refund {id}");
    let text = json!({"type": "string"});
    let note = json!({"$param": "note"});
    let format = json!({"$format": "done: {note}", "with": {"note": note}});
    let lacks = |place: &str| {
        vec![format!(
            "/utterances/1 \"refund {{id}}\" gives no \"note\", which has no default, and the plan needs it at \"/plan/steps/0/{place}\""
        )]
    };
    let of = |step: Value| reasons(&file(&[both, bare], text.clone(), step));
    let plain = json!({});
    assert_eq!(of(say(note.clone(), plain.clone())), lacks("input/message"));
    assert_eq!(
        of(say(format, plain.clone())),
        lacks("input/message/with/note")
    );
    let when = |left: Value, op: &str, right: Value| {
        let mut when = json!({"left": left, "op": op});
        if !right.is_null() {
            when["right"] = right;
        }
        json!({"when": when})
    };
    // Left out, or maybe left out, where it is not said.
    let id = json!({"$param": "id"});
    for when in [
        when(note.clone(), "exists", Value::Null),
        when(id.clone(), "gt", json!(3)),
    ] {
        assert_eq!(of(say(note.clone(), when)), [""; 0]);
    }
    assert_eq!(
        of(say(note.clone(), when(id, "exists", Value::Null))),
        lacks("input/message")
    );
    assert_eq!(
        of(say(json!("x"), when(note.clone(), "eq", json!("x")))),
        lacks("when/left")
    );
    // A default is a value; what words can never give is given beside them.
    let step = || say(note.clone(), plain.clone());
    let default = json!({"type": "string", "default": "none"});
    assert_eq!(reasons(&file(&[both, bare], default, step())), [""; 0]);
    let hook = json!({"id": "tell", "tool": "call_webhook", "input": {"url": "https://example.com/", "method": "POST", "payload": note}});
    assert_eq!(
        reasons(&file(&[bare], json!({"type": "array"}), hook)),
        [""; 0]
    );
}

#[test]
fn an_unsaid_parameter_is_named_at_the_line_of_its_utterance() {
    check_file(
        "name: x\nutterances:\n  - say {a}\n  - say it\nparameters: { properties: { a: { type: string } } }\nplan: { steps: [ { id: s, tool: respond_to_user, input: { message: { $param: a } } } ] }\n",
        &[
            "book.yaml:4:5: \"say it\" gives no \"a\", which has no default, and the plan needs it at \"/plan/steps/0/input/message\"",
        ],
    );
}

/// What a set of playbooks is refused for.
fn check_set(playbooks: impl IntoIterator<Item = Playbook>, expected: Option<&str>) {
    let refused = Playbooks::new(playbooks.into_iter().collect()).err();
    let line = |error: PlaybookError| {
        format!("{} {} {}", error.file, error.pointer.unwrap(), error.reason)
    };
    assert_eq!(refused.map(line).as_deref(), expected);
}

#[test]
fn two_utterances_that_can_always_be_read_as_each_other_are_refused() {
    let one = |schema: Value| words::object(&["x"], json!({"x": schema}));
    let text = || one(json!({"type": "string", "title": "What"}));
    check_set(
        [
            words::playbook("drop", &["remove {x}", "Delete {x}."], text()),
            words::playbook(
                "erase",
                &["delete  {y}"],
                words::object(&["y"], json!({"y": {"type": "string"}})),
            ),
        ],
        Some(
            "erase.yaml /utterances/0 \"delete  {y}\" can always be read as \"Delete {x}.\" of playbook \"drop\" in drop.yaml too",
        ),
    );
    check_set(
        ["all", "every"].map(|name| words::playbook(name, &["list orders"], json!({}))),
        Some(
            "every.yaml /utterances/0 \"list orders\" can always be read as \"list orders\" of playbook \"all\" in all.yaml too",
        ),
    );
    let pair = || {
        words::object(
            &["a", "b"],
            json!({"a": {"type": "string"}, "b": {"type": "string"}}),
        )
    };
    check_set(
        [words::playbook(
            "send",
            &["send {a} to {b}", "send {b} to {a}"],
            pair(),
        )],
        Some(
            "send.yaml /utterances/1 \"send {b} to {a}\" can always be read as \"send {a} to {b}\" of playbook \"send\" in send.yaml too",
        ),
    );
    // The same reading twice, and what values tell apart, is good.
    check_set(
        [
            words::playbook("send", &["send {a} to {b}", "Send {a} to {b}!"], pair()),
            words::playbook("drop", &["delete {x}"], text()),
            words::playbook("erase", &["delete {x}"], one(json!({"type": "integer"}))),
        ],
        None,
    );
}
