//! Many at once, and a database that somebody else uses.

use std::time::Duration;

use domain::effect::Call;
use domain::outcome::Outcome;
use futures_util::future::{join_all, select_all};
use rusqlite::Connection;
use serde_json::json;

use super::{SHOP, assert_starts, call, digest, shop, text, world};

#[tokio::test]
async fn parallel_creates_make_one_row_each_however_often_they_are_repeated() {
    let shop = shop();
    let create = |key: u8| {
        let data = json!({ "email": format!("{key}@example.com") });
        shop.call(
            "create_record",
            json!({ "table": "orders", "data": data }),
            key,
        )
    };
    let answers = join_all((1..=200).chain(1..=200).map(create)).await;
    assert_eq!(answers[..200], answers[200..]);
    assert_eq!(shop.count("SELECT count(*) FROM orders"), 202);
    assert_eq!(
        shop.count("SELECT count(DISTINCT email) FROM orders WHERE id > 2"),
        200
    );
}

#[tokio::test]
async fn one_bad_write_does_not_take_others_with_it() {
    let sql = "CREATE TABLE users (id INTEGER PRIMARY KEY);
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, late INT REFERENCES users DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.v = 'rollback' BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
        CREATE TRIGGER nay BEFORE INSERT ON t WHEN NEW.v = 'abort' BEGIN SELECT RAISE(ABORT, 'nay'); END;";
    let columns = json!(["v", "late"]);
    let shop = world(
        sql,
        json!({ "t": { "key": "id", "columns": columns, "writable": columns, "insert": true } }),
    );
    let create = |key: u8| {
        let data = match key % 4 {
            0 => json!({ "v": "rollback" }),
            1 => json!({ "late": 7 }),
            2 => json!({ "v": "abort" }),
            _ => json!({ "v": "good" }),
        };
        shop.call("create_record", json!({ "table": "t", "data": data }), key)
    };
    // Held back so that many of them meet in one transaction.
    let stranger = shop.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers = async {
        let answers = join_all((0..200).map(create));
        let (answers, ()) =
            tokio::join!(answers, async { stranger.execute_batch("COMMIT").unwrap() });
        answers
    };
    for (key, answer) in answers.await.into_iter().enumerate() {
        let expected = if key % 4 == 3 {
            "{\"id\":"
        } else {
            "permanent"
        };
        assert_starts(&answer, expected);
    }
    assert_eq!(
        shop.count("SELECT count(*) FROM t WHERE v = 'good' AND late IS NULL"),
        50
    );
    assert_eq!(shop.count("SELECT count(*) FROM t"), 50);
    assert_eq!(shop.count("SELECT count(*) FROM omnihub_effects"), 50);
}

#[tokio::test]
async fn a_database_that_somebody_locked_is_tried_again_later() {
    for mode in ["delete", "wal"] {
        let orders = json!({ "key": "id", "columns": ["id"], "writable": [], "insert": true });
        let sql = format!(
            "PRAGMA journal_mode = {mode}; {SHOP} CREATE TABLE t (id INTEGER PRIMARY KEY);"
        );
        let shop = world(&sql, json!({ "t": orders }));
        let stranger = shop.stranger();
        stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
        let input = json!({ "table": "t", "data": {} });
        let hurried = Call {
            timeout_seconds: 1,
            ..call("create_record", input.clone(), 1)
        };
        let answer = text(shop.databases.perform(&hurried).await);
        assert_starts(
            &answer,
            "transient (attempt) database.busy: the database is locked",
        );
        stranger.execute_batch("ROLLBACK").unwrap();
        assert_eq!(
            shop.call("create_record", input, 1).await,
            r#"{"id":1,"row":{"id":1}}"#
        );
    }
}

#[tokio::test]
async fn a_reader_in_the_way_of_a_commit_is_waited_for_and_then_nothing_was_changed() {
    let shop = shop();
    let stranger = shop.stranger();
    stranger
        .execute_batch("BEGIN; SELECT count(*) FROM orders")
        .unwrap();
    let input = json!({ "table": "orders", "data": { "email": "c@d.e" } });
    let hurried = Call {
        timeout_seconds: 1,
        ..call("create_record", input.clone(), 1)
    };
    let answer = text(shop.databases.perform(&hurried).await);
    assert_starts(&answer, "transient (attempt) database.busy");
    stranger.execute_batch("ROLLBACK").unwrap();
    assert_eq!(shop.count("SELECT count(*) FROM orders"), 2);
    assert_starts(&shop.call("create_record", input, 1).await, "{\"id\":3");
}

/// A view that has SQLite count for minutes, and a trigger that does.
const SLOW: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
    CREATE VIEW slow AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT count(*) AS id FROM n;
    CREATE TRIGGER slow AFTER INSERT ON t WHEN NEW.v = 'slow' BEGIN UPDATE t SET v = (SELECT id FROM slow) WHERE id = NEW.id; END;";

fn slow() -> super::World {
    let t = json!({ "key": "id", "columns": ["id", "v"], "writable": ["v"], "insert": true });
    world(
        SLOW,
        json!({ "t": t, "slow": { "key": "id", "columns": ["id"] } }),
    )
}

#[tokio::test]
async fn statements_are_interrupted_at_their_deadline_and_rolled_back() {
    let world = slow();
    let hurried = |tool: &str, input, key| Call {
        timeout_seconds: 1,
        ..call(tool, input, key)
    };
    let search = hurried("search_database", json!({ "table": "slow" }), 0);
    let create = hurried(
        "create_record",
        json!({ "table": "t", "data": { "v": "slow" } }),
        1,
    );
    let (found, made) = tokio::join!(
        world.databases.perform(&search),
        world.databases.perform(&create)
    );
    assert_starts(&text(found), "transient (attempt) database.timeout");
    assert_starts(&text(made), "transient (key) database.timeout");
    assert_eq!(world.count("SELECT count(*) FROM t"), 0);
    let quick = json!({ "table": "t", "data": { "v": "quick" } });
    assert_starts(&world.call("create_record", quick, 2).await, "{\"id\":1");
}

#[tokio::test]
async fn a_call_that_the_database_never_came_to_is_answered_at_its_deadline_and_did_not_happen() {
    let world = slow();
    let searches = [1, 2].map(|key| Call {
        timeout_seconds: 4,
        ..call("search_database", json!({ "table": "slow" }), key)
    });
    let hurried = Call {
        timeout_seconds: 1,
        ..call("search_database", json!({ "table": "t" }), 3)
    };
    let patient = call("search_database", json!({ "table": "t" }), 4);
    let mut busy = select_all(
        searches
            .iter()
            .map(|call| Box::pin(world.databases.perform(call))),
    );
    // Until the first slow search ends no reader is free, so only the hurried call's own deadline can answer it before.
    let waited = tokio::select! {
        biased;
        _ = &mut busy => panic!("the hurried call waited for the slow ones"),
        waited = world.databases.perform(&hurried) => waited,
    };
    assert_starts(
        &text(waited),
        "transient (attempt) database.busy: the call's time was over before",
    );
    let ((_, _, others), patient) = tokio::join!(busy, world.databases.perform(&patient));
    join_all(others).await;
    assert_eq!(text(patient), r#"{"count":0,"rows":[]}"#);
}

#[tokio::test]
async fn a_file_that_was_replaced_is_neither_read_nor_written() {
    for mode in ["delete", "wal"] {
        let orders = json!({ "key": "id", "columns": ["id", "email"], "writable": ["email"], "insert": true });
        let sql = format!("PRAGMA journal_mode = {mode}; {SHOP}");
        let shop = world(&sql, json!({ "orders": orders }));
        let (new, kept) = (
            shop.folder.path().join("new"),
            shop.folder.path().join("kept"),
        );
        Connection::open(&new).unwrap().execute_batch(SHOP).unwrap();
        let bytes = std::fs::read(&new).unwrap();
        let create = json!({ "table": "orders", "data": { "email": "c@d.e" } });

        std::fs::hard_link(shop.path(), &kept).unwrap();
        std::fs::rename(&new, shop.path()).unwrap();
        let replaced = "transient (attempt) database.replaced";
        assert_starts(
            &shop.call("create_record", create.clone(), 1).await,
            replaced,
        );
        assert_starts(&shop.find(json!({ "table": "orders" })).await, replaced);
        let probed = shop.databases.probe().await.remove("shop").unwrap();
        assert!(probed.unwrap_err().contains("was replaced"));
        assert!(std::fs::read(shop.path()).unwrap() == bytes);
        std::fs::remove_file(shop.path()).unwrap();
        assert_starts(
            &shop.call("create_record", create.clone(), 1).await,
            replaced,
        );

        std::fs::rename(&kept, shop.path()).unwrap();
        assert_starts(&shop.call("create_record", create, 1).await, "{\"id\":3");
    }
}

#[tokio::test]
async fn a_schema_that_changed_since_is_an_error_and_no_guess() {
    let shop = shop();
    shop.execute("ALTER TABLE orders RENAME COLUMN email TO mail");
    let found = shop.find(json!({ "table": "orders" })).await;
    assert_starts(
        &found,
        "permanent (attempt) database.error: the database says: no such column: orders.email",
    );
    let update = json!({ "table": "orders", "id": 1, "data": { "email": "x" } });
    assert_starts(
        &shop.call("update_record", update, 1).await,
        "permanent (key) database.error",
    );
}

#[tokio::test]
async fn closing_waits_for_what_is_under_way_and_leaves_a_whole_database() {
    let shop = shop();
    let path = shop.path();
    let create = call(
        "create_record",
        json!({ "table": "orders", "data": { "email": "c@d.e" } }),
        1,
    );
    let outcome = tokio::time::timeout(Duration::from_secs(30), shop.databases.perform(&create))
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Succeeded { .. }));
    let super::World { folder, databases } = shop;
    drop(databases);
    let stranger = Connection::open(path).unwrap();
    stranger
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK")
        .unwrap();
    let key: String = stranger
        .query_row("SELECT key FROM omnihub_effects", [], |row| row.get(0))
        .unwrap();
    assert_eq!(key, digest(1).to_string());
    drop(folder);
}
