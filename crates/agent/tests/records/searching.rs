//! What searches find.

use serde_json::{Value, json};

use super::{SHOP, World, assert_starts, open, shop, world};

#[tokio::test]
async fn filters_find_what_they_say() {
    let shop = shop();
    shop.execute(
        "INSERT INTO orders (id, email, status, amount) VALUES (3, 'cleo@example.com', NULL, 100)",
    );
    let ids = async |filters: Value| {
        let found = shop
            .find(json!({ "table": "orders", "filters": filters, "select": ["id"] }))
            .await;
        found.replace("{\"id\":", "").replace('}', "")
    };
    assert_eq!(ids(json!({})).await, "[1,2,3]");
    assert_eq!(ids(json!({ "email": "bob@example.com" })).await, "[2]");
    assert_eq!(
        ids(json!({ "email": "bob@example.com", "id": 1 })).await,
        "[]"
    );
    assert_eq!(
        ids(json!({ "amount": { "gt": 10.5, "lte": 99 } })).await,
        "[2]"
    );
    assert_eq!(
        ids(json!({ "amount": { "gte": 10.5, "lt": 99 } })).await,
        "[1]"
    );
    assert_eq!(ids(json!({ "status": null })).await, "[3]");
    assert_eq!(ids(json!({ "status": { "ne": "paid" } })).await, "[1,3]");
    assert_eq!(ids(json!({ "status": { "ne": null } })).await, "[1,2]");
    assert_eq!(ids(json!({ "status": { "is_null": true } })).await, "[3]");
    assert_eq!(
        ids(json!({ "status": { "is_null": false } })).await,
        "[1,2]"
    );
    assert_eq!(ids(json!({ "id": { "in": [3, 1, 8] } })).await, "[1,3]");
    assert_eq!(ids(json!({ "id": { "in": [] } })).await, "[]");
    assert_eq!(
        ids(json!({ "status": { "in": ["new", null] } })).await,
        "[1,3]"
    );
    assert_eq!(ids(json!({ "id": "2" })).await, "[2]");
    assert_eq!(
        ids(json!({ "id": { "gt": 1, "lt": 3, "ne": 7 } })).await,
        "[2]"
    );
}

#[tokio::test]
async fn wildcards_count_in_like_only() {
    let shop = world(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO t (s) VALUES ('100%'), ('100 percent'), ('a_c'), ('abc'), ('a\\c');",
        json!({ "t": { "key": "id", "columns": ["s"] } }),
    );
    let found = async |filter: Value| {
        shop.find(json!({ "table": "t", "filters": { "s": filter } }))
            .await
    };
    assert_eq!(found(json!("100%")).await, r#"[{"s":"100%"}]"#);
    assert_eq!(
        found(json!({ "like": "100%" })).await,
        r#"[{"s":"100%"},{"s":"100 percent"}]"#
    );
    assert_eq!(
        found(json!({ "like": "100\\%" })).await,
        r#"[{"s":"100%"}]"#
    );
    assert_eq!(
        found(json!({ "like": "a_c" })).await,
        r#"[{"s":"a_c"},{"s":"abc"},{"s":"a\\c"}]"#
    );
    assert_eq!(found(json!({ "like": "a\\_c" })).await, r#"[{"s":"a_c"}]"#);
    assert_eq!(
        found(json!({ "like": "a\\\\c" })).await,
        r#"[{"s":"a\\c"}]"#
    );
}

#[tokio::test]
async fn only_registered_columns_are_shown_in_the_order_asked_for() {
    let shop = shop();
    let all = json!({ "table": "orders", "order_by": [{ "column": "amount", "direction": "desc" }], "limit": 1 });
    assert_eq!(
        shop.call("search_database", all, 0).await,
        r#"{"count":1,"rows":[{"amount":99.0,"email":"bob@example.com","id":2,"status":"paid"}]}"#
    );
    let some = json!({ "table": "shop.orders", "select": ["email"], "order_by": [{ "column": "id", "direction": "desc" }] });
    assert_eq!(
        shop.find(some).await,
        r#"[{"email":"bob@example.com"},{"email":"ana@example.com"}]"#
    );
}

#[tokio::test]
async fn what_the_schemas_refuse_is_refused_without_them_too() {
    let shop = shop();
    let code = async |input: Value| {
        let line = shop.find(input).await;
        line.split([' ', ':']).nth(2).unwrap_or_default().to_owned()
    };
    assert_eq!(
        code(json!({ "table": "sqlite_schema" })).await,
        "table.unknown"
    );
    assert_eq!(
        code(json!({ "table": "other.orders" })).await,
        "table.unknown"
    );
    assert_eq!(code(json!({})).await, "table.unknown");
    assert_eq!(
        code(json!({ "table": "orders", "filters": { "margin": 1 } })).await,
        "column.unknown"
    );
    assert_eq!(
        code(json!({ "table": "orders", "select": ["margin"] })).await,
        "column.unknown"
    );
    assert_eq!(
        code(json!({ "table": "orders", "order_by": [{ "column": "margin" }] })).await,
        "column.unknown"
    );
    assert_eq!(
        code(json!({ "table": "orders", "filters": { "id": { "or": 1 } } })).await,
        "filter.invalid"
    );
    assert_eq!(
        code(json!({ "table": "orders", "filters": { "id": {} } })).await,
        "filter.invalid"
    );
    assert_eq!(
        code(json!({ "table": "orders", "filters": { "id": [1] } })).await,
        "value.invalid"
    );
    assert_eq!(
        code(json!({ "table": "orders", "filters": { "email": "a\u{0}" } })).await,
        "value.invalid"
    );
    assert_eq!(
        code(json!({ "table": "orders", "limit": 1001 })).await,
        "input.invalid"
    );
    assert_eq!(
        code(json!({ "table": "orders", "where": "1 = 1" })).await,
        "input.invalid"
    );
    assert_starts(
        &shop
            .call("drop_table", json!({ "table": "orders" }), 0)
            .await,
        "permanent (attempt) tool.unknown",
    );
}

#[tokio::test]
async fn words_that_look_like_sql_are_words() {
    let shop = shop();
    let before = shop.dump();
    for word in [
        "' OR 1 = 1 --",
        "\"; DROP TABLE orders; --",
        "x'); DELETE FROM orders; --",
        "?1",
        ":a",
        "id",
    ] {
        let input = |filter: Value| json!({ "table": "orders", "filters": { "email": filter } });
        assert_eq!(shop.find(input(json!(word))).await, "[]", "{word}");
        assert_eq!(
            shop.find(input(json!({ "in": [word] }))).await,
            "[]",
            "{word}"
        );
        assert_eq!(
            shop.find(input(json!({ "like": word }))).await,
            "[]",
            "{word}"
        );
    }
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn hostile_names_are_names() {
    let name = "weird \"\"name'; --";
    let table = "weird \"\"\"\"name'; --";
    let shop = world(
        &format!(
            "CREATE TABLE \"{table}\" (\"k\"\"ey\" INTEGER PRIMARY KEY, \"a] `b\" TEXT, \"select\" TEXT, \"\" TEXT);
             INSERT INTO \"{table}\" VALUES (1, 'x', 'y', 'z');"
        ),
        json!({ name: {
            "key": "k\"ey", "columns": ["k\"ey", "a] `b", "select", ""], "writable": ["a] `b", "select", ""],
            "insert": true, "delete": true,
        } }),
    );
    let before = shop.dump();
    let row = json!({ "a] `b": "1", "select": "2", "": "3" });
    let made = shop
        .call("create_record", json!({ "table": name, "data": row }), 1)
        .await;
    assert_eq!(
        made,
        r#"{"id":2,"row":{"":"3","a] `b":"1","k\"ey":2,"select":"2"}}"#
    );
    let changed = shop
        .call(
            "update_record",
            json!({ "table": name, "id": 2, "data": { "": "4" } }),
            2,
        )
        .await;
    assert_starts(&changed, r#"{"after":{"":"4","#);
    let filters = json!({ "": { "like": "4%" }, "select": "2" });
    let found = shop.find(json!({ "table": name, "filters": filters, "order_by": [{ "column": "a] `b" }], "select": [""] }));
    assert_eq!(found.await, r#"[{"":"4"}]"#);
    assert_starts(
        &shop
            .call("delete_record", json!({ "table": name, "id": 2 }), 3)
            .await,
        r#"{"before""#,
    );
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn values_that_json_cannot_say_are_shown_as_what_comes_nearest() {
    let shop = world(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (9007199254740993, x'00ff'), (2, 9e999), (3, CAST(x'41ff' AS TEXT)), (4, 1), (5, 1.0);",
        json!({ "t": { "key": "id", "columns": ["id", "v"] } }),
    );
    assert_eq!(
        shop.find(json!({ "table": "t" })).await,
        r#"[{"id":2,"v":"inf"},{"id":3,"v":"A�"},{"id":4,"v":1},{"id":5,"v":1.0},{"id":"9007199254740993","v":{"base64":"AP8="}}]"#
    );
    let large = json!({ "table": "t", "filters": { "id": "9007199254740993" }, "select": ["id"] });
    assert_eq!(shop.find(large).await, r#"[{"id":"9007199254740993"}]"#);
}

#[tokio::test]
async fn too_much_for_an_output_is_refused_and_the_default_is_fifty_rows() {
    let shop = world(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, printf('%.*c', 500, 'x') FROM n;",
        json!({ "t": { "key": "id", "columns": ["id", "v"] } }),
    );
    let count = async |input: Value| {
        let found = serde_json::from_str::<Value>(&shop.find(input).await).unwrap();
        found.as_array().unwrap().len()
    };
    assert_eq!(count(json!({ "table": "t" })).await, 50);
    assert_eq!(
        count(json!({ "table": "t", "select": ["id"], "limit": 1000 })).await,
        1000
    );
    let all = shop.find(json!({ "table": "t", "limit": 1000 })).await;
    assert_starts(
        &all,
        "permanent (attempt) output.too_large: the rows are more than 262144 bytes",
    );
}

#[tokio::test]
async fn views_can_be_read() {
    let sql = format!(
        "{SHOP} CREATE VIEW totals AS SELECT status, sum(amount) AS total FROM orders GROUP BY status;"
    );
    let shop = world(
        &sql,
        json!({ "totals": { "key": "status", "columns": ["status", "total"] } }),
    );
    let found = shop
        .find(json!({ "table": "totals", "filters": { "total": { "gt": 50 } } }))
        .await;
    assert_eq!(found, r#"[{"status":"paid","total":99.0}]"#);
}

#[tokio::test]
async fn the_same_name_in_two_databases_needs_the_database_before_it() {
    let one = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one')";
    let two = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'two')";
    let config = json!({ "tables": { "t": { "key": "id", "columns": ["v"] } } });
    let both =
        std::collections::BTreeMap::from([("one", (one, config.clone())), ("two", (two, config))]);
    let world: World = open(both).unwrap();
    assert_eq!(
        world.find(json!({ "table": "one.t" })).await,
        r#"[{"v":"one"}]"#
    );
    assert_eq!(
        world.find(json!({ "table": "two.t" })).await,
        r#"[{"v":"two"}]"#
    );
    assert_starts(
        &world.find(json!({ "table": "t" })).await,
        "permanent (attempt) table.unknown",
    );
    let spec = world.databases.specs().remove(0);
    assert_eq!(
        spec.input_schema["properties"]["table"]["enum"],
        json!(["one.t", "two.t"])
    );
}
