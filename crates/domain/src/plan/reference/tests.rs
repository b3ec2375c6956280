//! What is a reference and what only looks like one.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::plan::documents::{any_json, template};

fn check(value: Value, expected: &str) {
    let read = match Reference::read(&value) {
        Ok(read) => format!("{read:?}"),
        Err(invalid) => invalid.to_string(),
    };
    assert_eq!(read, expected, "{value}");
}

#[test]
fn each_form_is_read() {
    check(json!({"$param": "x"}), "Some(Param(\"x\"))");
    check(
        json!({"$step": "a", "path": "/b/0"}),
        "Some(Step { step: \"a\", path: \"/b/0\" })",
    );
    check(
        json!({"$step": "a"}),
        "Some(Step { step: \"a\", path: \"\" })",
    );
    check(json!({"$result": ""}), "Some(Result(\"\"))");
    check(json!({"$item": "/x"}), "Some(Item(\"/x\"))");
    check(json!({"$secret": "s"}), "Some(Secret(\"s\"))");
    check(
        json!({"$format": "{a}", "with": {"a": 1}}),
        "Some(Format { template: \"{a}\", with: {\"a\": Number(1)} })",
    );
}

#[test]
fn literals_are_none() {
    for value in [
        json!(null),
        json!("$param"),
        json!(["$param"]),
        json!({}),
        json!({"a": {"$param": "x"}}),
        json!({"a$": 1}),
    ] {
        check(value, "None");
    }
}

#[test]
fn what_only_looks_like_one_is_refused() {
    check(json!({"$param": 1}), "\"$param\" must be text");
    check(
        json!({"$param": "x", "y": 1}),
        "\"y\" cannot stand beside $param",
    );
    check(json!({"$step": "a", "path": 1}), "\"path\" must be text");
    check(
        json!({"$step": "a", "path": "b"}),
        "\"b\" is no JSON Pointer: it must be empty or begin with \"/\"",
    );
    check(
        json!({"$result": "id"}),
        "\"id\" is no JSON Pointer: it must be empty or begin with \"/\"",
    );
    check(
        json!({"$step": "a", "$item": ""}),
        "\"$step\" cannot stand beside $item",
    );
    check(
        json!({"$format": "x"}),
        "$format needs an object \"with\" beside it",
    );
    check(
        json!({"$gte": 1}),
        "$gte is no reference; there are $param, $step, $result, $item, $secret and $format",
    );
}

#[test]
fn a_survey_finds_every_reference_with_its_pointer() {
    let template = json!({
        "a/b": [1, {"$param": "x"}],
        "f": {"$format": "{p}", "with": {"p": {"$item": ""}, "q": [{"$secret": "s"}]}},
        "w": {"$wrong": {"$param": "hidden"}},
    });
    let mut found = Vec::new();
    survey(&template, &mut |pointer, read| {
        found.push(format!("{pointer} {}", read.is_ok()))
    });
    assert_eq!(
        found,
        [
            "/a~1b/1 true",
            "/f true",
            "/f/with/p true",
            "/f/with/q/0 true",
            "/w false"
        ]
    );
    let mut visited = 0;
    let (pointer, _) = walk(&template, &mut |_, _| visited += 1).unwrap_err();
    assert_eq!((pointer.as_str(), visited), ("/w", 4));
}

proptest! {
    #[test]
    fn pointers_lead_to_what_was_found(template in template()) {
        survey(&template, &mut |pointer, read| {
            let found = template.pointer(pointer).map(Reference::read);
            assert_eq!(found, Some(read.map(Some)), "{pointer}");
        });
    }

    #[test]
    fn no_value_makes_it_panic(value in any_json()) {
        let _: Result<Option<Reference<'_>>, InvalidReference> = Reference::read(&value);
        walk(&value, &mut |_, _| {}).unwrap_or_default();
    }
}
