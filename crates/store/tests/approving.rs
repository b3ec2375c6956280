//! Approvals: their rows follow the journal and the inbox.

use domain::approval::ApprovalStatus;
use domain::id::Subject;
use saga::event::AskReason;
use saga::input::{Person, Wish};
use store::{ApprovalFilter, Page, Store};

use crate::place::{Place, on_either_store};
use crate::world::{Driven, asking, subject, tenant};

on_either_store!(
    a_decision_shows_as_soon_as_it_is_answered,
    an_approval_is_closed_when_its_goal_unwinds,
    lists_are_newest_first_and_keep_to_their_filter_and_page,
    a_grant_that_expired_still_names_who_granted_it,
);

async fn ask(store: &Store, trace: &str) -> Driven {
    let mut goal = Driven::new(store, &tenant("acme"), trace);
    goal.accept(store, &asking());
    store.append(goal.append()).await.unwrap();
    goal
}

async fn statuses(store: &Store, filter: ApprovalFilter) -> Vec<(String, ApprovalStatus)> {
    let listed = store
        .approvals(&tenant("acme"), filter, Page::default())
        .await
        .unwrap();
    listed
        .items
        .into_iter()
        .map(|approval| (approval.goal.as_str().to_owned(), approval.status))
        .collect()
}

async fn a_decision_shows_as_soon_as_it_is_answered(place: Place) {
    let store = place.open().await;
    let mut goal = ask(&store, "one").await;
    let (id, digest) = goal.asked.clone().unwrap();
    let asked = store.approval(&goal.tenant, &id).await.unwrap().unwrap();
    assert_eq!(
        (asked.status, asked.digest, asked.reason),
        (ApprovalStatus::Pending, digest, AskReason::Lane)
    );
    assert_eq!(
        (asked.goal, asked.goal_owner, asked.at.step.as_str()),
        (goal.goal.clone(), subject("ana"), "pay")
    );
    assert_eq!(
        (asked.expires_in_seconds, asked.decided_by),
        (24 * 3_600, None)
    );
    let posted = store
        .post(&goal.tenant, &goal.goal, goal.grant(), |_| Ok::<(), ()>(()))
        .await
        .unwrap();
    let granted = store.approval(&goal.tenant, &id).await.unwrap().unwrap();
    assert_eq!(
        (
            granted.status,
            granted.decided_by.as_ref().map(Subject::as_str)
        ),
        (ApprovalStatus::Granted, Some("boss"))
    );
    // The event says it once more, and changes nothing.
    let grant = goal.grant();
    goal.hear(posted.id, grant);
    store.append(goal.append()).await.unwrap();
    assert_eq!(
        store.approval(&goal.tenant, &id).await.unwrap().unwrap(),
        granted
    );
    assert!(
        store
            .approval(&tenant("other"), &id)
            .await
            .unwrap()
            .is_none()
    );
}

async fn an_approval_is_closed_when_its_goal_unwinds(place: Place) {
    let store = place.open().await;
    let mut goal = ask(&store, "one").await;
    let cancel = Person {
        by: subject("boss"),
        wish: Wish::CancelGoal { emergency: false },
    };
    let posted = store
        .post(&goal.tenant, &goal.goal, cancel.clone(), |_| {
            Ok::<(), ()>(())
        })
        .await
        .unwrap();
    goal.hear(posted.id, cancel);
    store.append(goal.append()).await.unwrap();
    assert_eq!(
        statuses(&store, ApprovalFilter::default()).await,
        [("goal-one".to_owned(), ApprovalStatus::Closed)]
    );
}

async fn lists_are_newest_first_and_keep_to_their_filter_and_page(place: Place) {
    let store = place.open().await;
    for trace in ["one", "two", "three"] {
        ask(&store, trace).await;
    }
    let goal = Driven::load(&store, &tenant("acme"), "two").await;
    let pending = ApprovalFilter {
        status: Some(ApprovalStatus::Pending),
        ..Default::default()
    };
    let names = |listed: &[(String, ApprovalStatus)]| {
        listed
            .iter()
            .map(|(goal, _)| goal.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&statuses(&store, pending.clone()).await),
        ["goal-three", "goal-two", "goal-one"]
    );
    let of_one = ApprovalFilter {
        goal: Some(goal.goal.clone()),
        ..Default::default()
    };
    assert_eq!(names(&statuses(&store, of_one).await), ["goal-two"]);
    let of_nobody = ApprovalFilter {
        goal_owner: Some(subject("bob")),
        ..Default::default()
    };
    assert_eq!(statuses(&store, of_nobody).await, []);
    let page = |before| Page { limit: 2, before };
    let first = store
        .approvals(&goal.tenant, pending.clone(), page(None))
        .await
        .unwrap();
    let second = store
        .approvals(&goal.tenant, pending, page(first.next))
        .await
        .unwrap();
    assert_eq!(
        (first.items.len(), second.items.len(), second.next),
        (2, 1, None)
    );
    assert_eq!(second.items[0].goal.as_str(), "goal-one");
    assert!(
        store
            .approvals(&tenant("other"), ApprovalFilter::default(), Page::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

async fn a_grant_that_expired_still_names_who_granted_it(place: Place) {
    let store = place.open().await;
    let mut goal = ask(&store, "one").await;
    let (id, _) = goal.asked.clone().unwrap();
    let grant = goal.grant();
    let posted = store.post(
        &goal.tenant,
        &goal.goal,
        grant.clone(),
        |_| Ok::<(), ()>(()),
    );
    goal.hear(posted.await.unwrap().id, grant);
    store.append(goal.append()).await.unwrap();

    goal.ahead = jiff::SignedDuration::from_hours(48);
    assert!(goal.input(&saga::Input::Tick));
    store.append(goal.append()).await.unwrap();

    let expired = store.approval(&goal.tenant, &id).await.unwrap().unwrap();
    assert_eq!(expired.status, ApprovalStatus::Expired);
    assert_eq!(expired.decided_by, Some(subject("boss")));
    assert_eq!(place.damages().await, []);
}
