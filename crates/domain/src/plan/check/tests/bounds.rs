//! How large a plan and its parts may be.

use super::*;

#[test]
fn an_empty_or_too_long_plan_is_refused() {
    check_steps(
        json!([]),
        &["/steps plan.empty a plan needs at least one step"],
    );
    let steps: Vec<Value> = (0..6).map(|place| search(&format!("s{place}"))).collect();
    check_steps(
        json!(steps),
        &["/steps plan.too_many_steps 6 steps are more than the limit of 5"],
    );
}

#[test]
fn attempts_and_timeouts_have_bounds() {
    let step = |attempts: u32, seconds: u32| {
        json!({"id": "a", "tool": "create_record", "input": {"table": "t", "data": {}}, "attempts": attempts, "timeout_seconds": seconds,
            "compensation": {"tool": "delete_record", "input": {"table": "t", "id": 1}, "attempts": attempts, "timeout_seconds": seconds}})
    };
    check_step(step(1, 1), &[]);
    check_step(step(100, 3600), &[]);
    for (attempts, seconds) in [(0, 0), (101, 3601)] {
        check_step(
            step(attempts, seconds),
            &[
                "/steps/0/attempts plan.attempts must be 1 to 100",
                "/steps/0/timeout_seconds plan.timeout must be 1 to 3600",
                "/steps/0/compensation/attempts plan.attempts must be 1 to 100",
                "/steps/0/compensation/timeout_seconds plan.timeout must be 1 to 3600",
            ],
        );
    }
}

#[test]
fn an_input_larger_than_the_limit_is_refused_without_counting_references() {
    let too_large =
        "/steps/0/input plan.input_too_large the input is larger than the limit of 200 bytes";
    check_step(say(json!("x".repeat(186))), &[]);
    check_step(say(json!("x".repeat(187))), &[too_large]);
    check_goal(
        json!([say(json!({"$param": "x"}))]),
        json!({"x": "x".repeat(187)}),
        &[too_large],
    );
    let references: Vec<Value> = (0..20)
        .map(|_| json!({"$step": "find", "path": "/rows/0/name"}))
        .collect();
    let step = json!({"id": "b", "tool": "create_record", "input": {"table": "t", "data": {"list": references}}});
    check_steps(json!([search("find"), step]), &[]);
}

#[test]
fn errors_are_bounded_and_a_thousand_steps_take_no_longer_each() {
    let steps: Vec<Value> = (0..1_000)
        .map(|place| json!({"id": format!("s{place}"), "tool": "nothing", "after": ["s"]}))
        .collect();
    assert_eq!(errors(json!(steps), json!({})).len(), PLAN_ERRORS_MAX);
}
