//! When a condition holds.

use serde_json::json;

use super::*;

fn check(left: Value, op: Op, right: Value, expected: Result<bool, &str>) {
    let parameters = json!({"left": left});
    let scope = Scope {
        parameters: &parameters,
        outputs: &|_| None,
        result: None,
        item: None,
    };
    let condition = Condition {
        left: json!({"$param": "left"}),
        op,
        right: Some(right.clone()),
    };
    let held = holds(&condition, &scope).map_err(|unresolved| unresolved.reason);
    assert_eq!(
        held,
        expected.map_err(str::to_owned),
        "{left} {op:?} {right}"
    );
}

#[test]
fn equality_is_that_of_json() {
    for (left, right, equal) in [
        (json!(1), json!(1.0), true),
        (json!(1), json!("1"), false),
        (json!("a"), json!("A"), false),
        (json!(null), json!(null), true),
        (json!({"a": [1]}), json!({"a": [1.0]}), true),
        (json!([1, 2]), json!([1]), false),
        (json!(u64::MAX), json!(u64::MAX), true),
    ] {
        check(left.clone(), Op::Eq, right.clone(), Ok(equal));
        check(left, Op::Ne, right, Ok(!equal));
    }
}

#[test]
fn numbers_and_texts_are_ordered_each_among_themselves() {
    for (left, right) in [
        (json!(1), json!(1.5)),
        (json!(-2), json!(-1)),
        (json!("a"), json!("b")),
        (json!(9), json!(10)),
    ] {
        check(left.clone(), Op::Lt, right.clone(), Ok(true));
        check(left.clone(), Op::Lte, right.clone(), Ok(true));
        check(left.clone(), Op::Gt, right.clone(), Ok(false));
        check(right.clone(), Op::Gte, left.clone(), Ok(true));
        check(left.clone(), Op::Gte, left, Ok(true));
    }
    for (left, right) in [
        (json!(1), json!("2")),
        (json!(null), json!(1)),
        (json!([1]), json!([2])),
        (json!(true), json!(false)),
    ] {
        check(
            left,
            Op::Lt,
            right,
            Err("only two numbers or two texts can be ordered"),
        );
    }
}

#[test]
fn an_element_is_found_by_equality() {
    check(json!(2), Op::In, json!([1, 2.0]), Ok(true));
    check(json!("2"), Op::In, json!([1, 2]), Ok(false));
    check(
        json!("a"),
        Op::In,
        json!("abc"),
        Err("the right side of \"in\" is no array"),
    );
}

#[test]
fn nothing_and_null_do_not_exist() {
    let exists = |parameters: Value| {
        let scope = Scope {
            parameters: &parameters,
            outputs: &|_| None,
            result: None,
            item: None,
        };
        holds(
            &Condition {
                left: json!({"$param": "x"}),
                op: Op::Exists,
                right: None,
            },
            &scope,
        )
    };
    assert_eq!(exists(json!({"x": false})), Ok(true));
    assert_eq!(exists(json!({"x": null})), Ok(false));
    assert_eq!(exists(json!({})), Ok(false));
}

#[test]
fn a_comparison_with_what_is_not_there_fails() {
    let scope = Scope {
        parameters: &json!({}),
        outputs: &|_| None,
        result: None,
        item: None,
    };
    let condition = Condition {
        left: json!({"$param": "x"}),
        op: Op::Eq,
        right: Some(json!(1)),
    };
    assert_eq!(
        holds(&condition, &scope).unwrap_err().reason,
        "the goal has no parameter \"x\""
    );
}
