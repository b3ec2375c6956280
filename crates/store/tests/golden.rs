//! Every form ever written can be read, for ever: the files in `golden` are only ever added to.
//!
//! Each file is a row as it lies in the database. `STORE_GOLDEN=1` writes those that are missing.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use store::{Store, StoreConfig};

use crate::world::{Driven, chain_of, tenant};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// One value of a fresh store.
fn value(conn: &Connection, sql: &str) -> Value {
    let bytes = conn.query_row(sql, [], |row| match row.get_ref(0)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
        other => panic!("{other:?}"),
    });
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// The names of all fields, however deep, with the kind of each value.
fn shape(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| shape(value, &format!("{path}/{name}"), into)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| shape(item, &format!("{path}/*"), into)),
        Value::String(_) => into.push(format!("{path}: text")),
        Value::Number(_) => into.push(format!("{path}: number")),
        Value::Bool(_) => into.push(format!("{path}: bool")),
        Value::Null => into.push(format!("{path}: null")),
    }
    into.sort();
    into.dedup();
}

#[tokio::test]
async fn what_is_written_today_has_the_form_of_the_golden_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(dir.path())).unwrap();
    let mut goal = Driven::new(&store, &tenant("acme"), "one");
    goal.accept(&store, &chain_of(2));
    goal.start();
    store.append(goal.append()).await.unwrap();
    let pause = saga::input::Person {
        by: goal.owner.clone(),
        wish: saga::input::Wish::PauseGoal,
    };
    store
        .post(&goal.tenant, &goal.goal, pause, |_| Ok::<(), ()>(()))
        .await
        .unwrap();
    let conn = Connection::open(dir.path().join("omnihub.db")).unwrap();
    for (name, sql) in [
        ("journal-1.json", "SELECT events FROM journal LIMIT 1"),
        ("audit-1.json", "SELECT drafts FROM audit LIMIT 1"),
        ("inbox-1.json", "SELECT person FROM inbox LIMIT 1"),
        ("toolset-1.json", "SELECT body FROM toolsets LIMIT 1"),
    ] {
        let path = golden(name);
        let written = value(&conn, sql);
        if !path.exists() && std::env::var("STORE_GOLDEN").is_ok() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(
                &path,
                serde_json::to_string_pretty(&written).unwrap() + "\n",
            )
            .unwrap();
        }
        let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        shape(&kept, "", &mut expected);
        shape(&written, "", &mut found);
        assert_eq!(
            found, expected,
            "{name}: a new form needs a new number and a new file"
        );
    }
}

#[test]
fn every_golden_file_can_be_read() {
    let read = |name: &str| std::fs::read(golden(name)).unwrap();
    let events: Vec<saga::Event> = serde_json::from_slice(&read("journal-1.json")).unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| event.kind.name())
            .collect::<Vec<_>>(),
        ["goal_accepted", "plan_adopted", "step_started"]
    );
    serde_json::from_slice::<saga::input::Person>(&read("inbox-1.json")).unwrap();
    serde_json::from_slice::<domain::tool::Toolset>(&read("toolset-1.json")).unwrap();
}
