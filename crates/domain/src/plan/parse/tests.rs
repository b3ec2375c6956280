//! Which documents are plans, and what is said of the others.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(document: Value, expected: &[&str]) {
    let (_, errors) = read(&document);
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {} {}", error.pointer, error.code, error.reason))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(parse(&document).is_ok(), expected.is_empty());
}

#[test]
fn a_whole_plan_reads_as_it_was_written() {
    let document = json!({
        "version": 1,
        "steps": [
            {"id": "find", "tool": "search", "input": {"table": "orders"}},
            {
                "id": "tell", "tool": "send", "input": {"to": {"$item": "/email"}}, "after": ["find"],
                "when": {"left": {"$param": "loud"}, "op": "eq", "right": true},
                "for_each": {"items": {"$step": "find", "path": "/rows"}, "max": 20},
                "compensation": {"tool": "unsend", "input": {"id": {"$result": "/id"}}, "attempts": 7, "timeout_seconds": 3},
                "approval": true, "attempts": 2, "timeout_seconds": 60,
            },
        ],
    });
    let plan = parse(&document).unwrap();
    assert_eq!(serde_json::to_value(&plan).unwrap(), document);
    assert_eq!(serde_json::from_value::<Plan>(document).unwrap(), plan);
}

#[test]
fn version_and_optional_fields_may_be_left_out_or_null() {
    let plan = parse(&json!({"steps": [{
        "id": "a", "tool": "t", "when": null, "for_each": null, "compensation": null, "attempts": null, "timeout_seconds": null,
    }]}))
    .unwrap();
    assert_eq!(
        serde_json::to_value(&plan).unwrap(),
        json!({"version": 1, "steps": [{"id": "a", "tool": "t", "input": {}}]})
    );
}

#[test]
fn another_version_is_refused() {
    for version in [
        json!(2),
        json!(0),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
    ] {
        let (_, errors) = read(&json!({"version": version, "steps": []}));
        assert_eq!(
            (errors[0].pointer.as_str(), errors[0].code),
            ("/version", "plan.version")
        );
    }
    check(
        json!({"version": 2, "steps": []}),
        &["/version plan.version version must be 1, not 2"],
    );
}

#[test]
fn what_is_no_object_is_refused() {
    check(
        json!(null),
        &[" plan.wrong_type must be an object, not null"],
    );
    check(
        json!([]),
        &[" plan.wrong_type must be an object, not array"],
    );
    check(
        json!({}),
        &[" plan.missing_field field \"steps\" is missing"],
    );
    check(
        json!({"steps": {}}),
        &["/steps plan.wrong_type must be an array, not object"],
    );
    check(
        json!({"steps": ["a"]}),
        &["/steps/0 plan.wrong_type must be an object, not string"],
    );
}

#[test]
fn every_error_is_found_in_one_reading() {
    check(
        json!({
            "stepz": 1,
            "steps": [
                {"id": "A", "tool": 3, "input": [], "inputs": {}},
                {"tool": "t", "after": ["ok", "Not Ok", 4], "approval": "yes", "attempts": -1, "timeout_seconds": 1.5},
                {"id": "b", "tool": "t", "when": {"left": 1, "op": "eqq", "rigth": 2}, "for_each": {"max": "many"}},
                {"id": "c", "tool": "t", "when": [], "after": "b", "compensation": {"input": 1, "undo~/": 1}},
            ],
        }),
        &[
            "/stepz plan.unknown_field unknown field \"stepz\"; did you mean \"steps\"?",
            "/steps/0/inputs plan.unknown_field unknown field \"inputs\"; did you mean \"input\"?",
            "/steps/0/id plan.invalid_id step id must match [a-z][a-z0-9_-]{0,63}",
            "/steps/0/tool plan.wrong_type must be text, not 3",
            "/steps/0/input plan.wrong_type must be an object, not array",
            "/steps/1 plan.missing_field field \"id\" is missing",
            "/steps/1/after/1 plan.invalid_id step id must match [a-z][a-z0-9_-]{0,63}",
            "/steps/1/after/2 plan.wrong_type must be text, not 4",
            "/steps/1/approval plan.wrong_type must be true or false, not string",
            "/steps/1/attempts plan.wrong_type must be a whole number from 0, not -1",
            "/steps/1/timeout_seconds plan.wrong_type must be a whole number from 0, not 1.5",
            "/steps/2/when/rigth plan.unknown_field unknown field \"rigth\"; did you mean \"right\"?",
            "/steps/2/when/op plan.condition op must be one of eq, ne, lt, lte, gt, gte, in, exists; did you mean \"eq\"?",
            "/steps/2/for_each plan.missing_field field \"items\" is missing",
            "/steps/2/for_each/max plan.wrong_type must be a whole number from 0, not string",
            "/steps/3/after plan.wrong_type must be an array, not string",
            "/steps/3/when plan.wrong_type must be an object, not array",
            "/steps/3/compensation/undo~0~1 plan.unknown_field unknown field \"undo~/\"",
            "/steps/3/compensation plan.missing_field field \"tool\" is missing",
            "/steps/3/compensation/input plan.wrong_type must be an object, not 1",
        ],
    );
}

#[test]
fn a_broken_plan_is_read_as_far_as_it_can_be() {
    let (plan, errors) =
        read(&json!({"steps": [{"id": "a", "tool": "t", "extra": 1}, {"id": "b"}]}));
    assert_eq!(errors.len(), 2);
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["a"]);
}

#[test]
fn a_comparison_needs_a_right_side_which_may_be_null() {
    let plan = |when: Value| json!({"steps": [{"id": "a", "tool": "t", "when": when}]});
    check(plan(json!({"left": {"$param": "x"}, "op": "exists"})), &[]);
    check(
        plan(json!({"left": {"$param": "x"}, "op": "eq", "right": null})),
        &[],
    );
    check(
        plan(json!({"left": {"$param": "x"}, "op": "eq"})),
        &["/steps/0/when plan.missing_field field \"right\" is missing"],
    );
}

#[test]
fn errors_are_bounded() {
    let (_, errors) = read(&json!({"steps": vec![json!(1); 10_000]}));
    assert_eq!(errors.len(), PLAN_ERRORS_MAX);
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(document in crate::plan::documents::any_plan()) {
        let (plan, errors) = read(&document);
        if errors.is_empty() {
            // What was read is what serde would have read.
            prop_assert_eq!(serde_json::from_value::<Plan>(serde_json::to_value(&plan).unwrap()).unwrap(), plan);
        }
    }
}
