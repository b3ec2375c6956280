//! Upgrading: what an earlier release left in a database is taken on as it is, and goes on.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::goal::GoalStatus;
use domain::id::GoalId;
use jiff::Timestamp;
use store::Page;

use crate::place::Place;
use crate::world::{Driven, goal_id, tenant};

/// The schema of version 1, and what a database held that had no more.
const FIRST: &str = include_str!("../src/postgres/schema/0001_first.sql");
const HELD: &str = include_str!("golden/postgres-1.sql");
/// What comes before the first migration.
const BEGUN: &str = "CREATE SCHEMA omnihub;
    CREATE TABLE omnihub.migrations (version bigint PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL,
        applied_at bigint NOT NULL)";

/// A place whose database is as a release left it that knew version 1 only.
async fn of_version_1() -> Option<Place> {
    let place = Place::postgres()?;
    // The roles are the server's: whoever founds a store there makes them.
    drop(Place::postgres()?.open().await);
    place.sql(BEGUN).await;
    place.sql(FIRST).await;
    // What the migration wrote itself is in what was held, too.
    place.sql("TRUNCATE omnihub.gate, omnihub.leader").await;
    place.sql(HELD).await;
    let keys = place.dir().join("keys");
    std::fs::create_dir(&keys).unwrap();
    for name in ["installation.key", "audit.key"] {
        let mut lines = HELD.lines();
        let key = lines.find_map(|line| line.strip_prefix(&format!("-- {name} ")));
        let bytes = key.unwrap().as_bytes().chunks(2);
        let byte = |digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        let path = keys.join(name);
        std::fs::write(&path, bytes.map(byte).collect::<Vec<_>>()).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    Some(place)
}

#[tokio::test]
async fn a_database_of_version_1_is_upgraded_and_goes_on() {
    let Some(place) = of_version_1().await else {
        return;
    };
    let store = place.open().await;
    assert_eq!(place.damages().await, []);
    let (acme, page) = (tenant("acme"), Page::default());
    let goals = store.goals(&acme, Default::default(), page).await.unwrap();
    let goals: Vec<_> = goals.items.iter().map(|goal| goal.goal.as_str()).collect();
    assert_eq!(goals, ["goal-open", "goal-asked", "goal-ended"]);
    // What was queued before rows said more is told in the way that fits both.
    let minute = Duration::from_secs(60);
    let queued = store.take_queued(10, minute).await.unwrap();
    let of = |goal: &GoalId| (goal.clone(), true);
    assert_eq!(
        queued
            .iter()
            .map(|row| (row.goal.clone(), row.accepted))
            .collect::<Vec<_>>(),
        [of(&goal_id("open"))]
    );
    assert!(store.lead(minute).await.unwrap().is_some());

    let loaded = store.load(&acme, &goal_id("open")).await.unwrap().unwrap();
    assert!(!loaded.elsewhere, "nobody said who began it");
    let age = loaded.created_at.duration_since(Timestamp::now());
    let mut open = Driven::loaded(&store, &acme, "open", loaded);
    open.ahead = age;
    while !open.saga.status().is_end() {
        open.succeed();
        open.start();
        let mut append = open.append();
        append.starts = true;
        store.append(append).await.unwrap();
    }
    assert_eq!(open.saga.status(), GoalStatus::Completed);
    drop(store);
    assert_eq!(place.damages().await, []);
    let versions = "SELECT version, name FROM omnihub.migrations ORDER BY version";
    assert_eq!(place.sql(versions).await, ["1|first", "2|dispatch"]);
    let index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'idempotency_by_goal'";
    assert_eq!(
        place.sql(index).await,
        ["CREATE INDEX idempotency_by_goal ON omnihub.idempotency USING btree (goal)"]
    );
}
