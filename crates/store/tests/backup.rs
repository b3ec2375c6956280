//! Backups are taken from a store at work, and a store made from one waits for a person.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex};

use audit::Action;
use store::{
    Chain, Error, Location, Manifest, Page, PostgresConfig, Store, StoreConfig, VerifyOptions,
    back_up, restore,
};
use tokio::task::JoinHandle;

use crate::child;
use crate::crash::check;
use crate::load::soon;
use crate::moving::{entries, fill, seen_of_goals};
use crate::place::Place;
use crate::world::{Driven, chain_of, goal_id, subject, tenant};

/// Tenants in a backup that is not to read anything so many times.
const TENANTS: u64 = 20;
/// Lines that the working child says between two backups.
const BETWEEN: usize = 12;

#[test]
fn a_backup_of_a_store_at_work_holds_all_that_was_answered_before() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut working = child::command("work", &data).spawn().unwrap();
    let said = BufReader::new(working.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    let mut backups = Vec::new();
    for line in said.map(Result::unwrap) {
        lines.push(line);
        if lines.len() % BETWEEN == 0 {
            let target = dir.path().join(format!("backup-{}", lines.len()));
            backups.push((back_up(&data, &target).unwrap(), target, lines.clone()));
        }
    }
    assert!(working.wait().unwrap().success());
    assert!(backups.len() > 5, "{}", backups.len());

    for (manifest, target, answered) in backups {
        let restored = dir.path().join(format!("restored-{}", answered.len()));
        let of = restore(&target, &restored, &subject("olaf")).unwrap();
        assert_eq!(of.manifest, manifest);
        assert_eq!(check(&restored, &answered), Ok(()));
    }
}

/// A closed store of two tenants, each with a goal under way.
fn two_tenants(dir: &Path) {
    let store = Store::open(StoreConfig::new(dir)).unwrap();
    in_runtime(async {
        for name in ["acme", "other"] {
            let mut goal = Driven::new(&store, &tenant(name), "one");
            goal.accept(&store, &chain_of(2));
            goal.start();
            store.append(goal.append()).await.unwrap();
            let chain = Chain::Tenant(tenant(name));
            store.checkpoint(&chain).await.unwrap();
        }
    });
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_restored_store_is_held_under_a_new_epoch_and_its_evidence_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    two_tenants(&path("epoch-1"));
    for epoch in 2..4 {
        let (from, backup) = (
            path(&format!("epoch-{}", epoch - 1)),
            path(&format!("backup-{epoch}")),
        );
        let manifest = back_up(&from, &backup).unwrap();
        assert_eq!(
            (manifest.epoch, manifest.goals, manifest.open_goals),
            (epoch - 1, 2, 2)
        );
        let into = path(&format!("epoch-{epoch}"));

        let restored = restore(&backup, &into, &subject("olaf")).unwrap();

        assert_eq!((restored.epoch, restored.tenants), (epoch, 2));
        let store = Store::open(StoreConfig::new(&into)).unwrap();
        assert_eq!(store.epoch(), epoch);
        for name in ["acme", "other"] {
            let gate = store.gate();
            let held = gate.holding(&tenant(name), &goal_id("one")).unwrap();
            assert_eq!(
                held,
                format!("restored from the backup of {}", manifest.taken_at)
            );
            let filter = store::EntryFilter {
                action: Some(Action::STORE_RESTORED.as_str().to_owned()),
                ..Default::default()
            };
            let entries =
                in_runtime(store.entries(&tenant(name), filter, Page::default())).unwrap();
            assert_eq!(entries.items.len() as u64, epoch - 1);
            assert!(
                entries.items[0].contains(&format!("\"epoch\":{epoch}")),
                "{}",
                entries.items[0]
            );
        }
        drop(store);
        for chain in store::verify(&into, &VerifyOptions::default()).unwrap() {
            chain.result.unwrap();
        }
    }
}

#[tokio::test]
async fn a_backup_of_postgres_is_restored_wherever_one_wants() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    fill(&store).await;
    let (before, evidence) = (seen_of_goals(&store).await, entries(&store, "acme").await);
    let dir = tempfile::tempdir().unwrap();
    let backup = dir.path().join("backup");
    let of = Location::Database(place.config().unwrap());

    let manifest = of.back_up(&backup).await.unwrap();

    assert_eq!((manifest.goals, manifest.open_goals), (3, 2));
    let mut after = Driven::new(&store, &tenant("acme"), "after");
    after.accept(&store, &chain_of(1));
    store.append(after.append()).await.unwrap();
    let other = Place::postgres().unwrap();
    let config = |name: &str| dir.path().join(name);
    let on_postgres = PostgresConfig::new(config("postgres"), other.url());
    for (location, epoch) in [
        (Location::Directory(StoreConfig::new(config("sqlite"))), 2),
        (Location::Database(on_postgres), 4),
    ] {
        let restored = location.restore(&backup, &subject("olaf")).await.unwrap();
        assert_eq!((restored.epoch, restored.tenants), (epoch, 2));
        assert_eq!(location.check_full().await.unwrap(), []);
        for chain in location.verify(&VerifyOptions::default()).await.unwrap() {
            chain.result.unwrap();
        }
        let again = location.restore(&backup, &subject("olaf")).await;
        let again = again.unwrap_err();
        assert!(
            matches!(again, Error::Exists { .. } | Error::NotEmpty),
            "{again}"
        );

        let restored = location.open().await.unwrap();
        assert_eq!(restored.epoch(), epoch);
        assert_eq!(seen_of_goals(&restored).await, before);
        let now = entries(&restored, "acme").await;
        assert_eq!(now[..evidence.len()], evidence);
        let gate = restored.gate();
        let held = gate.holding(&tenant("acme"), &goal_id("asked")).unwrap();
        assert!(held.starts_with("restored from the backup of "), "{held}");
        let mut controls = gate.all_active().iter();
        assert!(controls.any(|control| control.reason == "an audit"));
    }
}

/// What a store at work has answered so far.
type Answers = Arc<Mutex<Vec<String>>>;

/// Lets a store work for ever.
fn work(store: Store) -> (JoinHandle<()>, Answers) {
    let answers = Answers::default();
    let said = Arc::clone(&answers);
    let say = move |line: &str| said.lock().unwrap().push(line.to_owned());
    let work = async move {
        for number in 0.. {
            child::do_all(&store, &format!("g{number}"), &say).await;
        }
    };
    (tokio::spawn(work), answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgres_at_work_holds_all_that_was_answered_before() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (work, answers) = work(place.open().await);
    let of = Location::Database(place.config().unwrap());
    let mut backups = Vec::new();
    for round in 1..5 {
        soon("work", async {
            while answers.lock().unwrap().len() < round * BETWEEN {
                assert!(!work.is_finished(), "the store works no more");
                tokio::task::yield_now().await;
            }
        })
        .await;
        let answered = answers.lock().unwrap().clone();
        let backup = dir.path().join(format!("backup-{round}"));
        // Read whole once it is written: every goal follows from its journal, every chain ends where its entries do.
        of.back_up(&backup).await.unwrap();
        backups.push((backup, answered));
    }
    assert!(!work.is_finished(), "the store works no more");
    work.abort();
    let restore = move || {
        for (backup, answered) in backups {
            let into = dir.path().join(format!("restored-{}", answered.len()));
            restore(&backup, &into, &subject("olaf")).unwrap();
            assert_eq!(check(&into, &answered), Ok(()));
        }
    };
    tokio::task::spawn_blocking(restore).await.unwrap();
}

#[tokio::test]
async fn no_row_of_postgres_is_read_once_for_every_tenant() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    for number in 0..TENANTS {
        let mut goal = Driven::new(&store, &tenant(&format!("t{number}")), "one");
        goal.accept(&store, &chain_of(1));
        store.append(goal.append()).await.unwrap();
    }
    drop(store);
    let keys = "INSERT INTO omnihub.idempotency
        SELECT tenant, 'ana', 'goals', 'k' || key, sha256(''), '', last_goal
        FROM omnihub.tenants, generate_series(1, 500) AS key WHERE last_goal > number << 40";
    place.sql(&format!("{keys}; ANALYZE")).await;
    let read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'idempotency'";
    let before: u64 = told(&place, read).await;
    let dir = tempfile::tempdir().unwrap();
    let of = Location::Database(place.config().unwrap());

    of.back_up(&dir.path().join("backup")).await.unwrap();

    let rows = 500 * TENANTS;
    let read = told(&place, read).await - before;
    assert!(read <= 2 * rows, "{read} rows were read of {rows}");
    let backup = rusqlite::Connection::open(dir.path().join("backup/omnihub.db")).unwrap();
    let copied = "SELECT count(DISTINCT tenant || name) FROM idempotency";
    let copied: i64 = backup.query_row(copied, [], |row| row.get(0)).unwrap();
    assert_eq!(u64::try_from(copied), Ok(rows));
}

/// A figure of the server's, once all connections of stores have said theirs.
async fn told(place: &Place, sql: &str) -> u64 {
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'omnihub'";
    soon("the end of the connections", async {
        while place.sql(others).await != ["0"] {}
    })
    .await;
    place.sql(sql).await[0].parse().unwrap()
}

#[tokio::test]
async fn what_is_damaged_in_postgres_is_named_and_not_backed_up() {
    for (damage, named) in [
        (
            "DELETE FROM omnihub.journal WHERE first_sequence > 1",
            "journal",
        ),
        ("DELETE FROM omnihub.journal", "its journal is missing"),
        (
            "UPDATE omnihub.audit SET at = at + 1 WHERE previous IS NULL",
            "audit",
        ),
        // Its lanes decide what people are asked.
        (
            "UPDATE omnihub.toolsets SET body = body || ' '::bytea",
            "toolsets",
        ),
        (
            "DELETE FROM omnihub.tenants WHERE tenant = 'acme'",
            "a tenant that the store does not have",
        ),
        (
            "WITH newest AS (SELECT max(id) AS id FROM omnihub.goals WHERE tenant = 'acme'),
                gone AS (DELETE FROM omnihub.journal USING newest WHERE goal = newest.id)
            DELETE FROM omnihub.goals USING newest WHERE goals.id = newest.id",
            "does not end where its goals do",
        ),
        (
            "DELETE FROM omnihub.checkpoints",
            "its newest checkpoint is missing",
        ),
    ] {
        let Some(place) = Place::postgres() else {
            return;
        };
        fill(&place.open().await).await;
        place.sql(damage).await;
        let dir = tempfile::tempdir().unwrap();
        let of = Location::Database(place.config().unwrap());
        let refused = of.back_up(&dir.path().join("backup")).await.unwrap_err();
        assert!(refused.to_string().contains(named), "{refused}");
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}

/// What a refusal says, and the change that it is for.
type Case = (&'static str, fn(&Path));

#[test]
fn a_backup_that_is_not_what_was_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    two_tenants(&dir.path().join("data"));
    let cases: [Case; 5] = [
        ("omnihub.db is not what was written", |backup| {
            let mut bytes = std::fs::read(backup.join("omnihub.db")).unwrap();
            bytes[5_000] ^= 1;
            std::fs::write(backup.join("omnihub.db"), bytes).unwrap();
        }),
        ("keys/audit.key is missing", |backup| {
            std::fs::remove_file(backup.join("keys/audit.key")).unwrap();
        }),
        ("checkpoints/extra was added", |backup| {
            std::fs::write(backup.join("checkpoints/extra"), "").unwrap();
        }),
        ("it has form 9; this program knows form 1", |backup| {
            edit(backup, "\"format\": 1", "\"format\": 9");
        }),
        (
            "manifest.json cannot be read: unknown field `more`",
            |backup| {
                edit(backup, "\"format\": 1", "\"more\": 1");
            },
        ),
    ];
    for (expected, change) in cases {
        let backup = dir.path().join("backup");
        let _: Manifest = back_up(&dir.path().join("data"), &backup).unwrap();
        change(&backup);

        let refused = restore(&backup, &dir.path().join("new"), &subject("olaf")).unwrap_err();

        assert!(matches!(refused, Error::Backup { .. }), "{refused:?}");
        assert!(refused.to_string().contains(expected), "{refused}");
        std::fs::remove_dir_all(&backup).unwrap();
        assert_eq!(names(dir.path()), ["data"]);
    }
}

fn edit(backup: &Path, from: &str, to: &str) {
    let manifest = backup.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains(from));
    std::fs::write(manifest, text.replace(from, to)).unwrap();
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    two_tenants(&path("data"));
    std::fs::write(path("file"), "mine").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    back_up(&path("data"), &path("empty")).unwrap();
    for taken in ["data", "file", "empty"] {
        for refused in [
            back_up(&path("data"), &path(taken)).unwrap_err(),
            restore(&path("empty"), &path(taken), &subject("olaf")).unwrap_err(),
        ] {
            assert!(
                matches!(refused, Error::Exists { .. }),
                "{taken}: {refused:?}"
            );
        }
    }
    let none = back_up(&path("none"), &path("copy")).unwrap_err();
    assert!(none.to_string().starts_with("cannot read"), "{none}");
    assert_eq!(names(dir.path()), ["data", "empty", "file"]);
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
