//! Random plan documents for property tests: mostly well formed, so that the rare and the wrong meet in one plan.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Any JSON value of a small size.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z$/~{} ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z$/~]{0,5}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Any value without something that looks like a reference.
pub(crate) fn literal() -> impl Strategy<Value = Value> {
    any_json().prop_filter("no $ keys", |value| !value.to_string().contains("\"$"))
}

/// A template: references, right and wrong, among literals.
pub(crate) fn template() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any_json(),
        select(vec![
            json!({"$param": "order"}),
            json!({"$param": "nobody"}),
            json!({"$step": "a", "path": "/rows/0/id"}),
            json!({"$step": "b"}),
            json!({"$step": "nobody", "path": ""}),
            json!({"$result": "/id"}),
            json!({"$item": ""}),
            json!({"$secret": "token"}),
            json!({"$format": "{x} {{}}", "with": {"x": {"$param": "order"}, "y": {"$format": "}", "with": {}}}}),
            json!({"$step": 1, "$param": 2}),
            json!({"$nothing": 1}),
        ]),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::btree_map(
            select(vec!["table", "filters", "data", "id", "to", "headers", "x"]),
            inner,
            0..4,
        )
        .prop_map(|members| {
            members
                .into_iter()
                .map(|(name, member)| (name.to_owned(), member))
                .collect()
        })
        .prop_map(Value::Object)
    })
}

/// A plan document, or something near one.
pub(crate) fn any_plan() -> impl Strategy<Value = Value> {
    let id = || select(vec!["a", "b", "c", "nobody"]);
    let tool = || {
        select(vec![
            "search_database",
            "create_record",
            "delete_record",
            "wait",
            "sned_email",
            "call_webhook",
        ])
    };
    let field = prop_oneof![
        template().prop_map(|value| ("input", value)),
        prop::collection::vec(id(), 0..3).prop_map(|ids| ("after", json!(ids))),
        (
            template(),
            select(vec!["eq", "in", "lt", "exists"]),
            template()
        )
            .prop_map(|(left, op, right)| (
                "when",
                json!({"left": left, "op": op, "right": right})
            )),
        (template(), any::<u32>())
            .prop_map(|(items, max)| ("for_each", json!({"items": items, "max": max}))),
        (tool(), template())
            .prop_map(|(tool, input)| ("compensation", json!({"tool": tool, "input": input}))),
        any::<u32>().prop_map(|count| ("attempts", json!(count))),
        (
            select(vec![
                "input",
                "after",
                "when",
                "for_each",
                "compensation",
                "approval"
            ]),
            any_json()
        ),
    ];
    let step = (id(), tool(), prop::collection::vec(field, 0..4)).prop_map(|(id, tool, fields)| {
        let mut step = json!({"id": id, "tool": tool});
        for (name, value) in fields {
            step[name] = value;
        }
        step
    });
    prop_oneof![
        9 => prop::collection::vec(step, 0..5).prop_map(|steps| json!({"steps": steps})),
        1 => any_json(),
    ]
}
