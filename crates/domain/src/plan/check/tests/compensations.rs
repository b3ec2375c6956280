//! What may make good what a step did.

use super::*;

#[test]
fn a_compensation_must_be_one_the_tool_allows() {
    let undo = |tool: &str, input: Value, by: &str, with: Value| json!({"id": "a", "tool": tool, "input": input, "compensation": {"tool": by, "input": with}});
    let record = json!({"table": "t", "data": {}});
    check_step(
        undo(
            "create_record",
            record.clone(),
            "respond_to_user",
            json!({"message": "m"}),
        ),
        &[
            "/steps/0/compensation/tool plan.compensation \"create_record\" cannot be undone by \"respond_to_user\", only by delete_record",
        ],
    );
    check_step(
        undo(
            "send_email",
            json!({"to": "a@b.cd", "subject": "", "body": ""}),
            "send_email",
            json!({"to": "a@b.cd", "subject": "", "body": ""}),
        ),
        &["/steps/0/compensation/tool plan.compensation \"send_email\" cannot be undone"],
    );
    check_step(
        undo("wait", json!({"seconds": 1}), "wait", json!({"seconds": 1})),
        &[
            "/steps/0/compensation plan.compensation \"wait\" changes nothing, so there is nothing to undo",
        ],
    );
    check_step(
        undo("create_record", record.clone(), "delete_recrod", json!({})),
        &[
            "/steps/0/compensation/tool plan.unknown_tool there is no tool \"delete_recrod\"; did you mean \"delete_record\"?",
        ],
    );
    check_step(
        undo(
            "create_record",
            record,
            "delete_record",
            json!({"table": {"$result": "/row"}, "id": {"$result": "/idd"}}),
        ),
        &[
            "/steps/0/compensation/input/id plan.no_such_output \"/idd\" of the step's result cannot be there",
            "/steps/0/compensation/input/table plan.type_mismatch must be string, but \"/row\" of the step's result is object",
        ],
    );
}

#[test]
fn a_compensation_may_have_an_input_of_its_own() {
    let step = |with: &str| {
        json!({"id": "a", "tool": "delete_record", "input": {"table": "t", "id": 1},
            "compensation": {"tool": "create_record", "input": {"table": "t", with: {"$result": "/before"}}}})
    };
    check_step(step("before"), &[]);
    check_step(
        step("data"),
        &[
            "/steps/0/compensation/input plan.input member \"before\" is missing",
            "/steps/0/compensation/input/data plan.input unknown member \"data\"",
        ],
    );
}

#[test]
fn a_compensation_refers_to_its_own_step_or_an_earlier_one() {
    let plan = |id: Value| {
        json!([
            search("find"),
            {"id": "make", "tool": "create_record", "input": {"table": "t", "data": {}},
             "compensation": {"tool": "delete_record", "input": {"table": "t", "id": id}}},
            {"id": "later", "tool": "create_record", "input": {"table": "t", "data": {}}},
        ])
    };
    check_steps(plan(json!({"$step": "make", "path": "/id"})), &[]);
    check_steps(plan(json!({"$step": "find", "path": "/rows/0/id"})), &[]);
    check_steps(
        plan(json!({"$step": "later", "path": "/id"})),
        &[
            "/steps/1/compensation/input/id plan.later_reference step \"later\" comes later; only earlier outputs can be used",
        ],
    );
    let each = json!([{"id": "each", "tool": "create_record", "for_each": {"items": {"$param": "rows"}, "max": 3},
        "input": {"table": "t", "data": {"$item": ""}},
        "compensation": {"tool": "delete_record", "input": {"table": {"$item": "/t"}, "id": {"$step": "each", "path": "/items/0/id"}}}}]);
    check_goal(
        each,
        json!({"rows": [{"t": "x"}]}),
        &[
            "/steps/0/compensation/input/id plan.own_output a compensation under for_each refers to its own output by $result",
        ],
    );
}
