//! Outages: the server is killed, the network is cut, connections are ended, processes die; nothing answered is lost,
//! nothing is done twice, and a store goes on without being opened again.

use std::time::Duration;

use store::{AppendError, Chain, Error, Store};

use crate::load::{Load, holds, misnumbered, soon};
use crate::place::Place;
use crate::proxy::{How, Proxy};
use crate::world::{Driven, chain_of, goal_id, tenant};
use crate::{child, crash};

/// How long a store in these tests waits for an answer: long for a loaded machine, short for a test.
const SHORT: Duration = Duration::from_secs(2);

fn new_goal(store: &Store, of: &str, trace: &str) -> Driven {
    let mut goal = Driven::new(store, &tenant(of), trace);
    goal.accept(store, &chain_of(2));
    goal
}

/// Makes sure that everything that can be asked of a store is answered with what is the matter.
async fn is_unreachable(store: &Store) {
    let (acme, goal) = (tenant("t0"), goal_id("none"));
    let unreachable = |error: Error| assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    let append = new_goal(store, "t0", "none").append();
    match store.append(append).await.unwrap_err() {
        AppendError::Store(error) => unreachable(error),
        error => panic!("{error:?}"),
    }
    unreachable(store.load(&acme, &goal).await.unwrap_err());
    unreachable(store.open_goals(0, 1).await.unwrap_err());
    unreachable(store.events(&acme, &goal, 0, 1).await.unwrap_err());
    let chain = Chain::Tenant(acme);
    unreachable(store.checkpoint(&chain).await.unwrap_err());
    unreachable(store.checkpoint_due().await.unwrap_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_has_all_that_was_answered() {
    let Some(server) = servers::or_skip(servers::Postgres::start()) else {
        return;
    };
    let place = Place::on(&server);
    let store = place.open().await;
    let load = Load::start(&store, "g", 8);
    for _ in 0..2 {
        load.progress(60).await;
        tokio::task::block_in_place(|| server.kill()).unwrap();
        load.failed().await;
        soon("an answer", is_unreachable(&store)).await;
        tokio::task::block_in_place(|| server.start_again()).unwrap();
    }
    load.progress(60).await;
    holds(&place, &load.end().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_cut_delays_and_never_loses_or_doubles() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let server = servers::Postgres::shared().unwrap();
    let proxy = Proxy::before(server.port()).await;
    let mut config = place.config_at(proxy.url(place.url()));
    config.timeout = SHORT;
    let store = Store::connect(config).await.unwrap();
    let load = Load::start(&store, "g", 8);
    for how in [
        How::Delay,
        How::Cut,
        How::CutBeforeCommit,
        How::CutAfterCommit,
        How::HalfToClient,
        How::HalfToServer,
        How::Silent,
    ] {
        load.progress(30).await;
        proxy.set(how);
        match how {
            How::Delay => load.progress(30).await,
            _ => load.failed().await,
        }
        if how == How::Cut {
            soon("an answer", is_unreachable(&store)).await;
        }
        proxy.set(How::Pass);
    }
    load.progress(60).await;
    holds(&place, &load.end().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_vanishes_within_a_transaction_does_not_hold_up_the_others() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let server = servers::Postgres::shared().unwrap();
    let proxy = Proxy::before(server.port()).await;
    let store = place.open().await;
    let first = new_goal(&store, "acme", "first").append();
    store.append(first).await.unwrap();
    let other = place.beside();
    let mut config = other.config_at(proxy.url(place.url()));
    config.timeout = SHORT;
    let vanishing = Store::connect(config).await.unwrap();

    proxy.set(How::SilentFromCommit);
    let lost = new_goal(&vanishing, "acme", "lost").append();
    let (lost, kept) = tokio::join!(vanishing.append(lost), async {
        // As soon as the other one holds its locks.
        let holds = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND state = 'idle in transaction'";
        soon("the transaction", async {
            while place.sql(holds).await == ["0"] {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let kept = new_goal(&store, "acme", "kept").append();
        soon("the lock", store.append(kept)).await
    });
    kept.unwrap();
    assert!(
        matches!(lost, Err(AppendError::Store(Error::Unreachable(_)))),
        "{lost:?}"
    );
    drop((store, vanishing));
    assert_eq!(place.damages().await, Vec::new());
    assert_eq!(misnumbered(&place).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_are_made_anew() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    let load = Load::start(&store, "g", 8);
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..8 {
        load.progress(20).await;
        place.sql(end).await;
    }
    // One that ended while it was idle is passed over; in one of so many there was a transaction.
    assert!(load.failures() > 0);
    holds(&place, &load.end().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_whose_caller_is_gone_is_taken_all_the_same() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let server = servers::Postgres::shared().unwrap();
    let proxy = Proxy::before(server.port()).await;
    let store = Store::connect(place.config_at(proxy.url(place.url()))).await;
    let store = store.unwrap();
    let goal = new_goal(&store, "acme", "one").append();
    store.append(goal).await.unwrap();
    let person = saga::input::Person {
        by: crate::world::subject("boss"),
        wish: saga::input::Wish::PauseGoal,
    };
    let (acme, goal) = (tenant("acme"), goal_id("one"));
    let (judged, mut is_judged) = tokio::sync::oneshot::channel();
    proxy.set(How::Delay);
    {
        let post = store.post(&acme, &goal, person, move |_| judged.send(()));
        // Given up between its judgement and its COMMIT.
        tokio::select! {
            biased;
            judged = &mut is_judged => judged.unwrap(),
            posted = post => panic!("{posted:?}"),
        }
    }
    soon("the wish", async {
        while store.inbox(&acme, &goal).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_process_ends_the_others_find_a_whole_store() {
    if Place::postgres().is_none() {
        return;
    }
    let points = [
        ("begin", 5),
        ("append.toolset", 1),
        ("append.journal", 1),
        ("append.journal", 8),
        ("append.approvals", 4),
        ("audit", 1),
        ("audit", 9),
        ("commit", 1),
        ("commit", 11),
        ("committed", 1),
        ("committed", 12),
        ("post.inbox", 3),
        ("post.approval", 4),
        ("control.set", 2),
        ("checkpoint", 3),
        ("checkpoint.file", 2),
    ];
    for pair in points.chunks(2) {
        let runs = pair.iter().map(|(name, count)| {
            let place = Place::postgres().unwrap();
            let fault = format!("{name}:{count}");
            tokio::spawn(async move {
                let (dir, url) = (place.dir().to_owned(), place.url().to_owned());
                let run = move || {
                    let done = child::run(
                        "work",
                        &dir,
                        &[("STORE_URL", &url), ("OMNIHUB_FAULT", &fault)],
                    );
                    (fault, done)
                };
                let (fault, done) = tokio::task::spawn_blocking(run).await.unwrap();
                assert!(!done.status.success(), "{fault} was never reached");
                let store = place.open().await;
                let held = crash::holds(&store, &done.lines).await;
                held.unwrap_or_else(|lost| panic!("{fault}: {lost}"));
                // The next one goes on where it ended.
                let next = new_goal(&store, "acme", "next").append();
                store.append(next).await.unwrap();
                drop(store);
                assert_eq!(place.damages().await, Vec::new(), "{fault}");
                assert_eq!(misnumbered(&place).await, Vec::<String>::new(), "{fault}");
            })
        });
        for run in runs.collect::<Vec<_>>() {
            run.await.unwrap();
        }
    }
}
