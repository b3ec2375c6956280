//! Appending: what is taken, what is refused, and that a refusal leaves nothing behind.

use std::sync::Arc;

use domain::digest::Digest;
use domain::goal::GoalStatus;
use jiff::Timestamp;
use saga::Saga;
use store::{Answer, AppendError, Error, GoalFilter, Page, RequestKey};

use crate::place::{Place, on_either_store};
use crate::world::{Driven, chain_of, goal_id, subject, tenant};

on_either_store!(
    a_goal_read_from_its_journal_is_the_goal_that_was_driven,
    a_writer_that_is_behind_is_told_and_writes_nothing,
    a_failing_request_leaves_the_others_of_its_group_alone,
    a_name_is_spent_for_ever_and_for_its_tenant_alone,
    the_same_key_gets_the_same_answer_and_another_body_a_refusal,
    whoever_watches_a_goal_hears_of_every_commit,
    erased_payloads_are_gone_and_the_goal_still_reads_and_proves,
    open_goals_are_found_again_with_the_time_to_look_at_them,
    many_goals_of_many_tenants_at_once_all_read_back,
);

/// Everything that can be known of a goal from outside.
fn seen(saga: &Saga) -> String {
    let steps: Vec<_> = saga.steps().collect();
    let pending: Vec<_> = saga.pending().collect();
    format!(
        "{} {:?} {:?} {:?} {steps:?} {pending:?}",
        saga.sequence(),
        saga.status(),
        saga.times(),
        saga.reply()
    )
}

async fn a_goal_read_from_its_journal_is_the_goal_that_was_driven(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    goal.accept(&store, &chain_of(3));
    while !goal.saga.status().is_end() {
        goal.start();
        store.append(goal.append()).await.unwrap();
        let read = store.load(&acme, &goal.goal).await.unwrap().unwrap();
        assert_eq!(seen(&read.saga), seen(&goal.saga));
        goal.succeed();
    }
    let appended = store.append(goal.append()).await.unwrap();
    drop(store);
    let store = place.open().await;
    let read = store.load(&acme, &goal.goal).await.unwrap().unwrap();
    assert_eq!(read.saga.status(), GoalStatus::Completed);
    assert_eq!(seen(&read.saga), seen(&goal.saga));
    assert_eq!(read.saga.sequence(), appended.sequence);
    assert_eq!((read.owner, read.inbox), (subject("ana"), Vec::new()));
    assert!(
        store
            .load(&tenant("other"), &goal.goal)
            .await
            .unwrap()
            .is_none()
    );
}

async fn a_writer_that_is_behind_is_told_and_writes_nothing(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    goal.accept(&store, &chain_of(2));
    store.append(goal.append()).await.unwrap();
    let mut slow = Driven::load(&store, &acme, "one").await;
    goal.start();
    let appended = store.append(goal.append()).await.unwrap();
    slow.start();
    let refused = store.append(slow.append()).await.unwrap_err();
    assert!(
        matches!(refused, AppendError::Conflict { sequence } if sequence == appended.sequence),
        "{refused:?}"
    );
    let events = store
        .events(&acme, &goal.goal, 0, 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(events.newest, appended.sequence);
}

async fn a_failing_request_leaves_the_others_of_its_group_alone(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    // They queue up behind each other, so that they share groups; the evidence of every third one cannot be sealed,
    // which shows after its events were written.
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..90 {
        let (store, acme) = (store.clone(), acme.clone());
        tasks.spawn(async move {
            let mut goal = Driven::new(&store, &acme, &format!("g{number}"));
            goal.accept(&store, &chain_of(1));
            let mut append = goal.append();
            if number % 3 == 2 {
                let metadata = &mut append.evidence[1].metadata;
                metadata.insert("number".to_owned(), u64::MAX.into());
            }
            (number, store.append(append).await)
        });
    }
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            (number, Ok(_)) => assert_ne!(number % 3, 2),
            (number, Err(AppendError::Store(Error::Seal(_)))) => assert_eq!(number % 3, 2),
            (number, Err(error)) => panic!("{number}: {error:?}"),
        }
    }
    let figures = store.figures();
    assert!(
        figures.groups < figures.requests,
        "no two requests shared a group: {figures:?}"
    );
    let page = Page {
        limit: 200,
        before: None,
    };
    let kept = store
        .goals(&acme, GoalFilter::default(), page)
        .await
        .unwrap();
    assert_eq!(kept.items.len(), 60);
    drop(store);
    // The refused ones left no gap in the chain, nor anything else.
    assert_eq!(place.damages().await, Vec::new());
}

async fn a_name_is_spent_for_ever_and_for_its_tenant_alone(place: Place) {
    let store = place.open().await;
    for (name, fresh) in [("acme", true), ("other", true), ("acme", false)] {
        let mut goal = Driven::new(&store, &tenant(name), "one");
        goal.accept(&store, &chain_of(1));
        let answer = store.append(goal.append()).await;
        match (fresh, answer) {
            (true, Ok(_)) => {}
            (false, Err(AppendError::AlreadyStarted(goal))) => assert_eq!(goal, goal_id("one")),
            (_, answer) => panic!("{answer:?}"),
        }
    }
}

async fn the_same_key_gets_the_same_answer_and_another_body_a_refusal(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let key = RequestKey {
        principal: subject("ana"),
        route: "POST /goals".to_owned(),
        key: "k1".to_owned(),
    };
    let append = |trace: &str, body: u8| {
        let mut goal = Driven::new(&store, &acme, trace);
        goal.accept(&store, &chain_of(1));
        let mut append = goal.append();
        let answer = Answer {
            body: Digest::from_bytes([body; 32]),
            answer: format!("accepted {trace}").into_bytes(),
        };
        append.created.as_mut().unwrap().idempotency = Some((key.clone(), answer));
        append
    };
    assert_eq!(store.answer(&acme, &key).await.unwrap(), None);
    store.append(append("one", 1)).await.unwrap();
    let replay = store.append(append("two", 1)).await.unwrap_err();
    assert!(
        matches!(&replay, AppendError::Replay(answer) if answer == b"accepted one"),
        "{replay:?}"
    );
    let reused = store.append(append("two", 2)).await.unwrap_err();
    assert!(matches!(reused, AppendError::KeyReused), "{reused:?}");
    assert!(store.load(&acme, &goal_id("two")).await.unwrap().is_none());
    assert_eq!(
        store.answer(&acme, &key).await.unwrap().unwrap().answer,
        b"accepted one"
    );
    assert_eq!(store.answer(&tenant("other"), &key).await.unwrap(), None);
}

async fn whoever_watches_a_goal_hears_of_every_commit(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    let mut watch = store.watch(&acme, &goal.goal).await.unwrap();
    assert_eq!(*watch.borrow_and_update(), 0);
    goal.accept(&store, &chain_of(1));
    let appended = store.append(goal.append()).await.unwrap();
    watch.changed().await.unwrap();
    assert_eq!(*watch.borrow_and_update(), appended.sequence);
    let late = store.watch(&acme, &goal.goal).await.unwrap();
    assert_eq!(*late.borrow(), appended.sequence);
}

async fn erased_payloads_are_gone_and_the_goal_still_reads_and_proves(place: Place) {
    let store = place.open().await;
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    goal.accept(&store, &chain_of(1));
    goal.start();
    goal.succeed();
    store.append(goal.append()).await.unwrap();
    let words = "refund order 1042 and tell the customer";
    assert!(place.holds(words));
    let proof = audit::Draft::new(
        audit::Action::named("payloads.erased"),
        "officer",
        "goal",
        goal.goal.as_str(),
    );
    assert!(
        store
            .erase_payloads(&acme, &goal.goal, vec![proof])
            .await
            .unwrap()
    );
    assert!(
        !store
            .erase_payloads(&acme, &goal_id("none"), Vec::new())
            .await
            .unwrap()
    );
    let mut events = store
        .events(&acme, &goal.goal, 0, 100)
        .await
        .unwrap()
        .unwrap()
        .events;
    assert!(!events.is_empty());
    for (_, event) in &mut events {
        assert!(
            event
                .kind
                .payloads_mut()
                .all(|payload| payload.value().is_none())
        );
    }
    let read = store.load(&acme, &goal.goal).await.unwrap().unwrap();
    assert_eq!(read.saga.sequence(), goal.saga.sequence());
    let listed = store
        .goals(&acme, GoalFilter::default(), Page::default())
        .await
        .unwrap();
    assert_eq!(
        (listed.items[0].words.clone(), listed.items[0].status),
        (None, GoalStatus::Completed)
    );
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
    assert!(!place.holds(words), "the words are still there");
}

async fn open_goals_are_found_again_with_the_time_to_look_at_them(place: Place) {
    let store = place.open().await;
    let names = ["acme", "other"].map(tenant);
    for number in 0..6 {
        let mut goal = Driven::new(&store, &names[number % 2], &format!("goal-{number}"));
        goal.accept(&store, &chain_of(1));
        if number < 2 {
            goal.start();
            goal.succeed();
        }
        store.append(goal.append()).await.unwrap();
    }
    drop(store);
    let store = place.open().await;
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = store.open_goals(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.cursor;
        found.extend(page);
    }
    let mut seen: Vec<_> = found
        .iter()
        .map(|open| format!("{}/{}", open.tenant, open.goal))
        .collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            "acme/goal-goal-2",
            "acme/goal-goal-4",
            "other/goal-goal-3",
            "other/goal-goal-5"
        ]
    );
    assert!(
        found
            .iter()
            .all(|open| open.wake_at.is_some_and(|wake| wake > Timestamp::now()))
    );
}

async fn many_goals_of_many_tenants_at_once_all_read_back(place: Place) {
    let store = place.open().await;
    let store = Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40_usize {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let of = tenant(&format!("t{}", number % 5));
            let mut goal = Driven::new(&store, &of, &format!("goal-{number}"));
            goal.accept(&store, &chain_of(3));
            while !goal.saga.status().is_end() {
                goal.start();
                store.append(goal.append()).await.unwrap();
                goal.succeed();
            }
            store.append(goal.append()).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
}
