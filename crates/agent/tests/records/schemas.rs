//! What a plan check against the schemas alone finds out.

use std::collections::BTreeMap;

use domain::tool::{EffectClass, Lane, ToolSpec};
use serde_json::{Value, json};

use super::{SHOP, World, open, shop, world};

fn spec(world: &World, tool: &str) -> ToolSpec {
    world
        .databases
        .specs()
        .into_iter()
        .find(|spec| spec.name == tool)
        .unwrap()
}

/// Where an input breaks a schema, each place once; empty: it does not.
fn errors(schema: &Value, input: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::options().build(schema).unwrap();
    let mut places = validator
        .iter_errors(input)
        .map(|error| error.instance_path().to_string())
        .collect::<Vec<_>>();
    places.dedup();
    places
}

#[track_caller]
fn check(world: &World, tool: &str, input: Value, at: &[&str]) {
    assert_eq!(
        errors(&spec(world, tool).input_schema, &input),
        at,
        "{tool} {input}"
    );
}

#[test]
fn searches_are_held_to_registered_columns_and_fitting_operators() {
    let shop = shop();
    let search = |filters: Value, at: &[&str]| {
        check(
            &shop,
            "search_database",
            json!({ "table": "orders", "filters": filters }),
            at,
        );
    };
    search(
        json!({ "email": "a@b.c", "amount": { "gte": 100, "lt": 200.5 }, "id": { "in": [1, 2] } }),
        &[],
    );
    search(
        json!({ "email": null, "status": { "is_null": false, "like": "p%" }, "id": "9007199254740993" }),
        &[],
    );
    search(json!({ "margin": 1 }), &["/filters"]);
    search(json!({ "emial": "a" }), &["/filters"]);
    search(json!({ "amount": { "above": 1 } }), &["/filters/amount"]);
    search(json!({ "amount": { "like": "1%" } }), &["/filters/amount"]);
    search(json!({ "amount": {} }), &["/filters/amount"]);
    search(
        json!({ "amount": { "gte": null } }),
        &["/filters/amount/gte"],
    );
    search(
        json!({ "amount": { "gte": "1; DROP TABLE orders" } }),
        &["/filters/amount/gte"],
    );
    search(json!({ "id": "one" }), &["/filters/id"]);
    search(json!({ "id": 1.5 }), &["/filters/id"]);
    search(json!({ "id": { "in": [1, true] } }), &["/filters/id/in/1"]);
    search(json!({ "email": ["a"] }), &["/filters/email"]);
    let more = |more: Value, at: &[&str]| {
        let mut input = json!({ "table": "shop.orders" });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        check(&shop, "search_database", input, at);
    };
    more(
        json!({ "select": ["id"], "limit": 1000, "order_by": [{ "column": "amount", "direction": "desc" }] }),
        &[],
    );
    more(json!({ "select": ["margin"] }), &["/select/0"]);
    more(json!({ "select": [] }), &["/select"]);
    more(
        json!({ "order_by": [{ "column": "note" }] }),
        &["/order_by/0/column"],
    );
    more(
        json!({ "order_by": [{ "column": "id", "direction": "up" }] }),
        &["/order_by/0/direction"],
    );
    more(json!({ "limit": 1001 }), &["/limit"]);
    more(json!({ "limit": 0 }), &["/limit"]);
    more(json!({ "sql": "SELECT 1" }), &[""]);
    check(
        &shop,
        "search_database",
        json!({ "table": "sqlite_schema" }),
        &["/table"],
    );
    check(&shop, "search_database", json!({}), &[""]);
}

#[test]
fn an_unresolved_reference_breaks_a_schema_only_where_it_stands() {
    let reference = json!({ "$step": "find", "path": "/rows/0/id" });
    let input = json!({ "table": "orders", "filters": { "amount": { "gte": reference }, "id": reference, "email": "x" } });
    check(
        &shop(),
        "search_database",
        input,
        &["/filters/amount/gte", "/filters/id"],
    );
    let input = json!({ "table": "orders", "id": reference, "data": { "status": reference } });
    check(&shop(), "update_record", input, &["/data/status", "/id"]);
}

#[test]
fn writes_are_held_to_writable_columns() {
    let orders = json!({ "key": "id", "columns": ["id", "email", "status"], "writable": ["email", "status"], "insert": true });
    let world = world(SHOP, json!({ "orders": orders }));
    let create = |data: Value, at: &[&str]| {
        check(
            &world,
            "create_record",
            json!({ "table": "orders", "data": data }),
            at,
        )
    };
    create(json!({ "email": "a" }), &[]);
    create(json!({ "email": "a", "id": 7 }), &[]);
    create(json!({ "status": "a" }), &["/data"]);
    create(json!({ "email": "a", "amount": 1 }), &["/data"]);
    create(json!({ "email": 5 }), &["/data/email"]);
    let update = |input: Value, at: &[&str]| check(&world, "update_record", input, at);
    update(
        json!({ "table": "orders", "id": 1, "data": { "status": null } }),
        &[],
    );
    update(
        json!({ "table": "orders", "id": 1, "data": { "id": 2 } }),
        &["/data"],
    );
    update(
        json!({ "table": "orders", "id": 1, "data": {} }),
        &["/data"],
    );
    update(
        json!({ "table": "orders", "id": null, "data": { "status": "x" } }),
        &["/id"],
    );
    update(
        json!({ "table": "orders", "id": 1, "before": { "status": "x" } }),
        &[""],
    );
    check(
        &world,
        "delete_record",
        json!({ "table": "orders", "id": 1 }),
        &["/table"],
    );
}

#[test]
fn a_row_that_can_never_be_made_is_refused_with_the_plan() {
    let orders = json!({ "key": "id", "columns": ["id", "email", "status"], "writable": ["status"], "insert": true });
    let world = world(SHOP, json!({ "orders": orders }));
    check(
        &world,
        "create_record",
        json!({ "table": "orders", "data": { "status": "x" } }),
        &["/data"],
    );
    check(
        &world,
        "create_record",
        json!({ "table": "orders", "data": { "email": "x" } }),
        &["/data"],
    );
}

#[test]
fn compensations_have_schemas_of_their_own() {
    let orders =
        json!({ "key": "id", "columns": ["id", "status"], "writable": ["status"], "insert": true });
    let world = world(SHOP, json!({ "orders": orders }));
    let check = |tool: &str, input: Value, at: &[&str]| {
        let schema = spec(&world, tool).compensation_schema.unwrap();
        assert_eq!(errors(&schema, &input), at, "{tool} {input}");
    };
    check("delete_record", json!({ "table": "orders", "id": 1 }), &[]);
    check(
        "delete_record",
        json!({ "table": "others", "id": 1 }),
        &["/table"],
    );
    check(
        "update_record",
        json!({ "table": "orders", "id": 1, "before": { "id": 1, "status": { "base64": "" } } }),
        &[],
    );
    check(
        "update_record",
        json!({ "table": "orders", "id": 1, "data": { "id": 1, "status": null } }),
        &[],
    );
    check(
        "update_record",
        json!({ "table": "orders", "id": 1, "before": { "margin": 1 } }),
        &["/before"],
    );
    check(
        "update_record",
        json!({ "table": "orders", "id": 1 }),
        &[""],
    );
    check(
        "create_record",
        json!({ "table": "orders", "before": {} }),
        &["/table"],
    );
}

#[test]
fn tools_that_no_table_allows_are_left_out() {
    let names = |change: Value| {
        let mut orders = json!({ "key": "id", "columns": ["id", "status"] });
        orders
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let world = world(SHOP, json!({ "orders": orders }));
        let names = world
            .databases
            .specs()
            .into_iter()
            .map(|spec| spec.name)
            .collect::<Vec<_>>();
        names.join(" ")
    };
    assert_eq!(names(json!({})), "search_database");
    assert_eq!(
        names(json!({ "writable": ["status"] })),
        "search_database update_record"
    );
    assert_eq!(
        names(json!({ "insert": true })),
        "search_database create_record delete_record"
    );
    assert_eq!(
        names(json!({ "delete": true })),
        "search_database create_record delete_record"
    );
    assert_eq!(open(BTreeMap::new()).unwrap().databases.specs(), []);
}

#[test]
fn classes_lanes_and_undo_are_those_of_the_contract() {
    let told = |spec: &ToolSpec| {
        format!(
            "{} {:?} {:?} {}",
            spec.name,
            spec.class,
            spec.lane,
            spec.undone_by.join(" ")
        )
    };
    let told = shop()
        .databases
        .specs()
        .iter()
        .map(told)
        .collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            "search_database Read Green ",
            "create_record Idempotent Yellow delete_record",
            "update_record Idempotent Yellow update_record",
            "delete_record Idempotent Red create_record",
        ]
    );
    assert_eq!(spec(&shop(), "delete_record").lane, Lane::Red);
}

#[test]
fn writes_without_an_effects_table_are_at_most_once() {
    let tables = json!({ "orders": { "key": "id", "columns": ["id", "status"], "writable": ["status"], "insert": true } });
    let sql = "CREATE TABLE others (id INTEGER PRIMARY KEY)";
    let others = json!({ "others": { "key": "id", "columns": ["id"], "insert": true } });
    let world = open(BTreeMap::from([
        (
            "shop",
            (SHOP, json!({ "tables": tables, "effects_table": false })),
        ),
        ("kept", (sql, json!({ "tables": others }))),
    ]));
    let world = world.unwrap();
    let class =
        |tool: &str, table: &str| spec(&world, tool).class_for(&json!({ "table": table })).0;
    assert_eq!(class("create_record", "orders"), EffectClass::AtMostOnce);
    assert_eq!(
        class("update_record", "shop.orders"),
        EffectClass::AtMostOnce
    );
    assert_eq!(class("create_record", "others"), EffectClass::Idempotent);
    assert_eq!(class("search_database", "orders"), EffectClass::Read);
    let taken_back = spec(&world, "delete_record").compensation_schema.unwrap();
    assert_eq!(
        errors(&taken_back, &json!({ "table": "others", "id": 1 })),
        [""; 0]
    );
    assert_eq!(
        errors(&taken_back, &json!({ "table": "orders", "id": 1 })),
        ["/table"]
    );
}
