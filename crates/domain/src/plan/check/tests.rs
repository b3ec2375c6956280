//! What is wrong with plans that cannot work, place by place.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::tools;
use super::*;
use crate::plan::parse::{parse, read};

mod bounds;
mod compensations;
mod conditions;
mod references;

/// The errors of a goal's plan, a line each.
fn errors(steps: Value, parameters: Value) -> Vec<String> {
    let plan = parse(&json!({"steps": steps})).unwrap();
    let checked = with(&plan, Parameters::Values(&parameters), check);
    lines(&checked.errors)
}

fn check_goal(steps: Value, parameters: Value, expected: &[&str]) {
    assert_eq!(errors(steps, parameters), expected);
}

fn check_steps(steps: Value, expected: &[&str]) {
    check_goal(steps, json!({}), expected);
}

/// As `check_steps`, for one step that is checked alone.
fn check_step(step: Value, expected: &[&str]) {
    check_steps(json!([step]), expected);
}

fn check_schema(steps: Value, parameters: Value, expected: &[&str]) {
    let plan = parse(&json!({"steps": steps})).unwrap();
    let checked = with(&plan, Parameters::Schema(&parameters), check);
    assert_eq!(lines(&checked.errors), expected);
}

fn with<T>(
    plan: &Plan,
    parameters: Parameters<'_>,
    then: impl FnOnce(&CheckRequest<'_>) -> T,
) -> T {
    let limits = Limits {
        plan_steps_max: 5,
        fan_out_max: 10,
        input_bytes_max: 200,
        ..Limits::default()
    };
    let secrets = BTreeSet::from(["pay_token".to_owned()]);
    then(&CheckRequest {
        plan,
        tools: &tools(),
        parameters,
        limits: &limits,
        secrets: &secrets,
    })
}

fn lines(errors: &[PlanError]) -> Vec<String> {
    errors
        .iter()
        .map(|error| format!("{} {} {}", error.pointer, error.code, error.reason))
        .collect()
}

fn search(id: &str) -> Value {
    json!({"id": id, "tool": "search_database", "input": {"table": "orders"}})
}

fn say(message: Value) -> Value {
    json!({"id": "say", "tool": "respond_to_user", "input": {"message": message}})
}

#[test]
fn the_plan_of_the_design_is_valid_and_reported_on() {
    let plan = parse(&json!({"version": 1, "steps": [
        {"id": "find", "tool": "search_database", "input": {"table": "orders", "filters": {"id": {"$param": "order_id"}}}},
        {"id": "refund", "tool": "create_record",
         "input": {"table": "refunds", "data": {"order_id": {"$step": "find", "path": "/rows/0/id"}}},
         "compensation": {"tool": "delete_record", "input": {"table": "refunds", "id": {"$result": "/id"}}}},
        {"id": "tell", "tool": "send_email", "after": ["refund"],
         "input": {"to": {"$step": "find", "path": "/rows/0/email"}, "subject": "Your refund", "body": "…"}},
        {"id": "note", "tool": "create_record", "approval": true, "input": {"table": "notes", "data": {}}},
    ]}))
    .unwrap();
    let checked = with(&plan, Parameters::Values(&json!({"order_id": 1042})), check);
    assert_eq!(checked.errors, []);
    assert!(checked.valid());
    let report: Vec<String> = checked
        .steps
        .iter()
        .map(|step| {
            let StepCheck {
                id,
                lane,
                verdict,
                asks,
                reason,
                class,
                undone_by,
                irreversible,
            } = step;
            format!(
                "{id} {lane:?} {verdict:?} {asks} {class:?} {undone_by:?} {irreversible} {reason}"
            )
        })
        .collect();
    assert_eq!(
        report,
        [
            "find Some(Green) Allow false Some(Read) None false lane green: it runs",
            "refund Some(Yellow) Allow false Some(Idempotent) Some(\"delete_record\") false lane yellow: it runs and is noted",
            "tell Some(Red) Ask true Some(AtMostOnce) None true lane red: a person is asked first; it cannot be undone",
            "note Some(Yellow) Ask true Some(Idempotent) None true the step asks for approval; this plan does not undo it",
        ]
    );
    let asked: Vec<&str> = checked.approvals.iter().map(StepId::as_str).collect();
    assert_eq!(asked, ["tell", "note"]);
}

#[test]
fn a_broken_plan_is_reported_on_too() {
    let plan = parse(&json!({"steps": [{"id": "a", "tool": "sned_email"}, search("b")]})).unwrap();
    let checked = with(&plan, Parameters::Values(&json!({})), check);
    assert!(!checked.valid());
    assert_eq!(checked.steps.len(), 2);
    assert_eq!(
        (checked.steps[0].lane, checked.steps[0].verdict),
        (None, Verdict::Deny)
    );
    assert_eq!(checked.steps[1].verdict, Verdict::Allow);
}

#[test]
fn the_class_is_that_of_the_known_input() {
    let class = |url: Value, parameters: Value| {
        let step = json!({"id": "a", "tool": "call_webhook", "input": {"url": url, "method": "POST", "payload": 1}});
        let plan = parse(&json!({"steps": [step]})).unwrap();
        with(&plan, Parameters::Values(&parameters), check).steps[0]
            .class
            .unwrap()
    };
    let pay = "https://pay.example.com/charge";
    assert_eq!(class(json!(pay), json!({})), EffectClass::Idempotent);
    assert_eq!(
        class(json!({"$param": "url"}), json!({"url": pay})),
        EffectClass::Idempotent
    );
    assert_eq!(
        class(json!("https://example.com/"), json!({})),
        EffectClass::AtMostOnce
    );
}

#[test]
fn names_that_nobody_knows_are_refused_with_a_guess() {
    check_steps(
        json!([search("find"), {"id": "a", "tool": "sned_email", "after": ["fnid", "zzz"]}, say(json!({"$step": "fin", "path": ""}))]),
        &[
            "/steps/1/tool plan.unknown_tool there is no tool \"sned_email\"; did you mean \"send_email\"?",
            "/steps/1/after/0 plan.unknown_step there is no step \"fnid\"; did you mean \"find\"?",
            "/steps/1/after/1 plan.unknown_step there is no step \"zzz\"",
            "/steps/2/input/message plan.unknown_step there is no step \"fin\"; did you mean \"find\"?",
        ],
    );
    check_goal(
        json!([say(json!({"$param": "nmae"}))]),
        json!({"name": "Ana"}),
        &[
            "/steps/0/input/message plan.unknown_parameter there is no parameter \"nmae\"; did you mean \"name\"?",
        ],
    );
}

#[test]
fn a_repeated_id_is_refused() {
    check_steps(
        json!([search("a"), search("a")]),
        &["/steps/1/id plan.duplicate_id step \"a\" is already at /steps/0"],
    );
}

#[test]
fn a_cycle_is_refused_and_shown() {
    let after = |id: &str, needs: &str| {
        let mut step = search(id);
        step["after"] = json!([needs]);
        step
    };
    check_steps(
        json!([after("a", "a")]),
        &["/steps/0 plan.cycle steps wait for each other: a needs a"],
    );
    check_steps(
        // The first step waits for the circle without being part of it.
        json!([
            after("x", "c"),
            after("a", "b"),
            after("b", "c"),
            after("c", "a")
        ]),
        &["/steps/3 plan.cycle steps wait for each other: c needs a needs b needs c"],
    );
}

#[test]
fn a_step_after_itself_is_a_cycle_also_with_a_compensation() {
    let step = json!({
        "id": "a", "tool": "create_record", "after": ["a"], "input": {"table": "t", "data": {}},
        "compensation": {"tool": "delete_record", "input": {"table": "t", "id": {"$result": "/id"}}},
    });
    check_step(
        step,
        &["/steps/0 plan.cycle steps wait for each other: a needs a"],
    );
}

#[test]
fn only_earlier_outputs_can_be_used() {
    check_steps(
        json!([say(json!({"$step": "find", "path": ""})), search("find")]),
        &[
            "/steps/0/input/message plan.later_reference step \"find\" comes later; only earlier outputs can be used",
        ],
    );
    check_step(
        say(json!({"$step": "say", "path": "/reply"})),
        &["/steps/0/input/message plan.own_output step \"say\" cannot refer to its own output"],
    );
    // Order without data may lead to a later place.
    let mut first = search("a");
    first["after"] = json!(["b"]);
    check_steps(json!([first, search("b")]), &[]);
}

#[test]
fn an_input_is_checked_against_the_schema_with_its_pointer() {
    check_steps(
        json!([
            {"id": "a", "tool": "search_database", "input": {"tabel": "orders", "limit": 5000, "filters": []}},
            {"id": "b", "tool": "send_email", "input": {"to": "nobody", "subject": "s", "body": 1}},
            {"id": "c", "tool": "wait", "input": {"seconds": 1, "until": "2026-12-01T12:00:00Z"}},
            {"id": "d", "tool": "wait"},
        ]),
        &[
            "/steps/0/input plan.input member \"table\" is missing",
            "/steps/0/input/filters plan.input must be object, not array",
            "/steps/0/input/limit plan.input must be at most 1000",
            "/steps/0/input/tabel plan.input unknown member \"tabel\"; did you mean \"table\"?",
            "/steps/1/input/body plan.input must be string, not integer",
            "/steps/1/input/to plan.input is no valid email",
            "/steps/2/input plan.input fits more than one of the forms of which exactly one is allowed",
            "/steps/3/input plan.input fits none of the forms that are allowed: member \"seconds\" is missing, or member \"until\" is missing",
        ],
    );
}

#[test]
fn parameters_are_filled_in_before_the_schema_is_asked() {
    let mail = json!([{"id": "a", "tool": "send_email", "input": {
        "to": {"$param": "to"}, "subject": {"$format": "For {who}", "with": {"who": {"$param": "to"}}}, "body": "b",
    }}]);
    check_goal(mail.clone(), json!({"to": "ana@example.com"}), &[]);
    check_goal(
        mail.clone(),
        json!({"to": "ana"}),
        &["/steps/0/input/to plan.input is no valid email"],
    );
    check_goal(
        mail,
        json!({"to": {"deep": [1]}}),
        &["/steps/0/input/to plan.input must be string, not object"],
    );
    check_goal(
        json!([{"id": "a", "tool": "search_database", "input": {"$param": "all"}}]),
        json!({"all": {"table": 1}}),
        &["/steps/0/input plan.input must be string, not integer"],
    );
}

#[test]
fn a_blocked_tool_is_refused() {
    check_step(
        json!({"id": "a", "tool": "drop_table", "compensation": {"tool": "drop_table"}}),
        &[
            "/steps/0/compensation/tool plan.blocked the lane of \"drop_table\" is blocked: it never runs",
            "/steps/0/tool plan.blocked the lane of \"drop_table\" is blocked: it never runs",
        ],
    );
}

#[test]
fn a_playbook_is_checked_against_the_schema_of_its_parameters() {
    let schema = json!({"type": "object", "properties": {"order": {"type": "integer"}, "email": {"type": "string"}, "any": {}}});
    check_schema(
        json!([
            {"id": "a", "tool": "search_database", "input": {"table": {"$param": "order"}, "limit": {"$param": "order"}}},
            {"id": "b", "tool": "send_email", "input": {"to": {"$param": "email"}, "subject": {"$param": "any"}, "body": {"$param": "emali"}}},
        ]),
        schema,
        &[
            "/steps/0/input/table plan.type_mismatch must be string, but parameter \"order\" is integer",
            "/steps/1/input/body plan.unknown_parameter there is no parameter \"emali\"; did you mean \"email\"?",
        ],
    );
}

#[test]
fn a_reply_refers_to_parameters_and_outputs() {
    let plan = parse(&json!({"steps": [search("find")]})).unwrap();
    let reply = json!({"$format": "{a} {b} {c} {d}", "with": {
        "a": {"$step": "find", "path": "/count"}, "b": {"$step": "fin", "path": ""}, "c": {"$item": ""}, "d": {"$param": "x"},
    }});
    let errors = with(&plan, Parameters::Values(&json!({})), |request| {
        check_reply(request, &reply)
    });
    assert_eq!(
        lines(&errors),
        [
            "/with/b plan.unknown_step there is no step \"fin\"; did you mean \"find\"?",
            "/with/c plan.reference_not_allowed $item can stand only in the inputs of a step with for_each",
            "/with/d plan.unknown_parameter there is no parameter \"x\"",
        ]
    );
}

proptest! {
    #[test]
    fn no_plan_makes_it_panic_and_every_error_points_into_the_plan(
        document in crate::plan::documents::any_plan(),
        order in crate::plan::documents::any_json(),
    ) {
        let (plan, _) = read(&document);
        let written = serde_json::to_value(&plan).unwrap();
        for parameters in [Parameters::Values(&json!({"order": order})), Parameters::Schema(&order)] {
            let checked = with(&plan, parameters, check);
            prop_assert_eq!(checked.steps.len(), plan.steps.len());
            for error in checked.errors {
                let parent = error.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                prop_assert!(written.pointer(parent).is_some(), "{} {}", error.pointer, error.reason);
            }
        }
    }
}
