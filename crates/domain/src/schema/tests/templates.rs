//! Documents with references, checked before their values are known.

use super::*;

#[test]
fn what_a_reference_could_mend_is_no_error() {
    check_template(json!({"type": "integer"}), known(), &[]);
    check_template(
        json!({"properties": {"a": {"type": "integer", "minimum": 3}}}),
        json!({"a": known()}),
        &[],
    );
    check_template(
        json!({"properties": {"a": {"maxProperties": 1}}}),
        json!({"a": known()}),
        &[],
    );
    check_template(json!({"items": {"enum": [1]}}), json!([1, known()]), &[]);
    check_template(
        json!({"enum": [{"a": 1, "b": [2]}]}),
        json!({"a": 1.0, "b": [known()]}),
        &[],
    );
    check_template(json!({"const": {"a": 1}}), json!({"a": known()}), &[]);
    check_template(json!({"contains": {"const": 1}}), json!([known()]), &[]);
    check_template(
        json!({"not": {"properties": {"a": {"type": "object"}}}}),
        json!({"a": known()}),
        &[],
    );
    let either = json!({"anyOf": [{"required": ["a"], "properties": {"a": {"type": "integer"}}}, {"required": ["b"]}]});
    check_template(either.clone(), json!({"a": known()}), &[]);
    check_template(
        json!({"oneOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"type": "string"}}}]}),
        json!({"a": known()}),
        &[],
    );
    check_template(
        json!({"oneOf": [true, {"properties": {"a": {"type": "object"}}}]}),
        json!({"a": known()}),
        &[],
    );
}

#[test]
fn what_no_reference_can_mend_stays_an_error() {
    let closed = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {}, "b": {}}, "additionalProperties": false});
    check_template(
        closed,
        json!({"a": known(), "c": known()}),
        &[" member \"b\" is missing", "/c unknown member \"c\""],
    );
    check_template(
        json!({"properties": {"a": false}}),
        json!({"a": known()}),
        &["/a nothing may stand here"],
    );
    check_template(
        json!({"properties": {"b": {"type": "string"}}}),
        json!({"a": known(), "b": 1}),
        &["/b must be string, not integer"],
    );
    check_template(
        json!({"type": "array"}),
        json!({"a": known()}),
        &[" must be array, not object"],
    );
    check_template(
        json!({"maxItems": 1}),
        json!([known(), 1]),
        &[" must have at most 1 items"],
    );
    check_template(
        json!({"uniqueItems": true}),
        json!([1, known(), 1]),
        &[" must not have the same item twice"],
    );
    check_template(
        json!({"enum": [{"a": 1, "b": 2}]}),
        json!({"a": 2, "b": known()}),
        &[" must be one of {\"a\":1,\"b\":2}"],
    );
    check_template(
        json!({"const": [1]}),
        json!([known(), 2]),
        &[" must be [1]"],
    );
    check_template(
        json!({"anyOf": [{"required": ["b"]}, {"properties": {"c": {"type": "string"}}}]}),
        json!({"a": known(), "c": 1}),
        &[
            " fits none of the forms that are allowed: member \"b\" is missing, or must be string, not integer",
        ],
    );
    check_template(
        json!({"dependentRequired": {"a": ["b"]}}),
        json!({"a": known()}),
        &[" member \"b\" is missing"],
    );
    check_template(
        json!({"dependentSchemas": {"a": {"properties": {"b": {"type": "string"}}}}}),
        json!({"a": known(), "b": 1}),
        &["/b must be string, not integer"],
    );
}

#[test]
fn a_condition_over_a_reference_is_left_open_and_others_are_not() {
    let schema = json!({"properties": {"in": {
        "if": {"properties": {"kind": {"const": "x"}}},
        "then": {"required": ["y"]},
        "else": {"properties": {"z": {"type": "string"}}},
    }}});
    check_template(
        schema.clone(),
        json!({"in": {"kind": known(), "z": 1}}),
        &[],
    );
    check_template(
        schema.clone(),
        json!({"in": {"kind": "x"}, "out": known()}),
        &["/in member \"y\" is missing"],
    );
    check_template(
        schema,
        json!({"in": {"kind": "y", "z": 1}, "out": known()}),
        &["/in/z must be string, not integer"],
    );
}

#[test]
fn what_only_looks_like_a_reference_is_left_to_whoever_reads_references() {
    check_template(
        json!({"properties": {"a": {"type": "integer"}}}),
        json!({"a": {"$wrong": 1}}),
        &[],
    );
}
