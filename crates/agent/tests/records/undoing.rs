//! Undo: a row comes back exactly, and a row that somebody changed since is left alone.

use serde_json::{Value, json};

use super::{SHOP, World, assert_starts, shop, try_world, world};

const CREATE: &str = "create_record";
const UPDATE: &str = "update_record";
const DELETE: &str = "delete_record";

fn output(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

async fn create(world: &World) -> Value {
    output(
        &world
            .call(
                CREATE,
                json!({ "table": "orders", "data": { "email": "c@d.e" } }),
                1,
            )
            .await,
    )
}

async fn update(world: &World) -> Value {
    output(
        &world
            .call(
                UPDATE,
                json!({ "table": "orders", "id": 1, "data": { "status": "paid" } }),
                1,
            )
            .await,
    )
}

async fn delete(world: &World) -> Value {
    output(
        &world
            .call(DELETE, json!({ "table": "orders", "id": 1 }), 1)
            .await,
    )
}

#[tokio::test]
async fn a_created_row_is_taken_back_without_a_right_to_delete() {
    let orders =
        json!({ "key": "id", "columns": ["id", "email"], "writable": ["email"], "insert": true });
    let shop = world(SHOP, json!({ "orders": orders }));
    let before = shop.dump();
    let made = create(&shop).await;
    let undo = json!({ "table": "orders", "id": made["id"] });
    let undone = shop.undo(DELETE, undo.clone(), (2, 1)).await;
    assert_eq!(undone, r#"{"before":{"email":"c@d.e","id":3},"id":3}"#);
    assert_eq!(shop.dump(), before);
    assert_eq!(
        shop.undo(DELETE, undo.clone(), (2, 1)).await,
        undone,
        "a repeat answers the same"
    );
    assert_starts(
        &shop.undo(DELETE, undo, (3, 1)).await,
        "permanent (key) row.changed: the row of \"orders\" cannot be undone: it is gone",
    );
}

#[tokio::test]
async fn the_undo_of_a_create_touches_that_row_only() {
    let orders =
        json!({ "key": "id", "columns": ["id", "email"], "writable": ["email"], "insert": true });
    let shop = world(SHOP, json!({ "orders": orders }));
    create(&shop).await;
    let before = shop.dump();
    assert_starts(
        &shop
            .undo(DELETE, json!({ "table": "orders", "id": 1 }), (2, 1))
            .await,
        "permanent (key) undo.mismatch",
    );
    let unknown = shop
        .undo(DELETE, json!({ "table": "orders", "id": 1 }), (3, 99))
        .await;
    assert_starts(&unknown, "permanent (key) table.not_allowed");
    shop.execute("UPDATE orders SET margin = 1 WHERE id = 3");
    let changed = shop
        .undo(DELETE, json!({ "table": "orders", "id": 3 }), (4, 1))
        .await;
    assert_starts(
        &changed,
        "permanent (key) row.changed: the row of \"orders\" cannot be undone: it is not as it was left",
    );
    shop.execute("UPDATE orders SET margin = NULL WHERE id = 3");
    assert_eq!(shop.dump(), before);
    assert_starts(
        &shop
            .undo(DELETE, json!({ "table": "orders", "id": 3 }), (5, 1))
            .await,
        "{\"before\"",
    );
}

#[tokio::test]
async fn a_created_row_that_others_refer_to_stays() {
    let sql = format!(
        "{SHOP} CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INT REFERENCES orders ON DELETE CASCADE);"
    );
    let orders =
        json!({ "key": "id", "columns": ["id", "email"], "writable": ["email"], "insert": true });
    let shop = world(&sql, json!({ "orders": orders }));
    create(&shop).await;
    shop.execute("INSERT INTO items (order_id) VALUES (3)");
    let undone = shop
        .undo(DELETE, json!({ "table": "orders", "id": 3 }), (2, 1))
        .await;
    assert_starts(&undone, "permanent (key) row.referenced");
    assert_eq!(shop.count("SELECT count(*) FROM items"), 1);
}

#[tokio::test]
async fn an_update_is_undone_by_what_it_said_was_before() {
    for spelling in ["before", "data"] {
        let shop = shop();
        let before = shop.dump();
        let changed = update(&shop).await;
        let undo = json!({ "table": "orders", "id": changed["id"], spelling: changed["before"] });
        let undone = output(&shop.undo(UPDATE, undo, (2, 1)).await);
        assert_eq!(undone["after"], changed["before"], "{spelling}");
        assert_eq!(shop.dump(), before, "{spelling}");
    }
}

#[tokio::test]
async fn an_update_is_not_undone_over_somebody_elses_change() {
    let shop = shop();
    let changed = update(&shop).await;
    let undo = json!({ "table": "orders", "id": 1, "before": changed["before"] });
    for (key, change) in [
        (2, "status = 'lost'"),
        (3, "amount = 11"),
        (4, "margin = 0.5"),
        (5, "note = x'00fe'"),
    ] {
        shop.execute(&format!("UPDATE orders SET {change} WHERE id = 1"));
        let before = shop.dump();
        let undone = shop.undo(UPDATE, undo.clone(), (key, 1)).await;
        assert_starts(&undone, "permanent (key) row.changed");
        assert_eq!(shop.dump(), before);
        shop.execute("UPDATE orders SET status = 'paid', amount = 10.5, margin = 0.25, note = x'00ff' WHERE id = 1");
    }
    assert_starts(&shop.undo(UPDATE, undo.clone(), (6, 1)).await, "{\"after\"");
    shop.execute("DELETE FROM orders WHERE id = 1");
    assert_starts(
        &shop.undo(UPDATE, undo, (7, 1)).await,
        "permanent (key) row.changed",
    );
}

#[tokio::test]
async fn an_undo_with_values_of_its_own_writes_those_within_rights() {
    let shop = shop();
    update(&shop).await;
    let own = |data: Value| json!({ "table": "orders", "id": 1, "data": data });
    let hidden = shop.undo(UPDATE, own(json!({ "margin": 7 })), (2, 1)).await;
    assert_starts(&hidden, "permanent (key) column.not_writable");
    let undone = output(
        &shop
            .undo(UPDATE, own(json!({ "status": "cancelled" })), (3, 1))
            .await,
    );
    assert_eq!(undone["after"]["status"], "cancelled");
    let again = shop
        .undo(UPDATE, own(json!({ "status": "other" })), (4, 1))
        .await;
    assert_starts(&again, "permanent (key) row.changed");
}

#[tokio::test]
async fn what_a_trigger_changed_in_the_row_comes_back_too() {
    let sql = "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, twice TEXT AS (status || status) STORED, stamp INT DEFAULT 0);
        CREATE TRIGGER stamp AFTER UPDATE OF status ON orders WHEN NEW.status = 'paid' BEGIN UPDATE orders SET stamp = 7 WHERE id = NEW.id; END;
        INSERT INTO orders (id, status) VALUES (1, 'new');";
    let shop = world(
        sql,
        json!({ "orders": { "key": "id", "columns": ["status"], "writable": ["status"] } }),
    );
    let before = shop.dump();
    let changed = update(&shop).await;
    assert_eq!(shop.count("SELECT stamp FROM orders"), 7);
    shop.undo(
        UPDATE,
        json!({ "table": "orders", "id": 1, "before": changed["before"] }),
        (2, 1),
    )
    .await;
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn a_deleted_row_comes_back_whole_with_columns_that_were_never_shown() {
    for spelling in ["before", "data"] {
        let orders = json!({ "key": "id", "columns": ["id", "email"], "delete": true });
        let shop = world(SHOP, json!({ "orders": orders }));
        let before = shop.dump();
        let gone = delete(&shop).await;
        assert_eq!(
            gone,
            json!({ "id": 1, "before": { "id": 1, "email": "ana@example.com" } })
        );
        let undo = json!({ "table": "orders", spelling: gone["before"] });
        let undone = shop.undo(CREATE, undo.clone(), (2, 1)).await;
        assert_eq!(
            undone,
            r#"{"id":1,"row":{"email":"ana@example.com","id":1}}"#
        );
        assert_eq!(shop.dump(), before);
        assert_eq!(
            shop.undo(CREATE, undo, (2, 1)).await,
            undone,
            "a repeat answers the same"
        );
    }
}

#[tokio::test]
async fn a_deleted_row_stays_away_when_its_key_is_taken() {
    let shop = shop();
    let gone = delete(&shop).await;
    shop.execute("INSERT INTO orders (id, email) VALUES (1, 'new')");
    let before = shop.dump();
    let undone = shop
        .undo(
            CREATE,
            json!({ "table": "orders", "before": gone["before"] }),
            (2, 1),
        )
        .await;
    assert_starts(
        &undone,
        "permanent (key) row.changed: the row of \"orders\" cannot be undone: another row has its key",
    );
    shop.execute("DELETE FROM orders WHERE id = 1");
    let other = json!({ "table": "orders", "data": { "id": 1, "email": "made up" } });
    assert_starts(
        &shop.undo(CREATE, other, (3, 1)).await,
        "permanent (key) undo.mismatch",
    );
    shop.execute("INSERT INTO orders (id, email) VALUES (1, 'new')");
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn an_undo_of_another_kind_of_write_is_refused() {
    let shop = shop();
    let changed = update(&shop).await;
    let before = shop.dump();
    let delete = shop
        .undo(DELETE, json!({ "table": "orders", "id": 1 }), (2, 1))
        .await;
    assert_starts(
        &delete,
        "permanent (key) undo.mismatch: delete_record on \"orders\" does not undo update_record",
    );
    let create = shop
        .undo(
            CREATE,
            json!({ "table": "orders", "before": changed["before"] }),
            (3, 1),
        )
        .await;
    assert_starts(&create, "permanent (key) undo.mismatch");
    assert_eq!(shop.dump(), before);
}

#[tokio::test]
async fn undo_without_an_effects_table_goes_as_far_as_rights_go() {
    let all = json!(["id", "email", "status", "amount", "margin", "note"]);
    let open = |columns: &Value, insert: bool, delete: bool| {
        let orders = json!({ "key": "id", "columns": columns, "writable": columns, "insert": insert, "delete": delete });
        try_world(
            SHOP,
            json!({ "effects_table": false, "tables": { "orders": orders } }),
        )
        .unwrap()
    };
    let shop = open(&all, true, false);
    let made = create(&shop).await;
    let undone = shop
        .undo(
            DELETE,
            json!({ "table": "orders", "id": made["id"] }),
            (2, 1),
        )
        .await;
    assert_starts(&undone, "permanent (attempt) table.not_allowed");

    let shop = open(&json!(["id", "email", "status"]), true, true);
    let before = shop.dump();
    let made = create(&shop).await;
    shop.undo(
        DELETE,
        json!({ "table": "orders", "id": made["id"] }),
        (2, 1),
    )
    .await;
    let changed = update(&shop).await;
    shop.undo(
        UPDATE,
        json!({ "table": "orders", "id": 1, "before": changed["before"] }),
        (3, 1),
    )
    .await;
    assert_eq!(shop.dump(), before);
    let gone = delete(&shop).await;
    let undone = shop
        .undo(
            CREATE,
            json!({ "table": "orders", "before": gone["before"] }),
            (4, 1),
        )
        .await;
    assert_starts(&undone, "permanent (attempt) undo.incomplete");

    let shop = open(&all, true, true);
    shop.execute("UPDATE orders SET note = NULL");
    let before = shop.dump();
    let gone = delete(&shop).await;
    shop.undo(
        CREATE,
        json!({ "table": "orders", "before": gone["before"] }),
        (5, 1),
    )
    .await;
    assert_eq!(shop.dump(), before);
}
