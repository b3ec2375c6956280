//! Moving a store from SQLite to Postgres: everything is there afterwards, and the source is sealed.

use domain::digest::Digest;
use domain::emergency::{Mode, Scope};
use domain::goal::GoalStatus;
use saga::input::{Person, Wish};
use serde_json::json;
use store::{
    Answer, ApprovalFilter, Chain, Error, Moved, Notice, Page, PostgresConfig, RequestKey,
    SetControl, Store, StoreConfig, VerifyOptions, move_to_postgres,
};

use crate::place::Place;
use crate::world::{Driven, asking, chain_of, goal_id, subject, tenant};

/// A store with something in every table: goals that ended, wait, are wished for and erased, of two tenants.
pub async fn fill(store: &Store) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let mut ended = Driven::new(store, &acme, "ended");
    ended.accept(store, &chain_of(2));
    while !ended.saga.status().is_end() {
        ended.start();
        store.append(ended.append()).await.unwrap();
        ended.succeed();
    }
    store.append(ended.append()).await.unwrap();
    store
        .erase_payloads(&acme, &ended.goal, Vec::new())
        .await
        .unwrap();
    for of in [&acme, &other] {
        let mut asked = Driven::new(store, of, "asked");
        asked.accept(store, &asking());
        let mut append = asked.append();
        append.notices = vec![Notice {
            kind: "approval.asked".to_owned(),
            data: json!({ "goal": "asked" }),
        }];
        append.created.as_mut().unwrap().idempotency = Some(answer());
        store.append(append).await.unwrap();
        let person = Person {
            by: subject("boss"),
            wish: Wish::CancelGoal { emergency: false },
        };
        let posted = store.post(of, &asked.goal, person, |_| Ok::<_, ()>(()));
        posted.await.unwrap();
    }
    let hold = SetControl {
        tenant: Some(other),
        scope: Scope::Tool,
        target: Some("pay".to_owned()),
        mode: Mode::Hold,
        reason: "an audit".to_owned(),
        by: subject("boss"),
        chain: Chain::Installation,
        evidence: vec![audit::Draft::new(
            audit::Action::named("controls.set"),
            "boss",
            "tool",
            "pay",
        )],
    };
    store.set_control(hold).await.unwrap();
    store.checkpoint_due().await.unwrap();
}

fn answer() -> (RequestKey, Answer) {
    let key = RequestKey {
        principal: subject("ana"),
        route: "POST /api/v1/goals".to_owned(),
        key: "k1".to_owned(),
    };
    let body = Digest::from_bytes([9; 32]);
    let answer = b"accepted".to_vec();
    (key, Answer { body, answer })
}

/// Everything that can be read of a store from outside, as text.
async fn seen(store: &Store) -> String {
    let gate = store.gate();
    format!("{}{:?}\n", seen_of_goals(store).await, gate.all_active())
}

/// The same without the controls.
pub async fn seen_of_goals(store: &Store) -> String {
    let mut seen = String::new();
    for of in [tenant("acme"), tenant("other")] {
        for open in store
            .goals(&of, Default::default(), Page::default())
            .await
            .unwrap()
            .items
        {
            let loaded = store.load(&of, &open.goal).await.unwrap().unwrap();
            let events = store.events(&of, &open.goal, 0, 1_000).await.unwrap();
            seen.push_str(&format!("{open:?} {loaded:?} {events:?}\n"));
        }
        let approvals = store.approvals(&of, ApprovalFilter::default(), Page::default());
        let answer = store.answer(&of, &answer().0).await.unwrap();
        seen.push_str(&format!("{:?} {answer:?}\n", approvals.await.unwrap()));
    }
    let due = store
        .due_notices(jiff::Timestamp::now(), 100)
        .await
        .unwrap();
    let open = store.open_goals(0, 100).await.unwrap();
    seen.push_str(&format!("{due:?} {open:?}\n"));
    seen
}

/// The entries of a chain, oldest first.
pub async fn entries(store: &Store, of: &str) -> Vec<String> {
    let page = Page {
        limit: 1_000,
        before: None,
    };
    let listed = store
        .entries(&tenant(of), Default::default(), page)
        .await
        .unwrap();
    listed.items.into_iter().rev().collect()
}

async fn moves(place: &Place, config: &PostgresConfig) -> Result<Moved, Error> {
    move_to_postgres(StoreConfig::new(place.dir()), config, &subject("ops")).await
}

#[tokio::test]
async fn a_moved_store_holds_everything_and_its_source_is_sealed() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let config = place.config().unwrap();
    let store = Store::open(StoreConfig::new(place.dir())).unwrap();
    fill(&store).await;
    let before = seen(&store).await;
    let evidence = entries(&store, "acme").await;
    assert!(matches!(
        moves(&place, &config).await,
        Err(Error::InUse { .. })
    ));
    drop(store);

    let moved = moves(&place, &config).await.unwrap();

    assert_eq!((moved.rows_of("goals"), moved.rows_of("inbox")), (3, 2));
    let sealed = Store::open(StoreConfig::new(place.dir())).unwrap_err();
    assert!(matches!(sealed, Error::Moved { .. }), "{sealed}");
    let another = Place::sqlite();
    fill(&another.open().await).await;
    let again = moves(&another, &config).await.unwrap_err();
    assert!(matches!(again, Error::NotEmpty), "{again}");

    let store = place.open().await;
    assert_eq!(seen(&store).await, before);
    let now = entries(&store, "acme").await;
    assert_eq!(now[..evidence.len()], evidence);
    assert_eq!(now.len(), evidence.len() + 1, "the move itself is evidence");
    assert_eq!((store.epoch(), moved.epoch), (3, 3));
    assert_eq!(place.damages().await, []);
    for verified in place.verify(&VerifyOptions::default()).await {
        let report = verified.result.unwrap();
        assert_eq!(report.since, Some(report.entries), "{}", verified.chain);
    }

    // What was open goes on, and nothing that was given away is given again.
    let acme = tenant("acme");
    let mut new = Driven::new(&store, &acme, "new");
    new.accept(&store, &chain_of(1));
    store.append(new.append()).await.unwrap();
    let mut asked = Driven::load(&store, &acme, "asked").await;
    let inbox = store.inbox(&acme, &goal_id("asked")).await.unwrap();
    for (id, person) in inbox {
        asked.hear(id, person);
    }
    store.append(asked.append()).await.unwrap();
    assert_eq!(asked.saga.status(), GoalStatus::Cancelled);
    let wish = Person {
        by: subject("boss"),
        wish: Wish::PauseGoal,
    };
    let posted = store.post(&acme, &new.goal, wish, |_| Ok::<_, ()>(()));
    assert!(posted.await.unwrap().id > 2);
    assert_eq!(place.damages().await, []);
}

#[tokio::test]
async fn a_move_that_was_cut_short_is_begun_again() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let config = place.config().unwrap();
    let store = Store::open(StoreConfig::new(place.dir())).unwrap();
    fill(&store).await;
    drop(store);
    // A schema without a store, and something in the way.
    let beside = Place::of(place.url().to_owned());
    drop(beside.open().await);
    let clear = "TRUNCATE omnihub.installation, omnihub.epochs, omnihub.tenants";
    place
        .sql(&format!(
            "{clear}; INSERT INTO omnihub.epochs VALUES (1, 0, 'in the way')"
        ))
        .await;
    let cut = moves(&place, &config).await.unwrap_err();
    assert!(matches!(cut, Error::Postgres(_)), "{cut}");
    let sealed = Store::open(StoreConfig::new(place.dir())).unwrap_err();
    assert!(
        matches!(sealed, Error::Moved { .. }),
        "nobody may drive in between: {sealed}"
    );

    place.sql("DELETE FROM omnihub.epochs").await;
    moves(&place, &config).await.unwrap();

    assert_eq!(place.damages().await, []);
}

#[tokio::test]
async fn no_store_is_founded_beside_one_that_was_to_be_moved() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(Store::open(StoreConfig::new(place.dir())).unwrap());
    let refused = Store::connect(place.config().unwrap()).await.unwrap_err();
    assert!(matches!(refused, Error::NotMoved { .. }), "{refused}");
    moves(&place, &place.config().unwrap()).await.unwrap();
    drop(place.open().await);
}
