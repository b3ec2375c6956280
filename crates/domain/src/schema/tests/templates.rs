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

/// The form of the record tools' schemas: the table decides what else may be there.
fn records() -> Value {
    let of_table = |table: &str, column: &str| {
        json!({
            "if": {"required": ["table"], "properties": {"table": {"enum": [table]}}},
            "then": {"properties": {
                "id": {"type": "integer"},
                "data": {"additionalProperties": false, "properties": {column: {"type": "string"}}},
                "filters": {"additionalProperties": false, "properties": {column: {"$ref": "#/$defs/filter"}}},
            }},
        })
    };
    json!({
        "type": "object",
        "allOf": [of_table("orders", "status"), of_table("seats", "passenger")],
        "$defs": {"filter": {
            "if": {"type": "object"},
            "then": {"additionalProperties": false, "properties": {"eq": {"type": "string"}, "in": {"type": "array"}}},
            "else": {"type": "string"},
        }},
    })
}

#[test]
fn a_reference_beside_what_a_condition_looks_at_leaves_nothing_open() {
    let unknown = "/data/statsu unknown member \"statsu\"; did you mean \"status\"?";
    for id in [known(), json!({"$param": "n"}), json!(1)] {
        check_template(
            records(),
            json!({"table": "orders", "id": id, "data": {"statsu": "x"}}),
            &[unknown],
        );
    }
    check_template(
        records(),
        json!({"table": "orders", "data": {"statsu": known(), "status": known()}}),
        &[unknown],
    );
    check_template(
        records(),
        json!({"table": "orders", "filters": {"status": {"eg": known()}, "passenger": known()}}),
        &[
            "/filters/passenger unknown member \"passenger\"",
            "/filters/status/eg unknown member \"eg\"; did you mean \"eq\"?",
        ],
    );
    check_template(
        records(),
        json!({"table": "orders", "id": known(), "filters": {"status": 5}}),
        &["/filters/status must be string, not integer"],
    );
    check_template(
        records(),
        json!({"table": known(), "id": "x", "data": {"statsu": "x"}, "filters": {"status": {"eg": 1}}}),
        &[],
    );
    check_template(
        records(),
        json!({"table": "orders", "id": known(), "data": known(), "filters": {"status": known()}}),
        &[],
    );
}

#[test]
fn a_condition_that_looks_deep_is_left_open() {
    for condition in [
        json!({"const": {"kind": {"a": 1}}}),
        json!({"properties": {"kind": {"enum": [{"a": 1}]}}}),
        json!({"additionalProperties": {"properties": {"a": {"type": "string"}}}}),
        json!({"$ref": "#/$defs/deep"}),
        json!({"not": {"anyOf": [{"$ref": "#/$defs/deep"}]}}),
    ] {
        let deep = json!({"properties": {"kind": {"properties": {"a": {"const": 1}}}}});
        let schema =
            json!({"$defs": {"deep": deep}, "if": condition, "then": false, "else": false});
        check_template(schema.clone(), json!({"kind": {"a": known()}}), &[]);
        check_template(
            schema,
            json!({"kind": {"a": 1}}),
            &[" nothing may stand here"],
        );
    }
}

#[test]
fn what_only_looks_like_a_reference_is_left_to_whoever_reads_references() {
    check_template(
        json!({"properties": {"a": {"type": "integer"}}}),
        json!({"a": {"$wrong": 1}}),
        &[],
    );
}
