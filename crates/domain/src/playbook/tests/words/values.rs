//! Which values the words give to parameters.

use super::*;

#[test]
fn schemas_decide_where_values_end() {
    let parameters = object(
        &["what", "count", "to"],
        json!({"what": {"type": "string"}, "count": {"type": "integer", "maximum": 9}, "to": {"type": "string", "format": "email"}}),
    );
    let send = playbooks([playbook(
        "send",
        &["send {count} of {what} to {to}"],
        parameters,
    )]);
    check_words(
        &send,
        "send 3 of The Lord of the Rings to go to ana@example.com",
        r#"send {"count":3,"to":"ana@example.com","what":"The Lord of the Rings to go"}"#,
    );
    assert!(matches!(
        send.read_words("send 30 of x to ana@example.com"),
        Reading::None { .. }
    ));
}

#[test]
fn values_take_the_type_of_their_schema() {
    let read = |schema: Value, words: &str| {
        let playbook = playbook(
            "set",
            &["set it to {x}"],
            object(&["x"], json!({"x": schema})),
        );
        match playbooks([playbook]).read_words(&format!("set it to {words}")) {
            Reading::Match(found) => found.parameters["x"].to_string(),
            _ => "nothing".into(),
        }
    };
    assert_eq!(read(json!({"type": "string"}), "42"), "\"42\"");
    assert_eq!(read(json!({}), "42"), "\"42\"");
    assert_eq!(read(json!({"type": "integer"}), "42"), "42");
    assert_eq!(read(json!({"type": "number"}), "-4.5"), "-4.5");
    assert_eq!(read(json!({"type": "boolean"}), "True"), "true");
    assert_eq!(read(json!({"type": "boolean"}), "yes"), "nothing");
    assert_eq!(read(json!({"type": ["integer", "string"]}), "42"), "42");
    assert_eq!(
        read(json!({"type": ["integer", "string"]}), "forty"),
        "\"forty\""
    );
    assert_eq!(
        read(json!({"enum": ["economy", "business"]}), "business"),
        "\"business\""
    );
    assert_eq!(
        read(json!({"enum": ["economy", "business"]}), "first"),
        "nothing"
    );
    assert_eq!(read(json!({"enum": [1, 2]}), "2"), "2");
    assert_eq!(
        read(json!({"type": "string", "format": "date"}), "2026-12-03"),
        "\"2026-12-03\""
    );
    assert_eq!(
        read(json!({"type": "string", "format": "date"}), "2026-12-32"),
        "nothing"
    );
}

#[test]
fn letters_that_grow_in_lower_case_do_not_shift_what_is_read() {
    let go = playbooks([playbook(
        "go",
        &["fly to İstanbul with {x} now"],
        object(&["x"], json!({"x": {"type": "string"}})),
    )]);
    check_words(
        &go,
        "FLY TO İSTANBUL WITH Ünsal İnönü NOW",
        r#"go {"x":"Ünsal İnönü"}"#,
    );
    check_words(&go, "fly to istanbul with x now", r#"nothing near ["go"]"#);
    let half = playbooks([playbook(
        "half",
        &["go i{x}"],
        object(&["x"], json!({"x": {"type": "string"}})),
    )]);
    check_words(&half, "go Ib", r#"half {"x":"b"}"#);
    check_words(&half, "go İb", r#"nothing near ["half"]"#);
}

#[test]
fn given_parameters_join_the_spoken_ones_and_may_not_contradict_them() {
    let shop = shop();
    let Reading::Match(found) = shop.read_words("book flight OS 417 for ana@example.com") else {
        panic!("no match")
    };
    let merge = |given: Value| {
        let merged = found.playbook.merge(&found.spoken, &given);
        merged
            .map(|parameters| parameters["seats"].clone())
            .map_err(|problems| format!("{} {}", problems[0].pointer, problems[0].reason))
    };
    assert_eq!(merge(Value::Null), Ok(json!(1)));
    assert_eq!(merge(json!({"seats": 2})), Ok(json!(2)));
    assert_eq!(merge(json!({"flight": "OS 417"})), Ok(json!(1)));
    assert_eq!(
        merge(json!({"flight": "OS 418"})),
        Err("/flight the words say something else".into())
    );
    assert_eq!(
        merge(json!({"seat": 2})),
        Err("/seat unknown member \"seat\"; did you mean \"seats\"?".into())
    );
    assert_eq!(
        merge(json!({"seats": "two"})),
        Err("/seats must be integer, not string".into())
    );
    assert_eq!(
        merge(json!([])),
        Err(" parameters must be an object".into())
    );
    assert_eq!(found.playbook.parameter_errors(&found.parameters), []);
    assert_eq!(
        found
            .playbook
            .parameter_errors(&json!({"flight": "OS 417"}))
            .len(),
        1
    );
}

#[test]
fn a_rule_between_parameters_decides_too() {
    let mut parameters = object(
        &["a", "b"],
        json!({"a": {"type": "string"}, "b": {"type": "string"}}),
    );
    parameters["not"] = json!({"properties": {"a": {"const": "x to y"}}});
    let send = playbooks([playbook("send", &["send {a} to {b}"], parameters)]);
    check_words(&send, "send x to y to z", r#"send {"a":"x","b":"y to z"}"#);
}
