//! Damage: a changed row of any table is named, stops the goal it belongs to and nothing else.

use rusqlite::Connection;
use store::{Damage, Error, Store, StoreConfig};
use tempfile::TempDir;

use crate::child;
use crate::world::{Driven, chain_of, goal_id, tenant};

/// A closed store in which every table has rows.
fn full() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert!(child::run("work", dir.path(), &[]).status.success());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = Store::open(StoreConfig::new(dir.path())).unwrap();
    runtime.block_on(async {
        let mut goal = Driven::new(&store, &tenant("acme"), "open");
        goal.accept(&store, &chain_of(2));
        store.append(goal.append()).await.unwrap();
        let pause = saga::input::Person {
            by: goal.owner.clone(),
            wish: saga::input::Wish::PauseGoal,
        };
        store
            .post(&goal.tenant, &goal.goal, pause, |_| Ok::<(), ()>(()))
            .await
            .unwrap();
    });
    drop(store);
    dir
}

fn connect(dir: &TempDir) -> Connection {
    Connection::open(dir.path().join("omnihub.db")).unwrap()
}

#[test]
fn a_changed_row_of_any_table_is_named() {
    let pristine = full();
    assert_eq!(
        store::check_full(pristine.path()).unwrap(),
        Vec::<Damage>::new()
    );
    let tables: Vec<String> = connect(&pristine)
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(tables.len(), 16);
    let original = std::fs::read(pristine.path().join("omnihub.db")).unwrap();
    for table in tables {
        // Every column but the first, which names the row.
        let columns: Vec<(String, String, bool)> = connect(&pristine)
            .prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1) WHERE cid > 0")
            .unwrap()
            .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for (column, kind, required) in columns {
            std::fs::write(pristine.path().join("omnihub.db"), &original).unwrap();
            let changed = match kind.as_str() {
                "INTEGER" => format!("coalesce({column}, 0) + 1"),
                "TEXT" => format!("coalesce({column}, '') || 'x'"),
                _ if required => format!("CAST({column} || x'00' AS BLOB)"),
                _ => format!("CAST(coalesce({column}, x'00') || x'00' AS BLOB)"),
            };
            let first = format!("rowid = (SELECT rowid FROM {table} LIMIT 1)");
            let edit = format!(
                "PRAGMA ignore_check_constraints = 1; UPDATE {table} SET {column} = {changed} WHERE {first}"
            );
            connect(&pristine).execute_batch(&edit).unwrap();
            let damages = store::check_full(pristine.path());
            let named = match &damages {
                Ok(damages) => damages.iter().any(|damage| damage.table == table),
                Err(Error::Damaged(damage)) => damage.table == table,
                Err(_) => false,
            };
            assert!(named, "{table}.{column}: {damages:?}");
        }
    }
}

#[tokio::test]
async fn a_damaged_row_stops_its_goal_and_no_other() {
    for (table, row) in [
        (
            "journal",
            "SELECT first_journal FROM goals WHERE goal = 'goal-bad'",
        ),
        (
            "payloads",
            "SELECT first_journal FROM goals WHERE goal = 'goal-bad'",
        ),
        ("goals", "SELECT id FROM goals WHERE goal = 'goal-bad'"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let acme = tenant("acme");
        let store = Store::open(StoreConfig::new(dir.path())).unwrap();
        for trace in ["bad", "good"] {
            let mut goal = Driven::new(&store, &acme, trace);
            goal.accept(&store, &chain_of(1));
            store.append(goal.append()).await.unwrap();
        }
        let conn = connect(&dir);
        let row: i64 = conn.query_row(row, [], |row| row.get(0)).unwrap();
        let edit = match table {
            "journal" => {
                "UPDATE journal SET events = CAST(replace(CAST(events AS TEXT), 'ana', 'eve') AS BLOB)"
            }
            "payloads" => {
                "UPDATE payloads SET bodies = CAST(replace(CAST(bodies AS TEXT), '1042', '1043') AS BLOB)"
            }
            _ => "UPDATE goals SET owner = 'eve'",
        };
        let changed = conn
            .execute(&format!("{edit} WHERE rowid = ?1"), [row])
            .unwrap();
        assert_eq!(changed, 1);
        let names = ["good", "bad", "none", "good"].map(|name| (acme.clone(), goal_id(name)));
        let [good, bad, none, again] = store
            .load_many(names.to_vec())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        for damaged in [bad, store.load(&acme, &goal_id("bad")).await] {
            let Err(Error::Damaged(damage)) = damaged else {
                panic!("{damaged:?}")
            };
            assert_eq!(
                (damage.table.as_str(), damage.row),
                (table, row.to_string())
            );
        }
        assert_eq!(good.unwrap().unwrap().saga, again.unwrap().unwrap().saga);
        assert!(none.unwrap().is_none());
        let mut good = Driven::load(&store, &acme, "good").await;
        good.start();
        store.append(good.append()).await.unwrap();
    }
}

#[test]
fn a_start_looks_at_the_tail_and_at_open_goals() {
    for (edit, expected) in [
        (
            "UPDATE journal SET events = events || x'20' WHERE id = (SELECT max(id) FROM journal)",
            "journal",
        ),
        (
            "UPDATE goals SET owner = 'eve' WHERE finished_at IS NULL",
            "goals",
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE id = (SELECT max(id) FROM audit)",
            "audit",
        ),
        (
            "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)",
            "chains",
        ),
    ] {
        let dir = full();
        let edit = edit.replace("events || x'20'", "CAST(events || x'20' AS BLOB)");
        connect(&dir).execute_batch(&edit).unwrap();
        let refused = Store::open(StoreConfig::new(dir.path())).unwrap_err();
        let Error::Damaged(damage) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(damage.table, expected);
    }
}

/// What opening says, what verifying says of the chains that are not proved, and what a full check names first.
fn looked_at(dir: &TempDir) -> [String; 3] {
    let opened = Store::open(StoreConfig::new(dir.path()));
    let opened = opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned());
    let verified = match store::verify(dir.path(), &store::VerifyOptions::default()) {
        Ok(chains) => {
            let unproven = |chain: store::Verified| match chain.result {
                Ok(_) => None,
                Err(unproven) => Some(format!("{}: {unproven}", chain.chain)),
            };
            let unproven: Vec<_> = chains.into_iter().filter_map(unproven).collect();
            unproven.join("; ")
        }
        Err(error) => error.to_string(),
    };
    let damages = store::check_full(dir.path()).unwrap();
    let damage = damages.first().map(ToString::to_string);
    [opened, verified, damage.unwrap_or_default()]
}

#[test]
fn an_older_database_than_its_checkpoints_is_not_taken_for_the_newest() {
    let dir = full();
    let database = dir.path().join("omnihub.db");
    let older = std::fs::read(&database).unwrap();
    let store = Store::open(StoreConfig::new(dir.path())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let chain = store::Chain::Tenant(tenant("acme"));
        let draft = audit::Draft::new(audit::Action::AUTH_FAILED, "nobody", "token", "t");
        store.append_evidence(&chain, vec![draft]).await.unwrap();
        store.checkpoint(&chain).await.unwrap();
    });
    drop(store);
    assert_eq!(looked_at(&dir), ["opened", "", ""]);

    std::fs::write(&database, older).unwrap();

    let [opened, verified, damage] = looked_at(&dir);
    let named = "checkpoints/acme.checkpoint: ";
    assert!(
        opened.contains(named) && opened.contains("older than its checkpoints"),
        "{opened}"
    );
    assert!(verified.starts_with("acme: "), "{verified}");
    assert!(damage.starts_with(named), "{damage}");
}

#[test]
fn rows_that_were_removed_are_missed() {
    let cases = [
        (
            "DELETE FROM tenants WHERE name = 'acme'",
            ["", "is of a tenant that the store does not have", ""],
        ),
        (
            "DELETE FROM tenants WHERE name = 'acme'; DELETE FROM goals; DELETE FROM audit WHERE id >= 1 << 40;
             DELETE FROM chains WHERE tenant > 0; DELETE FROM checkpoints WHERE id >= 1 << 40",
            ["checkpoints/acme.checkpoint", "acme: checkpoints/acme.checkpoint", "the journal tells of 0"],
        ),
        (
            "DELETE FROM goals WHERE goal = 'goal-open'",
            ["opened", "", "is missing"],
        ),
        (
            "DELETE FROM approvals WHERE id = (SELECT max(id) FROM approvals)",
            ["opened", "", "is missing"],
        ),
        (
            "INSERT INTO approvals SELECT id + 1, tenant, approval || 'x', goal, step, item, digest, reason, requested_at,
             requested_held, expires_in_seconds, status, decided_by, decided_at, checksum FROM approvals
             ORDER BY id DESC LIMIT 1",
            ["opened", "", "its checksum is wrong"],
        ),
    ];
    for (edit, expected) in cases {
        let dir = full();
        connect(&dir).execute_batch(edit).unwrap();
        let found = looked_at(&dir);
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{edit}: {found}");
        }
    }
}

#[test]
fn damage_in_the_log_is_told_from_a_torn_end() {
    let frame = |number: usize| 32 + (number - 1) * (24 + 4_096);
    let crashed = || {
        let dir = tempfile::tempdir().unwrap();
        let done = child::run("work", dir.path(), &[("OMNIHUB_FAULT", "commit:20")]);
        assert!(!done.status.success());
        let log = dir.path().join("omnihub.db-wal");
        let bytes = std::fs::read(&log).unwrap();
        (dir, log, bytes)
    };
    let (dir, log, mut bytes) = crashed();
    let frames = (bytes.len() - 32) / (24 + 4_096);
    assert!(frames > 40, "only {frames} frames");
    bytes[frame(20) + 1_000] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let refused = Store::open(StoreConfig::new(dir.path()))
        .unwrap_err()
        .to_string();
    assert!(
        refused
            .ends_with("omnihub.db-wal frame 20: it is damaged, and whole commits lie behind it"),
        "{refused}"
    );
    // A last commit that never came to the disk whole is no damage: nobody was answered.
    for torn in [7, 1_000] {
        let (dir, log, mut bytes) = crashed();
        let frames = (bytes.len() - 32) / (24 + 4_096);
        bytes.truncate(frame(frames) + torn);
        bytes.resize(frame(frames + 1), 0);
        std::fs::write(&log, &bytes).unwrap();
        // A checkpoint's file is written once its commit is whole: of this one there is none.
        std::fs::remove_dir_all(dir.path().join("checkpoints")).unwrap();
        Store::open(StoreConfig::new(dir.path())).unwrap();
    }
}
