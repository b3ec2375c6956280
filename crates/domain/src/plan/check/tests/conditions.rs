//! What `when` may compare, and what follows where it cannot hold.

use super::*;

#[test]
fn a_condition_compares_a_reference_with_what_it_can_be_compared_with() {
    let plan = |when: Value| {
        let mut step = say(json!("m"));
        step["when"] = when;
        json!([search("find"), step])
    };
    let count = json!({"$step": "find", "path": "/count"});
    check_steps(plan(json!({"left": count, "op": "gt", "right": 0})), &[]);
    check_steps(
        plan(json!({"left": count, "op": "in", "right": [1, 2]})),
        &[],
    );
    check_steps(plan(json!({"left": count, "op": "eq", "right": null})), &[]);
    check_steps(plan(json!({"left": {"$param": "x"}, "op": "exists"})), &[]);
    check_steps(
        plan(json!({"left": 1, "op": "eq", "right": 1})),
        &["/steps/1/when/left plan.condition must be a reference: $param, $step or $format"],
    );
    check_steps(
        plan(json!({"left": count, "op": "exists", "right": 1})),
        &["/steps/1/when/right plan.condition exists compares with nothing"],
    );
    check_steps(
        plan(json!({"left": count, "op": "in", "right": 1})),
        &["/steps/1/when/right plan.condition must be an array or a reference"],
    );
    check_steps(
        plan(json!({"left": count, "op": "lt", "right": null})),
        &["/steps/1/when/right plan.condition must be a number or text or a reference"],
    );
    check_steps(
        plan(
            json!({"left": {"$param": "x"}, "op": "eq", "right": {"$step": "find", "path": "/counts"}}),
        ),
        &[
            "/steps/1/when/left plan.unknown_parameter there is no parameter \"x\"",
            "/steps/1/when/right plan.no_such_output \"/counts\" of the output of step \"find\" cannot be there",
        ],
    );
    check_goal(
        plan(json!({"left": {"$param": "x"}, "op": "lt", "right": 1})),
        json!({"x": "a"}),
        &["/steps/1/when plan.condition only two numbers or two texts can be ordered"],
    );
}

#[test]
fn a_step_that_is_skipped_for_certain_may_lack_its_parameters() {
    let mut step = say(json!({"$param": "note"}));
    step["when"] = json!({"left": {"$param": "note"}, "op": "exists"});
    check_goal(json!([step.clone()]), json!({}), &[]);
    check_goal(
        json!([step]),
        json!({"note": 5}),
        &["/steps/0/input/message plan.input must be string, not integer"],
    );
}
