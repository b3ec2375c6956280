//! Restoring: what came to Postgres by a move or from a backup is backed up and restored like any other store.

use std::path::Path;

use domain::goal::GoalStatus;
use store::{Location, PostgresConfig, Store, StoreConfig, VerifyOptions, move_to_postgres};

use crate::moving::{entries, fill, seen_of_goals};
use crate::place::Place;
use crate::world::{Driven, goal_id, subject, tenant};

/// Backs up a store, and restores it to a data directory and to a database; each time it is what it was, and on hold.
async fn goes_anywhere(of: &Location, dir: &Path) {
    let store = of.clone().open().await.unwrap();
    let (before, evidence) = (seen_of_goals(&store).await, entries(&store, "acme").await);
    let epoch = store.epoch();
    drop(store);
    let backup = dir.join("backup");
    assert_eq!(of.back_up(&backup).await.unwrap().epoch, epoch);
    let database = Place::postgres().unwrap();
    let on_postgres = PostgresConfig::new(dir.join("postgres"), database.url());
    for to in [
        Location::Directory(StoreConfig::new(dir.join("sqlite"))),
        Location::Database(on_postgres),
    ] {
        let restored = to.restore(&backup, &subject("olaf")).await.unwrap();

        assert!(restored.epoch > epoch, "{to}: {}", restored.epoch);
        assert_eq!(to.check_full().await.unwrap(), []);
        for chain in to.verify(&VerifyOptions::default()).await.unwrap() {
            chain.result.unwrap();
        }
        let store = to.clone().open().await.unwrap();
        assert_eq!(store.epoch(), restored.epoch);
        assert_eq!(seen_of_goals(&store).await, before);
        assert_eq!(entries(&store, "acme").await[..evidence.len()], evidence);
        let gate = store.gate();
        let held = gate.holding(&tenant("acme"), &goal_id("asked")).unwrap();
        assert!(held.starts_with("restored from the backup of "), "{held}");
        ends_the_open_goal(&store).await;
        drop(store);
        assert_eq!(to.check_full().await.unwrap(), []);
    }
}

/// The wish that waits for the goal is read, whatever was moved in between.
async fn ends_the_open_goal(store: &Store) {
    let acme = tenant("acme");
    let mut goal = Driven::load(store, &acme, "asked").await;
    for (id, person) in store.inbox(&acme, &goal.goal).await.unwrap() {
        goal.hear(id, person);
    }
    store.append(goal.append()).await.unwrap();
    assert_eq!(goal.saga.status(), GoalStatus::Cancelled);
}

#[tokio::test]
async fn a_store_that_was_moved_is_backed_up_and_restored() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let from = StoreConfig::new(place.dir());
    fill(&Store::open(from.clone()).unwrap()).await;
    let config = place.config().unwrap();
    move_to_postgres(from, &config, &subject("ops"))
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    goes_anywhere(&Location::Database(config.clone()), &dir.path().join("now")).await;

    // As earlier releases left it, whose last word was that of the source.
    let mine = "DELETE FROM omnihub.epochs WHERE cause LIKE 'moved in%'";
    place.sql(mine).await;
    goes_anywhere(&Location::Database(config), &dir.path().join("earlier")).await;
}

#[tokio::test]
async fn a_store_that_was_restored_to_postgres_is_backed_up_and_restored() {
    let Some(database) = Place::postgres() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fill(&Store::open(StoreConfig::new(path("first"))).unwrap()).await;
    store::back_up(&path("first"), &path("backup")).unwrap();
    let restored = PostgresConfig::new(path("restored"), database.url());
    let restored = Location::Database(restored);
    let by = subject("olaf");
    restored.restore(&path("backup"), &by).await.unwrap();

    goes_anywhere(&restored, &path("again")).await;
}
