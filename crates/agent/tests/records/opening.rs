//! What is refused when a database is opened, and in which words.

use std::collections::BTreeMap;

use agent::databases::{DatabaseConfig, Databases, Lack};
use rusqlite::Connection;
use serde_json::{Value, json};

use tempfile::TempDir;

use super::{SHOP, open, shop, try_world, world};

fn orders(change: Value) -> Value {
    let mut orders = json!({ "key": "id", "columns": ["id", "email"] });
    orders
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    json!({ "tables": { "orders": orders } })
}

/// A database, `shop`, and a registration by which rows of it may be made.
fn registered(sql: &str) -> (TempDir, BTreeMap<String, DatabaseConfig>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let mut config = orders(json!({ "insert": true }));
    config["url"] = json!(format!("sqlite:{}", path.display()));
    let config = serde_json::from_value(config).unwrap();
    (folder, BTreeMap::from([("shop".to_owned(), config)]))
}

#[track_caller]
fn refused(sql: &str, config: Value) -> String {
    try_world(sql, config)
        .err()
        .expect("it should be refused")
        .to_string()
}

fn refused_address(url: &str) -> String {
    let config = DatabaseConfig {
        url: url.to_owned(),
        effects_table: true,
        tables: BTreeMap::new(),
    };
    Databases::open(&BTreeMap::from([("shop".to_owned(), config)]))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_wrong_name_is_refused_with_the_nearest_right_one() {
    let table = json!({ "tables": { "order": { "key": "id", "columns": ["id"] } } });
    assert_eq!(
        refused(SHOP, table),
        r#"databases.shop.tables.order: database "shop": table "order": the database has no such table; did you mean "orders"?"#
    );
    assert_eq!(
        refused(SHOP, orders(json!({ "columns": ["id", "Email"] }))),
        r#"databases.shop.tables.orders.columns: database "shop": table "orders": it has no column "Email"; did you mean "email"?"#
    );
    assert_eq!(
        refused(SHOP, orders(json!({ "key": "idd" }))),
        r#"databases.shop.tables.orders.key: database "shop": table "orders": it has no column "idd"; did you mean "id"?"#
    );
    assert_eq!(
        refused(SHOP, orders(json!({ "writable": ["wholly_unlike"] }))),
        r#"databases.shop.tables.orders.writable: database "shop": table "orders": it has no column "wholly_unlike""#
    );
    assert_eq!(
        refused(SHOP, orders(json!({ "writable": ["status"] }))),
        r#"databases.shop.tables.orders.writable: database "shop": table "orders": column "status" is not among its columns"#
    );
}

#[test]
fn columns_are_named_once_and_at_least_one_is() {
    let twice = refused(SHOP, orders(json!({ "columns": ["id", "email", "id"] })));
    assert!(
        twice.ends_with("column \"id\" stands there twice"),
        "{twice}"
    );
    let none = refused(SHOP, orders(json!({ "columns": [] })));
    assert!(none.ends_with("no column is named"), "{none}");
}

#[test]
fn addresses_that_are_no_sqlite_file_are_refused() {
    assert!(
        refused_address("postgres://localhost/shop")
            .contains("postgres:// is not supported by this build yet")
    );
    assert!(refused_address("shop.db").contains("the address must be \"sqlite:\""));
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    assert!(
        refused_address(&format!("sqlite:{}", missing.display()))
            .contains("a database is never created")
    );
    assert!(!missing.exists());
    assert!(
        refused_address(&format!("sqlite:{}", folder.path().display()))
            .contains("there is no file")
    );
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "no database at all, but long enough to look like something",
    )
    .unwrap();
    assert!(
        refused_address(&format!("sqlite:{}", text.display())).contains("file is not a database")
    );
}

#[test]
fn unknown_settings_of_a_database_are_refused() {
    let error =
        serde_json::from_value::<DatabaseConfig>(json!({ "url": "sqlite:x", "tabels": {} }))
            .unwrap_err();
    assert!(
        error.to_string().contains("unknown field `tabels`"),
        "{error}"
    );
    let table = json!({ "url": "sqlite:x", "tables": { "t": { "key": "id", "columns": [], "writeable": [] } } });
    let error = serde_json::from_value::<DatabaseConfig>(table).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `writeable`"),
        "{error}"
    );
}

#[test]
fn a_key_that_names_no_single_row_is_refused_where_rows_are_written() {
    let seats = "CREATE TABLE seats (flight TEXT, seat TEXT, taken INT, PRIMARY KEY (flight, seat)) WITHOUT ROWID";
    let config = |writable: Value| json!({ "tables": { "seats": { "key": "seat", "columns": ["seat", "taken"], "writable": writable } } });
    assert_eq!(
        refused(seats, config(json!(["taken"]))),
        "databases.shop.tables.seats.key: database \"shop\": table \"seats\": its primary key is composite (flight, seat), \
         and \"seat\" alone does not name a row; only reading is possible"
    );
    assert!(
        try_world(seats, config(json!([]))).is_ok(),
        "reading needs no such key"
    );
    assert!(
        refused(
            SHOP,
            orders(json!({ "key": "email", "writable": ["email"] }))
        )
        .contains("neither its primary key nor unique")
    );
    let unique = "CREATE UNIQUE INDEX one ON orders (email); CREATE UNIQUE INDEX some ON orders (status) WHERE amount > 5;";
    let unique = format!("{SHOP}{unique}");
    assert!(try_world(&unique, orders(json!({ "key": "email", "delete": true }))).is_ok());
    assert!(
        refused(&unique, orders(json!({ "key": "status", "delete": true })))
            .contains("neither its primary key nor unique")
    );
}

#[test]
fn what_the_database_computes_or_keeps_for_itself_is_not_writable() {
    let sql = format!("{SHOP} CREATE VIEW paid AS SELECT * FROM orders; CREATE VIRTUAL TABLE words USING fts5(word, other);
        CREATE TABLE sums (id INTEGER PRIMARY KEY, a INT, twice INT AS (a * 2));
        CREATE TABLE omnihub_effects (\"key\" TEXT PRIMARY KEY NOT NULL, digest TEXT, output TEXT, before TEXT, at TEXT);");
    let table = |name: &str, key: &str, column: &str| {
        let table = json!({ "key": key, "columns": [key, column], "writable": [column] });
        json!({ "tables": { name: table } })
    };
    assert!(
        refused(&sql, table("paid", "id", "status"))
            .ends_with("it is a view, which can only be read")
    );
    assert!(
        refused(&sql, table("words", "word", "other"))
            .ends_with("it is a virtual table, which can only be read")
    );
    assert!(
        refused(&sql, table("sums", "id", "twice"))
            .ends_with("column \"twice\" is computed by the database")
    );
    assert!(
        refused(&sql, table("omnihub_effects", "key", "output"))
            .ends_with("it is not for plans to touch")
    );
    assert!(
        refused(&sql, table("sqlite_schema", "name", "sql"))
            .ends_with("it is not for plans to touch")
    );
}

#[test]
fn the_effects_table_is_made_only_where_something_is_writable() {
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'omnihub_effects'";
    assert_eq!(shop().count(there), 1);
    assert_eq!(
        world(
            SHOP,
            json!({ "orders": { "key": "id", "columns": ["id"] } })
        )
        .count(there),
        0
    );
    let mut config = orders(json!({ "insert": true }));
    config["effects_table"] = json!(false);
    assert_eq!(try_world(SHOP, config).unwrap().count(there), 0);
    let foreign = format!("{SHOP} CREATE TABLE omnihub_effects (id, what);");
    assert!(
        refused(&foreign, orders(json!({ "insert": true })))
            .contains("has the columns id, what instead of key, digest")
    );
}

#[test]
fn opening_changes_nothing_and_preparing_makes_the_effects_table() {
    let (folder, configs) = registered(SHOP);
    let path = folder.path().join("shop.db");
    let before = std::fs::read(&path).unwrap();
    let databases = Databases::open(&configs).unwrap();
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(databases.lacks()["shop"], Lack::EffectsTable(path.clone()));
    databases.prepare().unwrap();
    databases.prepare().unwrap();
    let again = Databases::open(&configs).unwrap();
    assert!(again.lacks().is_empty(), "{:?}", again.lacks());
}

#[test]
fn a_database_that_cannot_be_written_can_be_looked_at_and_not_be_prepared() {
    let (folder, configs) = registered(SHOP);
    let path = folder.path().join("shop.db");
    // A write version that SQLite does not know makes a file read-only, for root too.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18] = 3;
    std::fs::write(&path, bytes).unwrap();
    let databases = Databases::open(&configs).unwrap();
    assert_eq!(databases.lacks()["shop"], Lack::Writing(path));
    let refused = databases.prepare().unwrap_err().to_string();
    assert!(
        refused.starts_with("databases.shop.url: ") && refused.contains("cannot be written"),
        "{refused}"
    );
}

#[test]
fn the_journal_mode_stays_as_the_owner_has_it() {
    let mode = |world: &super::World| {
        world
            .stranger()
            .pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert_eq!(mode(&shop()), "delete");
    let wal = format!("PRAGMA journal_mode = WAL; {SHOP}");
    assert_eq!(
        mode(&try_world(&wal, orders(json!({ "insert": true }))).unwrap()),
        "wal"
    );
}

#[test]
fn names_that_could_mean_two_tables_are_refused() {
    let dotted = "CREATE TABLE \"b.t\" (id INTEGER PRIMARY KEY);";
    let plain = "CREATE TABLE t (id INTEGER PRIMARY KEY);";
    let table = json!({ "key": "id", "columns": ["id"] });
    let opened = open(BTreeMap::from([
        ("a", (dotted, json!({ "tables": { "b.t": table } }))),
        ("b", (plain, json!({ "tables": { "t": table } }))),
    ]));
    assert!(
        opened
            .err()
            .unwrap()
            .to_string()
            .contains("\"b.t\" would name a table of database \"a\" as well")
    );
}
