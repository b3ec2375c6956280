//! What is wrong with what a plan refers to.

use super::*;

#[test]
fn types_of_references_are_compared_where_the_schemas_know_them() {
    check_steps(
        json!([
            search("find"),
            {"id": "b", "tool": "search_database", "input": {"table": {"$step": "find", "path": "/count"}}},
            {"id": "c", "tool": "search_database", "input": {"table": {"$step": "find", "path": "/rows/0/name"}, "limit": {"$step": "find", "path": "/count"}}},
            {"id": "d", "tool": "search_database", "input": {"table": "t", "limit": {"$format": "1", "with": {}}}},
            {"id": "e", "tool": "search_database", "input": {"$step": "find", "path": "/rows"}},
        ]),
        &[
            "/steps/1/input/table plan.type_mismatch must be string, but \"/count\" of the output of step \"find\" is integer",
            "/steps/3/input/limit plan.input must be integer, not string",
            "/steps/4/input plan.type_mismatch must be object, but \"/rows\" of the output of step \"find\" is array",
        ],
    );
}

#[test]
fn an_output_that_cannot_be_there_is_refused() {
    check_steps(
        json!([
            search("find"),
            {"id": "wait", "tool": "wait", "input": {"seconds": 1}},
            {"id": "b", "tool": "respond_to_user", "input": {"message": {"$step": "find", "path": "/row/0"}}},
            {"id": "c", "tool": "respond_to_user", "input": {"message": {"$step": "wait", "path": "/x"}}},
            {"id": "d", "tool": "respond_to_user", "input": {"message": {"$step": "find", "path": "/rows/first"}}},
        ]),
        &[
            "/steps/2/input/message plan.no_such_output \"/row/0\" of the output of step \"find\" cannot be there",
            "/steps/3/input/message plan.no_such_output \"/x\" of the output of step \"wait\" cannot be there",
            "/steps/4/input/message plan.no_such_output \"/rows/first\" of the output of step \"find\" cannot be there",
        ],
    );
}

#[test]
fn the_output_of_a_fan_out_is_a_list_of_outputs() {
    let plan = |path: &str| {
        json!([
            search("find"),
            {"id": "each", "tool": "create_record", "for_each": {"items": {"$step": "find", "path": "/rows"}, "max": 5},
             "input": {"table": "t", "data": {"$item": ""}}},
            say(json!({"$step": "each", "path": path})),
        ])
    };
    check_steps(plan("/items/0/id"), &[]);
    for path in ["/id", "/items/0/ids", "/items/first"] {
        let reason = format!(
            "/steps/2/input/message plan.no_such_output {path:?} of the output of step \"each\" cannot be there"
        );
        check_steps(plan(path), &[&reason]);
    }
    check_steps(
        plan("/items"),
        &[
            "/steps/2/input/message plan.type_mismatch must be string, but \"/items\" of the output of step \"each\" is array",
        ],
    );
}

#[test]
fn items_are_typed_by_what_they_come_from() {
    check_steps(
        json!([
            search("find"),
            {"id": "b", "tool": "respond_to_user", "for_each": {"items": {"$step": "find", "path": "/rows"}, "max": 5}, "input": {"message": {"$item": ""}}},
        ]),
        &["/steps/1/input/message plan.type_mismatch must be string, but the item is object"],
    );
    check_schema(
        json!([{"id": "b", "tool": "respond_to_user", "for_each": {"items": {"$param": "ids"}, "max": 5}, "input": {"message": {"$item": ""}}}]),
        json!({"type": "object", "properties": {"ids": {"type": "array", "items": {"type": "integer"}}}}),
        &["/steps/0/input/message plan.type_mismatch must be string, but the item is integer"],
    );
}

#[test]
fn known_items_are_checked_one_by_one() {
    let plan = json!([{"id": "a", "tool": "send_email", "for_each": {"items": {"$param": "to"}, "max": 3},
        "input": {"to": {"$item": "/email"}, "subject": "s", "body": "b"}}]);
    let to = |emails: &[&str]| json!({"to": emails.iter().map(|email| json!({"email": email})).collect::<Vec<_>>()});
    check_goal(plan.clone(), to(&["a@example.com", "b@example.com"]), &[]);
    check_goal(plan.clone(), to(&[]), &[]);
    check_goal(
        plan.clone(),
        to(&["a@example.com", "b", "c"]),
        &["/steps/0/input/to plan.input item 1: is no valid email"],
    );
    check_goal(
        plan.clone(),
        json!({"to": [{"email": "a@b.cd"}, {"mail": "a@b.cd"}]}),
        &["/steps/0/input/to plan.no_such_item item 1 has nothing at \"/email\""],
    );
    check_goal(
        plan.clone(),
        to(&["a@b.cd"; 4]),
        &["/steps/0/for_each/items plan.fan_out 4 items are more than the step's max of 3"],
    );
    check_goal(
        plan.clone(),
        json!({"to": "a@b.cd"}),
        &["/steps/0/for_each/items plan.for_each must refer to an array, not string"],
    );
}

#[test]
fn a_fan_out_is_one_reference_within_its_bounds() {
    let plan = |items: Value, max: u32| json!([search("find"), {"id": "b", "tool": "wait", "input": {"seconds": 1}, "for_each": {"items": items, "max": max}}]);
    let rows = json!({"$step": "find", "path": "/rows"});
    check_steps(plan(rows.clone(), 10), &[]);
    check_steps(
        plan(rows.clone(), 0),
        &["/steps/1/for_each/max plan.fan_out must be 1 to 10"],
    );
    check_steps(
        plan(rows.clone(), 11),
        &["/steps/1/for_each/max plan.fan_out must be 1 to 10"],
    );
    let one =
        "/steps/1/for_each/items plan.for_each must be one reference to an array: $param or $step";
    for items in [
        json!([1]),
        json!([rows]),
        json!({"$item": ""}),
        json!({"$secret": "pay_token"}),
        json!({"$format": "", "with": {}}),
    ] {
        check_steps(plan(items, 1), &[one]);
    }
    check_steps(
        plan(json!({"$step": "find", "path": "/count"}), 1),
        &["/steps/1/for_each/items plan.for_each must refer to an array, not integer"],
    );
}

#[test]
fn references_stand_only_where_they_have_a_value() {
    check_step(
        say(json!({"$item": ""})),
        &[
            "/steps/0/input/message plan.reference_not_allowed $item can stand only in the inputs of a step with for_each",
        ],
    );
    check_step(
        say(json!({"$result": "/x"})),
        &[
            "/steps/0/input/message plan.reference_not_allowed $result can stand only in a compensation",
        ],
    );
    let mut step = say(json!("x"));
    step["for_each"] = json!({"items": {"$param": "list"}, "max": 1});
    step["when"] = json!({"left": {"$item": ""}, "op": "exists"});
    check_goal(
        json!([step]),
        json!({"list": []}),
        &[
            "/steps/0/when/left plan.reference_not_allowed $item can stand only in the inputs of a step with for_each",
        ],
    );
}

#[test]
fn what_looks_like_a_reference_must_be_one() {
    check_step(
        say(json!({"$stpe": "a"})),
        &[
            "/steps/0/input/message plan.invalid_reference $stpe is no reference; there are $param, $step, $result, $item, $secret and $format",
        ],
    );
    check_step(
        json!({"id": "a", "tool": "search_database", "input": {"table": {"$param": 1}, "filters": {"x": {"$step": "b", "paht": ""}}}}),
        &[
            "/steps/0/input/filters/x plan.invalid_reference \"paht\" cannot stand beside $step",
            "/steps/0/input/table plan.invalid_reference \"$param\" must be text",
        ],
    );
}

#[test]
fn a_format_has_all_its_places() {
    check_goal(
        json!([say(json!({"$format": "{name} {nmae} {", "with": {}}))]),
        json!({}),
        &["/steps/0/input/message plan.format a lone '{' in \"{name} {nmae} {\"; write it twice"],
    );
    check_goal(
        json!([say(
            json!({"$format": "{nmae} {{}}", "with": {"name": {"$param": "x"}, "unused": 1}})
        )]),
        json!({}),
        &[
            "/steps/0/input/message plan.format there is no \"nmae\" under \"with\"; did you mean \"name\"?",
            "/steps/0/input/message/with/name plan.unknown_parameter there is no parameter \"x\"",
        ],
    );
}

#[test]
fn secrets_stand_in_headers_only_and_are_configured() {
    let call = |input: Value| {
        let mut all = json!({"url": "https://example.com/", "method": "POST", "payload": {}});
        all.as_object_mut()
            .unwrap()
            .extend(input.as_object().unwrap().clone());
        json!({"id": "a", "tool": "call_webhook", "input": all})
    };
    check_step(
        call(json!({"headers": {"authorization": {"$secret": "pay_token"}}})),
        &[],
    );
    check_step(
        call(json!({"headers": {"authorization": {"$secret": "pay_tokne"}}})),
        &[
            "/steps/0/input/headers/authorization plan.unknown_secret no secret \"pay_tokne\" is configured",
        ],
    );
    check_step(
        call(json!({"payload": {"$secret": "pay_token"}})),
        &[
            "/steps/0/input/payload plan.reference_not_allowed $secret can stand only below \"/headers\" of this tool's input",
        ],
    );
    check_step(
        call(json!({"headers": {"$secret": "pay_token"}})),
        &[
            "/steps/0/input/headers plan.reference_not_allowed $secret can stand only below \"/headers\" of this tool's input",
            "/steps/0/input/headers plan.type_mismatch must be object, but secret \"pay_token\" is string",
        ],
    );
    check_step(
        call(
            json!({"headers": {"authorization": {"$format": "Bearer {t}", "with": {"t": {"$secret": "pay_token"}}}}}),
        ),
        &[
            "/steps/0/input/headers/authorization/with/t plan.reference_not_allowed $secret cannot be part of a $format",
        ],
    );
    check_step(
        say(json!({"$secret": "pay_token"})),
        &[
            "/steps/0/input/message plan.reference_not_allowed $secret can stand only in the headers of tools that leave the house",
        ],
    );
}
