//! What schemas say of values, and of templates whose references are not known yet.

mod templates;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::plan::check::fixture::tools;
use crate::plan::documents::{any_json, template};

/// The problems of a value, a line each.
fn check(schema: Value, value: Value, expected: &[&str]) {
    assert_eq!(
        lines(&Schema::compile(&schema).unwrap().errors(&value)),
        expected
    );
}

/// As `check`, for a template whose references are not known yet.
fn check_template(schema: Value, template: Value, expected: &[&str]) {
    assert_eq!(
        lines(&Schema::compile(&schema).unwrap().template_errors(&template)),
        expected
    );
}

fn check_types(schema: Value, pointer: &str, expected: &str) {
    assert_eq!(
        types_at(&schema, pointer).to_string(),
        expected,
        "{schema} at {pointer:?}"
    );
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| format!("{} {}", problem.pointer, problem.reason))
        .collect()
}

fn known() -> Value {
    json!({"$step": "find", "path": "/x"})
}

#[test]
fn a_document_that_is_no_schema_does_not_compile() {
    let compile = |schema: Value| Schema::compile(&schema).unwrap_err();
    assert_eq!(
        compile(json!({"properties": {"a": {"type": "objekt"}}})).pointer,
        "/properties/a/type"
    );
    assert_eq!(compile(json!({"pattern": "["})).reason, "is no valid regex");
    assert_eq!(
        compile(json!(3)).reason,
        "must be boolean or object, not integer"
    );
    for reference in [
        "#/$defs/nothing",
        "https://example.com/schema",
        "file:///etc/passwd",
    ] {
        let reason = compile(json!({"$ref": reference})).reason;
        assert!(
            reason.starts_with("the schema refers to what is not in it"),
            "{reason}"
        );
    }
}

#[test]
fn a_schema_that_refers_to_itself_without_end_neither_hangs_nor_panics() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
        json!({"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}}),
    ] {
        let schema = Schema::compile(&schema).unwrap();
        schema.errors(&json!({"a": {"a": [1]}}));
        assert_eq!(schema.types_at("/a/a/0"), TypeSet::ANY);
    }
}

#[test]
fn reasons_name_what_is_wanted_and_not_the_value() {
    let secret = "4111-1111-1111-1111";
    check(
        json!({"type": "integer"}),
        json!(secret),
        &[" must be integer, not string"],
    );
    check(
        json!({"type": ["integer", "null"]}),
        json!(secret),
        &[" must be null or integer, not string"],
    );
    check(
        json!({"enum": ["a", "b"]}),
        json!(secret),
        &[" must be one of \"a\", \"b\""],
    );
    check(json!({"const": 1}), json!(secret), &[" must be 1"]);
    check(
        json!({"pattern": "^OS [0-9]{3}$"}),
        json!(secret),
        &[" does not match the pattern ^OS [0-9]{3}$"],
    );
    check(
        json!({"maxLength": 3}),
        json!(secret),
        &[" must have at most 3 characters"],
    );
    check(json!({"minimum": 5}), json!(4), &[" must be at least 5"]);
    check(
        json!({"exclusiveMaximum": 5}),
        json!(5),
        &[" must be less than 5"],
    );
    check(
        json!({"multipleOf": 2}),
        json!(5),
        &[" must be a multiple of 2"],
    );
}

#[test]
fn reasons_of_what_is_made_of_others_name_the_parts() {
    let secret = "4111-1111-1111-1111";
    check(
        json!({"not": {"type": "string"}}),
        json!(secret),
        &[" is just what the schema excludes"],
    );
    check(
        json!({"uniqueItems": true}),
        json!([secret, secret]),
        &[" must not have the same item twice"],
    );
    check(
        json!({"contains": {"const": 1}}),
        json!([secret]),
        &[" lacks an item that the schema asks for"],
    );
    check(
        json!({"propertyNames": {"maxLength": 1}}),
        json!({"ab": 1}),
        &[" has a member with a name that must have at most 1 characters"],
    );
    check(
        json!({"properties": {"a": false}}),
        json!({"a": secret}),
        &["/a nothing may stand here"],
    );
    check(
        json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]}),
        json!(secret),
        &[
            " fits none of the forms that are allowed: must be integer, not string, or must have at most 2 characters",
        ],
    );
    check(
        json!({"type": "object", "required": ["label"], "properties": {"label": {}}, "additionalProperties": false}),
        json!({"lable": secret, "a/~": 1}),
        &[
            " member \"label\" is missing",
            "/a~1~0 unknown member \"a/~\"",
            "/lable unknown member \"lable\"; did you mean \"label\"?",
        ],
    );
}

#[test]
fn problems_and_reasons_are_bounded() {
    let schema = Schema::compile(&json!({"items": {"enum": ["x".repeat(10_000)]}})).unwrap();
    let problems = schema.errors(&json!(vec![1; 10_000]));
    assert_eq!(problems.len(), PROBLEMS_MAX);
    assert!(problems.iter().all(|problem| problem.reason.len() < 200));
}

#[test]
fn formats_are_validated() {
    for (format, good, bad) in [
        ("email", "ana@example.com", "ana"),
        ("date", "2026-12-03", "2026-13-03"),
        ("date-time", "2026-12-01T12:00:00Z", "2026-12-01 noon"),
        ("uuid", "0190d3f1-7b1c-7cc0-9d4b-8f0e5a3c2b1a", "0190d3f1"),
        ("uri", "https://example.com/a?b", "example com"),
    ] {
        check(json!({"format": format}), json!(good), &[]);
        check(
            json!({"format": format}),
            json!(bad),
            &[&format!(" is no valid {format}")],
        );
    }
}

#[test]
fn a_pattern_cannot_hold_a_thread_for_long() {
    let schema = Schema::compile(&json!({"pattern": "^(a+)+(?=c)$"})).unwrap();
    assert!(!schema.errors(&json!("a".repeat(60))).is_empty());
}

#[test]
fn types_follow_what_is_plain() {
    let schema = json!({
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}, "maxItems": 10},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
            "old": {"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "null"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"x": {"type": "boolean"}}, "additionalProperties": false}]},
            "both": {"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]},
            "option": {"enum": ["a", 1, null]},
            "only": {"const": 1.5},
            "a/b": {"type": "string"},
            "open": {},
        },
        "additionalProperties": false,
        "$defs": {"row": {"type": "object", "properties": {"id": {"type": "number"}}, "additionalProperties": {"type": "string"}}},
    });
    for (pointer, types) in [
        ("", "object"),
        ("/rows", "array"),
        ("/rows/3", "object"),
        ("/rows/-", "object"),
        ("/rows/10", "nothing"),
        ("/rows/03", "nothing"),
        ("/rows/first", "nothing"),
        ("/rows/0/id", "number"),
        ("/rows/0/id/x", "nothing"),
        ("/rows/0/name", "string"),
        ("/pair/0", "string"),
        ("/pair/1", "integer"),
        ("/pair/2", "nothing"),
        ("/pair/-", "integer or string"),
        ("/old/0", "string"),
        ("/old/1", "null"),
        ("/either", "string or object"),
        ("/either/x", "boolean"),
        ("/either/y", "nothing"),
        ("/both", "integer"),
        ("/option", "null or integer or string"),
        ("/only", "number"),
        ("/a~1b", "string"),
        ("/nothing", "nothing"),
    ] {
        check_types(schema.clone(), pointer, types);
    }
    assert_eq!(types_at(&schema, "/open/x/y"), TypeSet::ANY);
    assert_eq!(
        types_at(
            &json!({"patternProperties": {"^a": {}}, "additionalProperties": false}),
            "/ab"
        ),
        TypeSet::ANY
    );
    assert_eq!(
        types_at(&json!({"$ref": "https://example.com/"}), "/ab"),
        TypeSet::ANY
    );
    assert_eq!(types_at(&json!(false), ""), TypeSet::NONE);
}

#[test]
fn an_integer_is_a_number_and_not_every_number_an_integer() {
    assert!(!TypeSet::INTEGER.excludes(TypeSet::NUMBER));
    assert!(!TypeSet::of(&json!(1.0)).excludes(TypeSet::INTEGER));
    assert!(TypeSet::of(&json!(1.5)).excludes(TypeSet::INTEGER));
    assert!(TypeSet::STRING.excludes(TypeSet::NUMBER));
}

#[test]
fn a_call_is_checked_with_its_secrets_and_nothing_else_left_open() {
    let tools = tools();
    let call = |headers: Value| json!({"url": "https://example.com/", "method": "POST", "payload": 1, "headers": headers});
    let errors = |input: &Value| lines(&tools.input_errors("call_webhook", input));
    assert_eq!(
        errors(&call(json!({"a": {"$secret": "pay_token"}}))),
        [""; 0]
    );
    assert_eq!(
        errors(&call(json!({"a": {"$param": "pay_token"}}))),
        ["/headers/a must be string, not object"]
    );
    assert_eq!(
        errors(&call(json!({"$secret": "pay_token"}))),
        [""; 0],
        "a header may be called $secret"
    );
    assert_eq!(
        lines(&tools.input_errors(
            "respond_to_user",
            &json!({"message": {"$secret": "pay_token"}})
        )),
        ["/message must be string, not object"]
    );
    assert_eq!(
        lines(&tools.input_errors("nothing", &json!({}))),
        [" there is no tool \"nothing\""]
    );
    assert_eq!(
        lines(&tools.output_errors("respond_to_user", &json!({"reply": 1}))),
        ["/reply must be string, not integer"]
    );
}

#[test]
fn a_tool_with_a_broken_schema_is_named() {
    let mut spec = tools().spec("wait").unwrap().clone();
    spec.output_schema = json!({"type": 3});
    let error = ToolSchemas::compile([spec].into_iter().collect()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tool \"wait\" has a broken output schema at \"/type\""
    );
}

proptest! {
    #[test]
    fn no_schema_makes_it_panic(schema in weird_schema(), value in any_json(), pointer in "(/[a-z0-9~$-]{0,3}){0,4}") {
        let types = types_at(&schema, &pointer);
        if let Ok(compiled) = Schema::compile(&schema) {
            compiled.template_errors(&value);
            // What the types exclude, the schema excludes.
            if let Some(found) = value.pointer(&pointer).filter(|_| compiled.allows(&value)) {
                prop_assert!(!types.excludes(TypeSet::of(found)), "{} at {:?}: {}", schema, pointer, value);
            }
        }
    }

    #[test]
    fn a_template_has_no_error_that_its_values_mend(input in template(), value in any_json(), schema in weird_schema()) {
        let Ok(schema) = Schema::compile(&schema) else { return Ok(()) };
        let filled = fill(&input, &value);
        if schema.allows(&filled) {
            prop_assert_eq!(schema.template_errors(&input), []);
        }
    }
}

/// A template with the same value for every reference.
fn fill(template: &Value, value: &Value) -> Value {
    if !matches!(reference::Reference::read(template), Ok(None)) {
        return value.clone();
    }
    match template {
        Value::Object(object) => object
            .iter()
            .map(|(name, member)| (name.clone(), fill(member, value)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| fill(item, value)).collect(),
        other => other.clone(),
    }
}

/// Schemas that are mostly valid and often contradict themselves.
fn weird_schema() -> impl Strategy<Value = Value> {
    let types = || {
        prop::sample::select(vec![
            "null", "boolean", "integer", "number", "string", "array", "object",
        ])
    };
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        types().prop_map(|name| json!({"type": name})),
        prop::collection::vec(types(), 1..3).prop_map(|names| json!({"type": names})),
        any_json().prop_map(|only| json!({"const": only})),
        prop::collection::vec(any_json(), 1..3).prop_map(|options| json!({"enum": options})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/properties/a"})),
        any_json(),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            (list(), prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"])).prop_map(|(list, key)| json!({key: list})),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"properties": {"a": a, "x": b}, "additionalProperties": false})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"properties": {"table": a}, "unevaluatedProperties": b, "required": ["id"]})),
            (inner.clone(), 0..3_u32).prop_map(|(items, most)| json!({"items": items, "maxItems": most})),
            inner.prop_map(|not| json!({"not": not})),
        ]
    })
}
