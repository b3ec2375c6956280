//! Leading: who drives, who knows what others have in flight, and how whoever drives is told of what others queue.

use std::path::Path;
use std::time::Duration;

use domain::id::GoalId;
use saga::input::{Person, Wish};
use store::{PostgresConfig, Queued, Store};

use crate::load::soon;
use crate::place::Place;
use crate::sharing::new_goal;
use crate::world::{Driven, goal_id, subject, tenant};

/// Longer than any of these tests.
const HOUR: Duration = Duration::from_secs(3_600);

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Whether another process may be at what a goal has in flight, as a store sees it.
async fn is_elsewhere(store: &Store, trace: &str) -> bool {
    let loaded = store.load(&tenant("acme"), &goal_id(trace)).await;
    loaded.unwrap().unwrap().elsewhere
}

/// Begins what a new goal has to do.
async fn begin(store: &Store, trace: &str) {
    let mut goal = new_goal(store, "acme", trace);
    goal.start();
    let mut append = goal.append();
    append.starts = true;
    store.append(append).await.unwrap();
}

#[tokio::test]
async fn a_copied_data_directory_is_not_the_holder_that_it_was_copied_of() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(place.open().await);
    let dir = tempfile::tempdir().unwrap();
    let copied = dir.path().join("copied");
    copy(place.dir(), &copied);
    let one = place.open().await;
    let two = Store::connect(PostgresConfig::new(&copied, place.url()));
    let two = two.await.unwrap();

    let first = one.lead(HOUR).await.unwrap().unwrap();
    assert_eq!(two.lead(HOUR).await.unwrap(), None);
    assert_eq!(one.lead(HOUR).await.unwrap(), Some(first));
    begin(&one, "one").await;
    begin(&two, "two").await;
    for (store, trace, elsewhere) in [
        (&one, "one", false),
        (&one, "two", true),
        (&two, "one", true),
        (&two, "two", false),
    ] {
        assert_eq!(is_elsewhere(store, trace).await, elsewhere, "{trace}");
    }

    // Whoever comes back to its own directory goes on at once, with what it had in flight.
    drop(one);
    let one = place.open().await;
    assert_eq!(one.lead(HOUR).await.unwrap(), Some(first));
    assert!(!is_elsewhere(&one, "one").await);
    one.step_down().await.unwrap();
    let next = two.lead(HOUR).await.unwrap().unwrap();
    assert_eq!(next.epoch, first.epoch + 1);
    assert_eq!(one.lead(HOUR).await.unwrap(), None);
}

#[tokio::test]
async fn a_second_process_on_one_directory_is_a_holder_of_its_own() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (one, two) = (place.open().await, place.open().await);
    assert!(one.lead(HOUR).await.unwrap().is_some());
    assert_eq!(two.lead(HOUR).await.unwrap(), None);
    begin(&one, "one").await;
    assert!(is_elsewhere(&two, "one").await);
}

#[tokio::test]
async fn who_began_what_is_in_flight_is_who_began_something_last() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let one = place.open().await;
    let other = place.beside();
    let two = other.open().await;
    begin(&one, "one").await;
    // What came of it may be written by anybody, and says nothing of who is at what.
    let mut goal = Driven::load(&two, &tenant("acme"), "one").await;
    goal.succeed();
    two.append(goal.append()).await.unwrap();
    assert_eq!(
        [
            is_elsewhere(&one, "one").await,
            is_elsewhere(&two, "one").await
        ],
        [false, true]
    );
    goal.start();
    let mut append = goal.append();
    append.starts = true;
    two.append(append).await.unwrap();
    assert_eq!(
        [
            is_elsewhere(&one, "one").await,
            is_elsewhere(&two, "one").await
        ],
        [true, false]
    );
}

/// The goals of rows, and whether each was accepted before.
fn said(rows: &[Queued]) -> Vec<(GoalId, bool)> {
    let said = rows.iter().map(|row| (row.goal.clone(), row.accepted));
    said.collect()
}

async fn pause(store: &Store, trace: &str) {
    let person = Person {
        by: subject("boss"),
        wish: Wish::PauseGoal,
    };
    let (of, goal) = (tenant("acme"), goal_id(trace));
    let posted = store.post(&of, &goal, person, |_| Ok::<(), ()>(()));
    posted.await.unwrap();
}

#[tokio::test]
async fn what_is_queued_is_given_to_one_at_a_time_until_somebody_was_told() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let one = place.open().await;
    let other = place.beside();
    let two = other.open().await;
    one.set_driving(false);
    for trace in ["a", "b", "c"] {
        let goal = new_goal(&one, "acme", trace).append();
        one.append(goal).await.unwrap();
    }
    pause(&one, "a").await;
    let of = |trace: &str, accepted| (goal_id(trace), accepted);

    let first = two.take_queued(2, HOUR).await.unwrap();
    assert_eq!(said(&first), [of("a", false), of("b", false)]);
    // The others are for somebody else, and those only once their time has passed.
    let rest = one.take_queued(9, Duration::ZERO).await.unwrap();
    assert_eq!(said(&rest), [of("c", false), of("a", true)]);
    assert_eq!(said(&two.take_queued(9, HOUR).await.unwrap()), said(&rest));
    assert_eq!(said(&one.take_queued(9, HOUR).await.unwrap()), []);

    let told: Vec<_> = first.iter().chain(&rest).map(|row| row.id).collect();
    one.told(&told[..3]).await.unwrap();
    let left = "SELECT id FROM omnihub.queue";
    assert_eq!(place.sql(left).await, [told[3].to_string()]);
    two.told(&told).await.unwrap();
    assert_eq!(place.sql(left).await, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_waits_for_rows_of_the_queue_that_somebody_is_taking() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    store.set_driving(false);
    for trace in ["a", "b"] {
        let goal = new_goal(&store, "acme", trace).append();
        store.append(goal).await.unwrap();
    }
    let taking = crate::place::client(place.url()).await;
    let take = "BEGIN; SELECT id FROM omnihub.queue ORDER BY id LIMIT 1 FOR UPDATE";
    taking.batch_execute(take).await.unwrap();
    let taken = soon("the others", store.take_queued(9, HOUR)).await;
    assert_eq!(said(&taken.unwrap()), [(goal_id("b"), false)]);
}

#[tokio::test]
async fn what_a_process_queues_is_its_own_for_a_while_and_then_anybodys() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let one = place.open().await;
    let other = place.beside();
    let two = other.open().await;
    let of = |trace: &str, accepted| (goal_id(trace), accepted);
    one.set_dispatched(HOUR, true);
    for trace in ["a", "b", "c"] {
        let goal = new_goal(&one, "acme", trace).append();
        one.append(goal).await.unwrap();
    }
    pause(&one, "a").await;
    // What it drives itself is not to be told.
    let mut going = Driven::load(&one, &tenant("acme"), "b").await;
    going.start();
    one.append(going.append()).await.unwrap();

    assert_eq!(said(&two.take_queued(9, HOUR).await.unwrap()), []);
    assert_eq!(said(&one.take_fresh(2)), [of("a", false), of("b", false)]);
    let rest = one.take_fresh(9);
    assert_eq!(said(&rest), [of("c", false), of("a", true)]);
    assert_eq!(said(&one.take_fresh(9)), []);
    one.told(&rest.iter().map(|row| row.id).collect::<Vec<_>>())
        .await
        .unwrap();

    // Of one that is gone they are anybody's, once their time has passed.
    place
        .sql("UPDATE omnihub.queue SET taken_until = now()")
        .await;
    let left = two.take_queued(9, HOUR).await.unwrap();
    assert_eq!(said(&left), [of("a", false), of("b", false)]);

    // What nobody else is kept from is nobody's own.
    two.set_dispatched(Duration::ZERO, true);
    let goal = new_goal(&two, "acme", "d").append();
    two.append(goal).await.unwrap();
    assert_eq!(said(&two.take_fresh(9)), []);
    assert_eq!(
        said(&one.take_queued(9, HOUR).await.unwrap()),
        [of("d", false)]
    );
}
