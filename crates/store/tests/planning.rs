//! Planning: before Postgres has gathered its first statistics it takes a tenant for a handful of rows, and would read
//! whole tables for it. No statement of a goal's life lets it.

use std::time::Duration;

use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use futures_util::stream::{self, StreamExt as _};
use saga::input::{Person, Wish};
use store::{Answer, ApprovalFilter, GoalFilter, Page, RequestKey, Store};

use crate::load::soon;
use crate::place::Place;
use crate::world::{Driven, asking, goal_id, subject, tenant};

/// Goals that are there; rows of every table that grows with them.
const GOALS: usize = 3_000;
/// Goals that are accepted at a time.
const AT_ONCE: usize = 64;
/// How often each statement is run: past the fifth time a plan is kept.
const TIMES: usize = 12;

/// Tables that grow with goals.
const GROWING: [&str; 6] = [
    "goals",
    "journal",
    "payloads",
    "approvals",
    "idempotency",
    "audit",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_whole_before_the_first_statistics() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    for table in GROWING {
        place
            .sql(&format!(
                "ALTER TABLE omnihub.{table} SET (autovacuum_enabled = false)"
            ))
            .await;
    }
    let old = (0..GOALS).map(|number| format!("old-{number}"));
    let mut accepted = stream::iter(old)
        .map(async |trace| drop(accept(&store, &trace).await))
        .buffer_unordered(AT_ONCE);
    while accepted.next().await.is_some() {}
    drop(accepted);
    drop(store);
    until_alone(&place).await;
    place.sql("SELECT pg_stat_reset()").await;

    let store = place.open().await;
    for time in 0..TIMES {
        live(&store, &format!("new-{time}")).await;
    }
    drop(store);
    until_alone(&place).await;

    let read = place
        .sql("SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'omnihub'")
        .await;
    for row in read {
        let (table, rows) = row.split_once('|').unwrap();
        // A look or two at all of it as the store is opened are nobody's plan.
        let most = GOALS * TIMES / 2;
        let is_read = GROWING.contains(&table) && rows.parse::<usize>().unwrap() >= most;
        assert!(!is_read, "{rows} rows of {table} were read");
    }
}

/// All that comes to pass with a goal, and what people look at meanwhile.
async fn live(store: &Store, trace: &str) {
    let (of, name) = (tenant("acme"), goal_id(trace));
    let mut goal = accept(store, trace).await;
    let post = async |person: Person| {
        let posted = store.post(&of, &name, person, |_| Ok::<_, ()>(()));
        posted.await.unwrap().id
    };
    store.standing(&of, &name).await.unwrap().unwrap();
    drop(store.watch(&of, &name).await.unwrap());
    let grant = goal.grant();
    let granted = post(grant.clone()).await;
    assert_eq!(store.inbox(&of, &name).await.unwrap().len(), 1);
    goal.hear(granted, grant);
    store.append(goal.append()).await.unwrap();
    goal.start();
    store.append(goal.append()).await.unwrap();
    store.load(&of, &name).await.unwrap().unwrap();
    for after in [0, 2, u64::MAX >> 1] {
        store.events(&of, &name, after, 10).await.unwrap().unwrap();
    }
    let resume = Person {
        by: subject("boss"),
        wish: Wish::PauseGoal,
    };
    let wished = post(resume).await;
    store.forget_wishes(&of, &name, wished).await.unwrap();
    goal.succeed();
    store.append(goal.append()).await.unwrap();
    assert!(goal.saga.status().is_end());
    let page = Page::default();
    store.goals(&of, GoalFilter::default(), page).await.unwrap();
    for status in [None, Some(ApprovalStatus::Pending)] {
        let filter = ApprovalFilter {
            status,
            ..ApprovalFilter::default()
        };
        store.approvals(&of, filter, page).await.unwrap();
    }
    let (approval, _) = goal.asked.clone().unwrap();
    store.approval(&of, &approval).await.unwrap().unwrap();
    store.checkpoint_due().await.unwrap();
}

/// A goal that asks, whose request had a key.
async fn accept(store: &Store, trace: &str) -> Driven {
    let mut goal = Driven::new(store, &tenant("acme"), trace);
    goal.accept(store, &asking());
    let key = RequestKey {
        principal: subject("ana"),
        route: "goals".to_owned(),
        key: trace.to_owned(),
    };
    let body = Digest::from_bytes([1; 32]);
    let answer = Answer {
        body,
        answer: Vec::new(),
    };
    let mut append = goal.append();
    append.created.as_mut().unwrap().idempotency = Some((key, answer));
    store.append(append).await.unwrap();
    goal
}

/// Waits until nobody else is connected: whoever leaves says what it has read.
async fn until_alone(place: &Place) {
    let others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let alone = async {
        while !place.sql(others).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("all are gone", alone).await;
}
