//! Limits: open goals, free space, and what a step may cost.

use store::{AppendError, Store, StoreConfig};

use crate::child;
use crate::place::{Place, on_either_store};
use crate::world::{Driven, chain_of, tenant};

on_either_store!(past_the_limit_of_open_goals_a_goal_has_to_end_first,);

async fn past_the_limit_of_open_goals_a_goal_has_to_end_first(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let accept = |store: &Store, trace: &str| {
        let mut goal = Driven::new(store, &acme, trace);
        goal.accept(store, &chain_of(1));
        goal
    };
    let limited = |goal: &mut Driven| {
        let mut append = goal.append();
        append.created.as_mut().unwrap().open_goals_max = 2;
        append
    };
    let mut first = accept(&store, "one");
    store.append(limited(&mut first)).await.unwrap();
    store
        .append(limited(&mut accept(&store, "two")))
        .await
        .unwrap();
    let is_refused = async |store: &Store| {
        let third = limited(&mut accept(store, "three"));
        let refused = store.append(third).await.unwrap_err();
        assert!(
            matches!(refused, AppendError::TooManyOpen(2)),
            "{refused:?}"
        );
    };
    is_refused(&store).await;
    // The count is the same when it is read again.
    drop(store);
    let store = place.open().await;
    is_refused(&store).await;
    first.start();
    first.succeed();
    store.append(first.append()).await.unwrap();
    store
        .append(limited(&mut accept(&store, "three")))
        .await
        .unwrap();
}

#[tokio::test]
async fn without_the_reserve_of_space_nothing_begins_but_outcomes_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let acme = tenant("acme");
    let mut goal = {
        let store = Store::open(StoreConfig::new(dir.path())).unwrap();
        let mut goal = Driven::new(&store, &acme, "one");
        goal.accept(&store, &chain_of(2));
        goal.start();
        store.append(goal.append()).await.unwrap();
        goal
    };
    let config = StoreConfig {
        reserve_mb: u64::MAX,
        ..StoreConfig::new(dir.path())
    };
    let store = Store::open(config).unwrap();
    goal.succeed();
    store.append(goal.append()).await.unwrap();
    goal.start();
    let mut admitting = goal.append();
    admitting.admits = true;
    let refused = store.append(admitting).await.unwrap_err();
    assert!(matches!(refused, AppendError::NoSpace), "{refused:?}");
}

#[test]
fn a_step_writes_as_much_in_a_long_goal_as_in_a_short_one() {
    let bytes_per_step = |steps: usize| {
        let dir = tempfile::tempdir().unwrap();
        let lines = child::run("long", dir.path(), &[("STORE_STEPS", &steps.to_string())]).lines;
        let bytes: f64 = lines
            .iter()
            .find_map(|line| line.strip_prefix("BYTES "))
            .unwrap()
            .parse()
            .unwrap();
        bytes / steps as f64
    };
    let (short, long) = (bytes_per_step(10), bytes_per_step(1_000));
    assert!(
        long < short * 1.1,
        "{short:.0} bytes a step in a goal of 10, {long:.0} in one of 1,000"
    );
}
