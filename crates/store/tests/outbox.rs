//! The outbox: notices come with their events, and stay until they are sent.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::Notice;

use crate::place::{Place, on_either_store};
use crate::world::{Driven, chain_of, tenant};

on_either_store!(a_notice_waits_until_it_is_sent,);

async fn a_notice_waits_until_it_is_sent(place: Place) {
    let store = place.open().await;
    let mut news = store.watch_notices();
    let acme = tenant("acme");
    let mut goal = Driven::new(&store, &acme, "one");
    goal.accept(&store, &chain_of(1));
    let mut append = goal.append();
    let notice = |kind: &str| Notice {
        kind: kind.to_owned(),
        data: json!({ "goal": "goal-one" }),
    };
    append.notices = vec![notice("first"), notice("second")];
    store.append(append).await.unwrap();
    news.changed().await.unwrap();
    drop(store);
    let store = place.open().await;
    let due = store.due_notices(Timestamp::now(), 10).await.unwrap();
    assert_eq!(
        due.iter().map(|due| &due.notice).collect::<Vec<_>>(),
        [&notice("first"), &notice("second")]
    );
    assert_eq!((&due[0].tenant, due[0].attempts), (&acme, 0));
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    store.notice_later(&acme, due[0].id, later).await.unwrap();
    store.notice_done(&acme, due[1].id).await.unwrap();
    store
        .notice_done(&tenant("other"), due[0].id)
        .await
        .unwrap();
    assert_eq!(store.due_notices(Timestamp::now(), 10).await.unwrap(), []);
    assert_eq!(
        store
            .next_notice()
            .await
            .unwrap()
            .map(|due| due.as_second()),
        Some(later.as_second())
    );
    let again = store.due_notices(later, 10).await.unwrap();
    assert_eq!(
        (again.len(), again[0].id, again[0].attempts),
        (1, due[0].id, 1)
    );
}
