//! Lists of goals and events.

use domain::goal::GoalStatus;
use store::{GoalFilter, Page, Store};

use crate::place::{Place, on_either_store};
use crate::world::{Driven, asking, chain_of, goal_id, subject, tenant};

on_either_store!(
    a_list_shows_its_tenants_goals_newest_first_by_any_filter,
    pages_join_without_gap_or_repeat_while_goals_come,
    events_are_dense_and_pages_of_them_join,
);

async fn store_with_goals(place: &Place) -> Store {
    let store = place.open().await;
    for (number, of) in ["acme", "acme", "other", "acme", "acme"]
        .into_iter()
        .enumerate()
    {
        let mut goal = Driven::new(&store, &tenant(of), &format!("g{number}"));
        if number == 3 {
            goal.owner = subject("bob");
        }
        goal.accept(&store, &if number == 1 { asking() } else { chain_of(1) });
        if number == 0 {
            goal.start();
            goal.succeed();
        }
        store.append(goal.append()).await.unwrap();
    }
    store
}

async fn names(store: &Store, filter: GoalFilter) -> Vec<String> {
    let listed = store
        .goals(&tenant("acme"), filter, Page::default())
        .await
        .unwrap();
    listed
        .items
        .iter()
        .map(|goal| goal.goal.as_str().to_owned())
        .collect()
}

async fn a_list_shows_its_tenants_goals_newest_first_by_any_filter(place: Place) {
    let store = store_with_goals(&place).await;
    let filter = GoalFilter::default;
    assert_eq!(
        names(&store, filter()).await,
        ["goal-g4", "goal-g3", "goal-g1", "goal-g0"]
    );
    let status = |status| GoalFilter {
        status: Some(status),
        ..filter()
    };
    assert_eq!(
        names(&store, status(GoalStatus::Completed)).await,
        ["goal-g0"]
    );
    assert_eq!(
        names(&store, status(GoalStatus::Waiting)).await,
        ["goal-g1"]
    );
    assert_eq!(
        names(&store, status(GoalStatus::Running)).await,
        ["goal-g4", "goal-g3"]
    );
    assert_eq!(
        names(
            &store,
            GoalFilter {
                owner: Some(subject("bob")),
                ..filter()
            }
        )
        .await,
        ["goal-g3"]
    );
    let both = GoalFilter {
        owner: Some(subject("ana")),
        status: Some(GoalStatus::Running),
        ..filter()
    };
    assert_eq!(names(&store, both).await, ["goal-g4"]);
    let tag = |value: Option<&str>| GoalFilter {
        tag: Some(("team".to_owned(), value.map(str::to_owned))),
        ..filter()
    };
    assert_eq!(names(&store, tag(None)).await.len(), 4);
    assert_eq!(names(&store, tag(Some("support"))).await.len(), 4);
    assert_eq!(names(&store, tag(Some("sales"))).await.len(), 0);
    let words = |words: &str| GoalFilter {
        words: Some(words.to_owned()),
        ..filter()
    };
    assert_eq!(names(&store, words("ORDER 1042")).await.len(), 4);
    assert_eq!(names(&store, words("order 1043")).await.len(), 0);
    assert!(
        store
            .goals(&tenant("nobody"), filter(), Page::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

async fn pages_join_without_gap_or_repeat_while_goals_come(place: Place) {
    let store = store_with_goals(&place).await;
    let page = async |before| {
        let listed = store
            .goals(
                &tenant("acme"),
                GoalFilter::default(),
                Page { limit: 2, before },
            )
            .await
            .unwrap();
        (
            listed
                .items
                .iter()
                .map(|goal| goal.goal.as_str().to_owned())
                .collect::<Vec<_>>(),
            listed.next,
        )
    };
    let (first, next) = page(None).await;
    let mut new = Driven::new(&store, &tenant("acme"), "g5");
    new.accept(&store, &chain_of(1));
    store.append(new.append()).await.unwrap();
    let (second, end) = page(next).await;
    assert_eq!(
        (first, second, end),
        (
            vec!["goal-g4".to_owned(), "goal-g3".to_owned()],
            vec!["goal-g1".to_owned(), "goal-g0".to_owned()],
            None,
        )
    );
}

async fn events_are_dense_and_pages_of_them_join(place: Place) {
    let store = store_with_goals(&place).await;
    let acme = tenant("acme");
    let mut goal = Driven::load(&store, &acme, "g4").await;
    goal.start();
    store.append(goal.append()).await.unwrap();
    goal.succeed();
    store.append(goal.append()).await.unwrap();
    let all = store
        .events(&acme, &goal.goal, 0, 100)
        .await
        .unwrap()
        .unwrap();
    let sequences: Vec<_> = all.events.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (1..=all.newest).collect::<Vec<_>>());
    assert_eq!(
        (all.newest, all.status),
        (goal.saga.sequence(), GoalStatus::Completed)
    );
    for after in 0..=all.newest {
        let page = store
            .events(&acme, &goal.goal, after, 2)
            .await
            .unwrap()
            .unwrap();
        let expected: Vec<_> = all
            .events
            .iter()
            .filter(|(sequence, _)| *sequence > after)
            .take(2)
            .cloned()
            .collect();
        assert_eq!(page.events, expected, "after {after}");
    }
    assert!(
        store
            .events(&tenant("other"), &goal.goal, 0, 10)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .events(&acme, &goal_id("g9"), 0, 10)
            .await
            .unwrap()
            .is_none()
    );
}
