//! Which values templates become.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::plan::documents::{literal, template};

fn check(template: Value, expected: Result<Value, &str>) {
    let found = json!({"rows": [{"id": 7, "a/b": null}], "ok": true});
    let outputs = |step: &str| (step == "find").then_some(&found);
    let (parameters, result, item) = (
        json!({"name": "Ana", "n": 1.5}),
        json!({"id": 9}),
        json!("it"),
    );
    let scope = Scope {
        parameters: &parameters,
        outputs: &outputs,
        result: Some(&result),
        item: Some(&item),
    };
    let resolved =
        resolve(&template, &scope).map_err(|error| format!("{} {}", error.pointer, error.reason));
    assert_eq!(resolved, expected.map_err(str::to_owned));
}

#[test]
fn references_become_what_they_refer_to() {
    check(
        json!({"a": {"$param": "name"}, "b": [{"$step": "find", "path": "/rows/0/id"}, {"$result": "/id"}, {"$item": ""}], "c": 1}),
        Ok(json!({"a": "Ana", "b": [7, 9, "it"], "c": 1})),
    );
    check(
        json!({"$step": "find", "path": "/rows/0/a~1b"}),
        Ok(json!(null)),
    );
    check(json!({"$result": ""}), Ok(json!({"id": 9})));
}

#[test]
fn a_secret_stays_as_it_is() {
    check(
        json!({"h": {"$secret": "s"}}),
        Ok(json!({"h": {"$secret": "s"}})),
    );
}

#[test]
fn only_the_plan_itself_names_secrets() {
    let outputs = |_: &str| None;
    let parameters = json!({"header": {"X-Key": {"$secret": "s"}}});
    let scope = Scope {
        parameters: &parameters,
        outputs: &outputs,
        result: None,
        item: None,
    };
    let refused = resolve(&json!({"headers": {"$param": "header"}}), &scope);
    assert_eq!(
        refused.map_err(|error| error.pointer),
        Err("/headers".into())
    );
}

#[test]
fn a_format_is_text_of_whatever_its_places_are() {
    check(
        json!({"$format": "{{{a}}} {b} {c} {d}", "with": {
            "a": {"$param": "name"}, "b": {"$param": "n"}, "c": {"$step": "find", "path": "/ok"}, "d": {"$format": "<{x}>", "with": {"x": [1]}},
        }}),
        Ok(json!("{Ana} 1.5 true <[1]>")),
    );
    check(
        json!({"a": {"$format": "{b}", "with": {}}}),
        Err("/a $format has no \"b\" under \"with\""),
    );
}

#[test]
fn what_is_not_there_is_named_with_its_place() {
    check(
        json!({"a": [{"$param": "x"}]}),
        Err("/a/0 the goal has no parameter \"x\""),
    );
    check(
        json!({"$step": "other"}),
        Err(" the output of step \"other\" is not there"),
    );
    check(
        json!({"a/": {"$step": "find", "path": "/rows/1"}}),
        Err("/a~1 the output of step \"find\" has nothing at \"/rows/1\""),
    );
    let nothing = Scope {
        parameters: &json!({}),
        outputs: &|_| None,
        result: None,
        item: None,
    };
    assert_eq!(
        resolve(&json!({"$item": ""}), &nothing).unwrap_err().reason,
        "the item is not there"
    );
    assert_eq!(
        resolve(&json!({"$result": ""}), &nothing)
            .unwrap_err()
            .reason,
        "the step's result is not there"
    );
}

#[test]
fn a_value_that_looks_like_a_reference_is_not_resolved_again() {
    let parameters = json!({"x": {"$param": "y"}, "y": 1});
    let scope = Scope {
        parameters: &parameters,
        outputs: &|_| None,
        result: None,
        item: None,
    };
    assert_eq!(
        resolve(&json!({"$param": "x"}), &scope).unwrap(),
        json!({"$param": "y"})
    );
}

#[test]
fn literals_are_told_from_templates() {
    assert!(is_literal(&json!({"a": [1, {"$secret": "s"}]})));
    assert!(!is_literal(&json!({"a": [{"$param": "x"}]})));
    assert!(!is_literal(&json!({"a": {"$wrong": 1}})));
}

#[test]
fn text_is_cut_at_its_places() {
    let check = |text: &str, expected: &str| {
        let cut = pieces(text)
            .map(|pieces| format!("{pieces:?}"))
            .unwrap_or_else(|reason| reason);
        assert_eq!(cut, expected);
    };
    check("", "[]");
    check(
        "a {b} c{d}",
        "[Text(\"a \"), Place(\"b\"), Text(\" c\"), Place(\"d\")]",
    );
    check("{{a}}", "[Text(\"{\"), Text(\"a\"), Text(\"}\")]");
    for lone in ["{", "}", "{}", "a {b", "a b}", "{a{b}", "{a}}"] {
        assert!(pieces(lone).unwrap_err().starts_with("a lone "), "{lone}");
    }
}

proptest! {
    #[test]
    fn a_literal_is_its_own_value(value in literal()) {
        let scope = Scope { parameters: &Value::Null, outputs: &|_| None, result: None, item: None };
        prop_assert!(is_literal(&value));
        prop_assert_eq!(resolve(&value, &scope).unwrap(), value);
    }

    #[test]
    fn an_error_points_into_the_template(template in template()) {
        let scope = Scope { parameters: &Value::Null, outputs: &|_| None, result: None, item: None };
        if let Err(error) = resolve(&template, &scope) {
            prop_assert!(template.pointer(&error.pointer).is_some());
        }
    }

    #[test]
    fn pieces_put_together_again_are_the_text(text in "[a-z{} ]{0,20}") {
        if let Ok(pieces) = pieces(&text) {
            let joined: String = pieces.iter().map(|piece| match piece {
                Piece::Text("{") => "{{".to_owned(),
                Piece::Text("}") => "}}".to_owned(),
                Piece::Text(text) => (*text).to_owned(),
                Piece::Place(name) => format!("{{{name}}}"),
            }).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
