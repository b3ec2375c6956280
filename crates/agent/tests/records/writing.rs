//! Writes: once for each key, within rights, and with what the database itself adds or refuses.

use serde_json::json;

use super::{SHOP, assert_starts, shop, try_world, world};

#[tokio::test]
async fn each_write_answers_with_registered_columns_only() {
    let shop = shop();
    let made = shop
        .call(
            "create_record",
            json!({ "table": "orders", "data": { "email": "c@d.e", "amount": 5 } }),
            1,
        )
        .await;
    assert_eq!(
        made,
        r#"{"id":3,"row":{"amount":5.0,"email":"c@d.e","id":3,"status":"new"}}"#
    );
    let input = json!({ "table": "orders", "id": 1, "data": { "status": "paid", "amount": null } });
    assert_eq!(
        shop.call("update_record", input, 2).await,
        r#"{"after":{"amount":null,"email":"ana@example.com","id":1,"status":"paid"},"before":{"amount":10.5,"email":"ana@example.com","id":1,"status":"new"},"id":1}"#
    );
    let gone = shop
        .call("delete_record", json!({ "table": "orders", "id": 2 }), 3)
        .await;
    assert_eq!(
        gone,
        r#"{"before":{"amount":99.0,"email":"bob@example.com","id":2,"status":"paid"},"id":2}"#
    );
    assert_eq!(shop.count("SELECT count(*) FROM orders"), 2);
    assert_eq!(
        shop.count(
            "SELECT count(*) FROM omnihub_effects WHERE at GLOB '2*T*Z' AND length(digest) = 64"
        ),
        3
    );
}

#[tokio::test]
async fn a_repeat_with_the_same_key_does_nothing_and_answers_the_same() {
    let shop = shop();
    let create = json!({ "table": "orders", "data": { "email": "c@d.e" } });
    let first = shop.call("create_record", create.clone(), 1).await;
    let update = json!({ "table": "orders", "id": 1, "data": { "status": "paid" } });
    let changed = shop.call("update_record", update.clone(), 2).await;
    let delete = json!({ "table": "orders", "id": 2 });
    let deleted = shop.call("delete_record", delete.clone(), 3).await;
    shop.execute("UPDATE orders SET status = 'lost' WHERE id = 1");
    let before = shop.dump();
    assert_eq!(shop.call("create_record", create, 1).await, first);
    assert_eq!(shop.call("update_record", update, 2).await, changed);
    assert_eq!(shop.call("delete_record", delete, 3).await, deleted);
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn a_key_that_stands_for_another_write_is_refused() {
    let shop = shop();
    shop.call(
        "create_record",
        json!({ "table": "orders", "data": { "email": "c@d.e" } }),
        1,
    )
    .await;
    let before = shop.dump();
    let other = shop
        .call(
            "create_record",
            json!({ "table": "orders", "data": { "email": "other" } }),
            1,
        )
        .await;
    assert_starts(&other, "permanent (attempt) effect.key_reused");
    let other = shop
        .call("delete_record", json!({ "table": "orders", "id": 1 }), 1)
        .await;
    assert_starts(&other, "permanent (attempt) effect.key_reused");
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn rights_are_kept_without_any_schema() {
    let orders =
        json!({ "key": "id", "columns": ["id", "email", "status"], "writable": ["status"] });
    let shop = world(SHOP, json!({ "orders": orders }));
    let before = shop.dump();
    let create = shop
        .call(
            "create_record",
            json!({ "table": "orders", "data": { "status": "x" } }),
            1,
        )
        .await;
    assert_starts(
        &create,
        "permanent (key) table.not_allowed: table \"orders\" is not registered with insert = true",
    );
    let delete = shop
        .call("delete_record", json!({ "table": "orders", "id": 1 }), 2)
        .await;
    assert_starts(
        &delete,
        "permanent (key) table.not_allowed: table \"orders\" is not registered with delete = true",
    );
    for column in ["email", "id", "margin"] {
        let update = shop
            .call(
                "update_record",
                json!({ "table": "orders", "id": 1, "data": { column: "x" } }),
                3,
            )
            .await;
        assert_starts(
            &update,
            &format!("permanent (key) column.not_writable: column {column:?}"),
        );
    }
    let before_given = json!({ "table": "orders", "id": 1, "before": { "status": "x" } });
    assert_starts(
        &shop.call("update_record", before_given, 4).await,
        "permanent (attempt) input.invalid",
    );
    let reader = world(
        SHOP,
        json!({ "orders": { "key": "id", "columns": ["id"] } }),
    );
    let update = reader
        .call(
            "update_record",
            json!({ "table": "orders", "id": 1, "data": {} }),
            5,
        )
        .await;
    assert_starts(&update, "permanent (attempt) table.read_only");
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn missing_rows_are_proved_missing() {
    let shop = shop();
    let update = shop
        .call(
            "update_record",
            json!({ "table": "orders", "id": 8, "data": { "status": "x" } }),
            1,
        )
        .await;
    assert_starts(&update, "permanent (key) row.not_found");
    let delete = shop
        .call("delete_record", json!({ "table": "orders", "id": 8 }), 2)
        .await;
    assert_starts(&delete, "permanent (key) row.not_found");
    assert_eq!(shop.count("SELECT count(*) FROM omnihub_effects"), 0);
}

#[tokio::test]
async fn constraints_are_named_without_values_and_leave_nothing_behind() {
    let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY);
        CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT UNIQUE ON CONFLICT REPLACE, age INT NOT NULL DEFAULT 1, boss INT REFERENCES users,
            late INT REFERENCES users DEFERRABLE INITIALLY DEFERRED, CONSTRAINT adult CHECK (age >= 18 OR age = 1));
        CREATE TRIGGER no_zed BEFORE INSERT ON t WHEN NEW.mail = 'zed' BEGIN SELECT RAISE(ABORT, 'no zeds'); END;
        CREATE TRIGGER no_yan BEFORE INSERT ON t WHEN NEW.mail = 'yan' BEGIN SELECT RAISE(ROLLBACK, 'no yans'); END;
        CREATE TRIGGER no_xav BEFORE INSERT ON t WHEN NEW.mail = 'xav' BEGIN SELECT RAISE(IGNORE); END;
        INSERT INTO t (mail) VALUES ('secret@example.com');";
    let columns = json!(["mail", "age", "boss", "late"]);
    let shop = world(
        sql,
        json!({ "t": { "key": "id", "columns": columns, "writable": columns, "insert": true } }),
    );
    let before = shop.dump();
    let create = async |data| {
        shop.call("create_record", json!({ "table": "t", "data": data }), 1)
            .await
    };
    let refused = "permanent (key) row.constraint: the database refused it: ";
    assert_eq!(
        create(json!({ "mail": "secret@example.com" })).await,
        format!("{refused}UNIQUE constraint failed: t.mail")
    );
    assert_eq!(
        create(json!({ "age": 7 })).await,
        format!("{refused}CHECK constraint failed: adult")
    );
    assert_eq!(
        create(json!({ "age": null })).await,
        format!("{refused}NOT NULL constraint failed: t.age")
    );
    assert_eq!(
        create(json!({ "id": 1 })).await,
        format!("{refused}UNIQUE constraint failed: t.id")
    );
    let foreign = "row.constraint: a foreign key of the database refused it";
    assert_eq!(
        create(json!({ "boss": 7 })).await,
        format!("permanent (key) {foreign}")
    );
    assert_eq!(
        create(json!({ "late": 7 })).await,
        format!("permanent (attempt) {foreign}")
    );
    let trigger = "permanent (key) row.constraint: a trigger of the database refused it: ";
    assert_eq!(
        create(json!({ "mail": "zed" })).await,
        format!("{trigger}no zeds")
    );
    assert_eq!(
        create(json!({ "mail": "yan" })).await,
        format!("{trigger}no yans")
    );
    assert_starts(
        &create(json!({ "mail": "xav" })).await,
        "permanent (key) row.constraint: the database's own rules",
    );
    assert_eq!(shop.dump(), before);
    assert_eq!(shop.count("SELECT count(*) FROM omnihub_effects"), 0);
    assert_starts(&create(json!({ "mail": "fine" })).await, "{\"id\":2");
}

#[tokio::test]
async fn triggers_and_defaults_are_part_of_the_answer() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, made TEXT DEFAULT 'by default', twice TEXT AS (v || v), times INT DEFAULT 0);
        CREATE TRIGGER count AFTER UPDATE OF v ON t BEGIN UPDATE t SET times = OLD.times + 1 WHERE id = NEW.id; END;
        CREATE TABLE log (id INTEGER PRIMARY KEY, t INT);
        INSERT INTO log (id) VALUES (40);
        CREATE TRIGGER log AFTER INSERT ON t BEGIN INSERT INTO log (t) VALUES (NEW.id); END;";
    let columns = json!(["id", "v", "made", "twice", "times"]);
    let shop = world(
        sql,
        json!({ "t": { "key": "id", "columns": columns, "writable": ["v"], "insert": true } }),
    );
    let made = shop
        .call(
            "create_record",
            json!({ "table": "t", "data": { "v": "a" } }),
            1,
        )
        .await;
    assert_eq!(
        made,
        r#"{"id":1,"row":{"id":1,"made":"by default","times":0,"twice":"aa","v":"a"}}"#
    );
    let changed = shop
        .call(
            "update_record",
            json!({ "table": "t", "id": 1, "data": { "v": "b" } }),
            2,
        )
        .await;
    assert_starts(
        &changed,
        r#"{"after":{"id":1,"made":"by default","times":1,"twice":"bb","v":"b"}"#,
    );
    let empty = shop
        .call("create_record", json!({ "table": "t", "data": {} }), 3)
        .await;
    assert_eq!(
        empty,
        r#"{"id":2,"row":{"id":2,"made":"by default","times":0,"twice":null,"v":null}}"#
    );
}

#[tokio::test]
async fn keys_of_every_kind_name_rows() {
    let sql = "CREATE TABLE words (word TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
        CREATE TABLE loose (word TEXT PRIMARY KEY, n INT);
        CREATE TABLE other (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT);";
    let table = |key: &str| json!({ "key": key, "columns": ["n"], "writable": ["n"], "insert": true, "delete": true });
    let shop = world(
        sql,
        json!({ "words": table("word"), "loose": table("word"), "other": table("code") }),
    );
    for (at, (table, key)) in [("words", "word"), ("loose", "word"), ("other", "code")]
        .into_iter()
        .enumerate()
    {
        let base = u8::try_from(at * 10).unwrap();
        let data = json!({ key: "a b", "n": 9_007_199_254_740_991_i64 });
        let made = shop
            .call(
                "create_record",
                json!({ "table": table, "data": data }),
                base + 1,
            )
            .await;
        assert_eq!(made, r#"{"id":"a b","row":{"n":9007199254740991}}"#);
        let update =
            json!({ "table": table, "id": "a b", "data": { "n": "-9223372036854775808" } });
        assert_starts(
            &shop.call("update_record", update, base + 2).await,
            r#"{"after":{"n":"-9223372036854775808"}"#,
        );
        let gone = shop
            .call(
                "delete_record",
                json!({ "table": table, "id": "a b" }),
                base + 3,
            )
            .await;
        assert_starts(&gone, r#"{"before""#);
        let nameless = shop
            .call(
                "create_record",
                json!({ "table": table, "data": { "n": 1 } }),
                base + 4,
            )
            .await;
        assert_starts(&nameless, "permanent (key) row.constraint");
    }
    assert_eq!(shop.count("SELECT count(*) FROM loose"), 0);
}

#[tokio::test]
async fn a_delete_that_would_spread_to_other_rows_is_refused() {
    let sql = "CREATE TABLE orders (id INTEGER PRIMARY KEY, code TEXT UNIQUE, parent INT REFERENCES orders ON DELETE SET NULL);
        CREATE TABLE items (order_id INT REFERENCES orders ON DELETE CASCADE, code TEXT REFERENCES Orders (code) ON UPDATE SET NULL);
        INSERT INTO orders VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'c', 2), (4, 'd', 4), (5, 'e', NULL);
        INSERT INTO items VALUES (1, NULL), (NULL, 'e');";
    let orders =
        json!({ "key": "id", "columns": ["id", "code"], "writable": ["code"], "delete": true });
    let shop = world(sql, json!({ "orders": orders }));
    let before = shop.dump();
    let delete = async |id: u8| {
        shop.call("delete_record", json!({ "table": "orders", "id": id }), id)
            .await
    };
    assert_starts(
        &delete(1).await,
        "permanent (key) row.referenced: rows of \"items\" refer to it",
    );
    assert_starts(
        &delete(2).await,
        "permanent (key) row.referenced: rows of \"orders\" refer to it",
    );
    let rename = async |id: u8| {
        let input = json!({ "table": "orders", "id": id, "data": { "code": format!("new {id}") } });
        shop.call("update_record", input, 10 + id).await
    };
    assert_starts(
        &rename(5).await,
        "permanent (key) row.referenced: rows of \"items\" refer to it",
    );
    assert_eq!(shop.dump(), before);
    assert_starts(&delete(3).await, "{\"before\"");
    assert_starts(&delete(4).await, "{\"before\"");
    assert_starts(&rename(1).await, "{\"after\"");
    assert_eq!(shop.count("SELECT count(*) FROM items"), 2);
}

#[tokio::test]
async fn without_an_effects_table_writes_work_and_a_repeat_repeats() {
    let orders =
        json!({ "key": "id", "columns": ["id", "email"], "writable": ["email"], "insert": true });
    let shop = try_world(
        SHOP,
        json!({ "effects_table": false, "tables": { "orders": orders } }),
    )
    .unwrap();
    let create = json!({ "table": "orders", "data": { "email": "c@d.e" } });
    assert_starts(
        &shop.call("create_record", create.clone(), 1).await,
        "{\"id\":3",
    );
    assert_starts(&shop.call("create_record", create, 1).await, "{\"id\":4");
    let update = shop
        .call(
            "update_record",
            json!({ "table": "orders", "id": 9, "data": { "email": "x" } }),
            2,
        )
        .await;
    assert_starts(&update, "permanent (attempt) row.not_found");
}

#[tokio::test]
async fn a_row_too_large_for_an_output_is_not_written() {
    let shop = shop();
    let before = shop.dump();
    let data = json!({ "email": "x".repeat(300 * 1024) });
    let made = shop
        .call(
            "create_record",
            json!({ "table": "orders", "data": data }),
            1,
        )
        .await;
    assert_starts(&made, "permanent (key) output.too_large");
    assert_eq!(shop.dump(), before);
}
