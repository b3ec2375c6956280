//! Posting: wishes are taken into the inbox whole, judged as if all before them had been read, or refused.

use domain::approval::{ApprovalStatus, Decision};
use domain::digest::Digest;
use saga::Refusal;
use saga::input::{Person, Wish};
use store::{AppendError, INBOX_MAX, Loaded, PostError, Posted, Store};

use crate::place::{Place, on_either_store};
use crate::world::{Driven, asking, chain_of, goal_id, subject, tenant};

on_either_store!(
    an_answered_wish_waits_until_an_append_answers_it,
    a_wish_is_judged_as_if_those_before_it_had_been_read,
    a_refused_wish_leaves_nothing_behind,
    an_inbox_that_nobody_reads_is_full_some_day,
    numbers_of_wishes_are_never_given_twice,
);

async fn asked(place: &Place) -> (Store, Driven) {
    let store = place.open().await;
    let mut goal = Driven::new(&store, &tenant("acme"), "one");
    goal.accept(&store, &asking());
    store.append(goal.append()).await.unwrap();
    (store, goal)
}

async fn post(store: &Store, person: Person) -> Result<Posted, PostError<&'static str>> {
    store
        .post(&tenant("acme"), &goal_id("one"), person, |_| Ok(()))
        .await
}

fn wish(wish: Wish) -> Person {
    Person {
        by: subject("boss"),
        wish,
    }
}

async fn an_answered_wish_waits_until_an_append_answers_it(place: Place) {
    let (store, mut goal) = asked(&place).await;
    let grant = goal.grant();
    let posted = post(&store, grant.clone()).await.unwrap();
    drop(store);
    let store = place.open().await;
    let loaded = store.load(&goal.tenant, &goal.goal).await.unwrap().unwrap();
    assert_eq!(loaded.inbox, [(posted.id, grant.clone())]);
    // Whoever has not read it may append nothing.
    let mut deaf = Driven::load(&store, &goal.tenant, "one").await;
    deaf.input(&saga::Input::Person(wish(Wish::PauseGoal)));
    assert!(matches!(
        store.append(deaf.append()).await.unwrap_err(),
        AppendError::Inbox
    ));
    goal.hear(posted.id, grant);
    store.append(goal.append()).await.unwrap();
    let loaded = store.load(&goal.tenant, &goal.goal).await.unwrap().unwrap();
    assert_eq!(loaded.inbox, []);
    assert_eq!(loaded.saga.sequence(), goal.saga.sequence());
}

async fn a_wish_is_judged_as_if_those_before_it_had_been_read(place: Place) {
    let (store, goal) = asked(&place).await;
    post(&store, goal.grant()).await.unwrap();
    let second = post(&store, goal.grant()).await.unwrap_err();
    assert!(
        matches!(second, PostError::Refused(Refusal::ApprovalDecided)),
        "{second:?}"
    );
    post(&store, wish(Wish::CancelGoal { emergency: false }))
        .await
        .unwrap();
    let pause = post(&store, wish(Wish::PauseGoal)).await.unwrap_err();
    assert!(
        matches!(pause, PostError::Refused(Refusal::Unwinding)),
        "{pause:?}"
    );
    assert_eq!(
        store
            .load(&goal.tenant, &goal.goal)
            .await
            .unwrap()
            .unwrap()
            .inbox
            .len(),
        2
    );
}

async fn a_refused_wish_leaves_nothing_behind(place: Place) {
    let (store, goal) = asked(&place).await;
    let (approval, _) = goal.asked.clone().unwrap();
    let wrong = Wish::Decide {
        approval: approval.clone(),
        digest: Digest::from_bytes([9; 32]),
        decision: Decision::Grant,
        reason: None,
    };
    let refused = post(&store, wish(wrong)).await.unwrap_err();
    assert!(
        matches!(refused, PostError::Refused(Refusal::WrongDigest)),
        "{refused:?}"
    );
    let guarded = |loaded: &Loaded| {
        if loaded.owner == subject("ana") {
            Err("own goal")
        } else {
            Ok(())
        }
    };
    let refused = store
        .post(&goal.tenant, &goal.goal, goal.grant(), guarded)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PostError::Guard("own goal")),
        "{refused:?}"
    );
    let elsewhere = store
        .post(&tenant("other"), &goal.goal, goal.grant(), |_| {
            Ok::<(), ()>(())
        })
        .await
        .unwrap_err();
    assert!(matches!(elsewhere, PostError::NotFound), "{elsewhere:?}");
    assert_eq!(
        store
            .load(&goal.tenant, &goal.goal)
            .await
            .unwrap()
            .unwrap()
            .inbox,
        []
    );
    assert_eq!(
        store
            .approval(&goal.tenant, &approval)
            .await
            .unwrap()
            .unwrap()
            .status,
        ApprovalStatus::Pending
    );
}

async fn an_inbox_that_nobody_reads_is_full_some_day(place: Place) {
    let store = place.open().await;
    let mut goal = Driven::new(&store, &tenant("acme"), "one");
    goal.accept(&store, &chain_of(1));
    store.append(goal.append()).await.unwrap();
    for _ in 0..INBOX_MAX {
        post(&store, wish(Wish::PauseGoal)).await.unwrap();
    }
    let full = post(&store, wish(Wish::PauseGoal)).await.unwrap_err();
    assert!(matches!(full, PostError::Full), "{full:?}");
}

async fn numbers_of_wishes_are_never_given_twice(place: Place) {
    let (store, mut goal) = asked(&place).await;
    let first = post(&store, goal.grant()).await.unwrap();
    let grant = goal.grant();
    goal.hear(first.id, grant);
    store.append(goal.append()).await.unwrap();
    let second = post(&store, wish(Wish::PauseGoal)).await.unwrap();
    assert!(second.id > first.id);
}
