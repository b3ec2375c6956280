//! Random writes and their undo, newest first, leave a database exactly as it was.

use std::sync::Arc;

use domain::effect::Call;
use domain::outcome::Outcome;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{World, call, digest, world};

/// Tables of every shape; each has a column that plans never see.
const SQL: &str = "
    CREATE TABLE rows (id INTEGER PRIMARY KEY, t TEXT, r REAL, i INT, twice TEXT AS (t || t), hidden DEFAULT x'00');
    CREATE TABLE words (id TEXT PRIMARY KEY, t TEXT UNIQUE, r REAL, i INT, hidden DEFAULT 0.1) WITHOUT ROWID;
    CREATE TABLE codes (n INTEGER PRIMARY KEY, id INT UNIQUE NOT NULL, t TEXT, r REAL CHECK (r < 50), i, hidden DEFAULT 'h');
    INSERT INTO rows (id, t, r, i) VALUES (1, 'a', 0.1, 9007199254740993), (2, NULL, NULL, NULL);
    INSERT INTO words (id, t, r, i) VALUES ('1', 'a', 1e300, -1), ('2', '', -0.0, 0);
    INSERT INTO codes VALUES (7, 1, 'a', 1.5, x'ff', NULL), (8, 2, 'b', 2, 'i', 5);
";
const TABLES: [&str; 3] = ["rows", "words", "codes"];

#[derive(Debug, Clone)]
struct Write {
    table: &'static str,
    verb: u8,
    id: u8,
    data: Value,
}

fn write() -> impl Strategy<Value = Write> {
    let text = prop::option::of("[a-cé'\"% ]{0,3}");
    let real = prop::option::of(prop_oneof![Just(0.1), Just(-1e300), Just(2.0), 0.0..100.0]);
    let integer = prop::option::of(prop_oneof![Just(i64::MAX), Just(1 << 53), -2_i64..3]);
    (
        prop::sample::select(&TABLES),
        0..3_u8,
        1..5_u8,
        (text, real, integer),
        1..8_u8,
    )
        .prop_map(|(table, verb, id, (t, r, i), chosen)| {
            let i = i.map(|i| {
                if i.unsigned_abs() < 1 << 53 {
                    json!(i)
                } else {
                    json!(i.to_string())
                }
            });
            let all = [("t", json!(t)), ("r", json!(r)), ("i", json!(i))];
            let some = all
                .into_iter()
                .enumerate()
                .filter(|(at, _)| chosen & (1 << at) != 0);
            let data = some
                .map(|(_, (name, value))| (name.to_owned(), value))
                .collect();
            Write {
                table,
                verb,
                id,
                data,
            }
        })
}

impl Write {
    fn id(&self) -> Value {
        if self.table == "words" {
            json!(self.id.to_string())
        } else {
            json!(self.id)
        }
    }

    fn call(&self, key: u8) -> Call {
        let mut input = json!({ "table": self.table });
        let tool = match self.verb {
            0 => {
                input["data"] = self.data.clone();
                input["data"]["id"] = self.id();
                "create_record"
            }
            1 => {
                input["data"] = self.data.clone();
                input["id"] = self.id();
                "update_record"
            }
            _ => {
                input["id"] = self.id();
                "delete_record"
            }
        };
        call(tool, input, key)
    }

    fn undo(&self, output: &Value, key: u8) -> Call {
        let (tool, input) = match self.verb {
            0 => (
                "delete_record",
                json!({ "table": self.table, "id": output["id"] }),
            ),
            1 => (
                "update_record",
                json!({ "table": self.table, "id": output["id"], "before": output["before"] }),
            ),
            _ => (
                "create_record",
                json!({ "table": self.table, "before": output["before"] }),
            ),
        };
        Call {
            undoes: Some(digest(key)),
            key: digest(key + 100),
            input: Arc::new(input),
            ..call(tool, json!({}), 0)
        }
    }
}

fn tables() -> World {
    let columns = json!(["id", "t", "r", "i"]);
    let table = json!({ "key": "id", "columns": columns, "writable": ["t", "r", "i"], "insert": true, "delete": true });
    world(
        SQL,
        json!({ "rows": table, "words": table, "codes": table }),
    )
}

async fn check(writes: Vec<Write>) -> usize {
    let world = tables();
    let mut states = vec![world.dump()];
    let mut done = Vec::new();
    for (key, write) in (1_u8..).zip(&writes) {
        match world.databases.perform(&write.call(key)).await {
            Outcome::Succeeded { output } => {
                done.push((key, write, output));
                states.push(world.dump());
            }
            failed => assert_eq!(
                &world.dump(),
                states.last().unwrap(),
                "{failed:?} of {write:?} left something"
            ),
        }
    }
    let count = done.len();
    while let Some((key, write, output)) = done.pop() {
        states.pop();
        let undo = write.undo(&output, key);
        let undone = world.databases.perform(&undo).await;
        assert!(
            matches!(undone, Outcome::Succeeded { .. }),
            "{undone:?} of {write:?}"
        );
        assert_eq!(
            &world.dump(),
            states.last().unwrap(),
            "the undo of {write:?}"
        );
        assert_eq!(
            world.databases.perform(&undo).await,
            undone,
            "a repeat of the undo of {write:?}"
        );
        assert_eq!(
            &world.dump(),
            states.last().unwrap(),
            "a repeat of the undo of {write:?}"
        );
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_newest_first_restores_every_state_in_between(writes in prop::collection::vec(write(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check(writes));
    }
}

#[tokio::test]
async fn the_generator_makes_writes_that_succeed() {
    let all = (0..3).flat_map(|verb| TABLES.map(|table| (verb, table)));
    let writes = all.map(|(verb, table)| {
        let id = if verb == 0 { 4 } else { verb };
        Write {
            table,
            verb,
            id,
            data: json!({ "t": format!("new {id}"), "r": 3.5 }),
        }
    });
    assert_eq!(check(writes.collect()).await, 9);
}
