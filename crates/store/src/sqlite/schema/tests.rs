//! Which stores a migration takes on, and which it refuses.

use super::*;

const PATH: &str = "store.db";

fn migrated(history: &[(&str, &str)]) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    migrate_to(&conn, Path::new(PATH), history).unwrap();
    conn
}

#[test]
fn a_store_goes_through_what_it_has_not_been_through() {
    let first = ("first", "CREATE TABLE a (x INTEGER) STRICT");
    let second = ("second", "CREATE TABLE b (x INTEGER) STRICT");
    let conn = migrated(&[first]);
    migrate_to(&conn, Path::new(PATH), &[first, second]).unwrap();
    let names: Vec<String> = conn
        .prepare("SELECT name FROM migrations ORDER BY version")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(names, ["first", "second"]);
    conn.execute_batch("SELECT * FROM a, b").unwrap();
    let older = migrate_to(&conn, Path::new(PATH), &[first]).unwrap_err();
    assert!(
        matches!(
            older,
            Error::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{older:?}"
    );
}

#[test]
fn another_text_under_the_same_number_is_refused() {
    let conn = migrated(&[("first", "CREATE TABLE a (x INTEGER) STRICT")]);
    let other = [("first", "CREATE TABLE a (x TEXT) STRICT")];
    let refused = migrate_to(&conn, Path::new(PATH), &other).unwrap_err();
    assert!(
        matches!(refused, Error::Migration { version: 1 }),
        "{refused:?}"
    );
}
