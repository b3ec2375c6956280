//! Sharing: several stores on one database, as processes are that share it, and real processes too.

use audit::{Action, Draft};
use domain::digest::Digest;
use domain::emergency::{Mode, Scope};
use futures_util::future::{join, join_all};
use saga::input::{Person, Wish};
use store::{Answer, AppendError, Appended, Chain, Error, Gate, RequestKey, SetControl, Store};

use crate::load::{Load, holds, misnumbered, soon};
use crate::place::{Place, client};
use crate::world::{Driven, chain_of, goal_id, subject, tenant};
use crate::{child, crash};

/// Two stores on the same database, each with a data directory of its own.
async fn two(place: &Place) -> ([Store; 2], Place) {
    let one = place.open().await;
    let other = place.beside();
    ([one, other.open().await], other)
}

pub fn new_goal(store: &Store, of: &str, trace: &str) -> Driven {
    let mut goal = Driven::new(store, &tenant(of), trace);
    goal.accept(store, &chain_of(2));
    goal
}

pub async fn set(store: &Store, of: &str, mode: Mode) -> Result<Gate, Error> {
    let draft = Draft::new(Action::ADMIN_CHANGED, "boss", "control", of);
    let control = SetControl {
        tenant: Some(tenant(of)),
        scope: Scope::Tenant,
        target: None,
        mode,
        reason: "look".to_owned(),
        by: subject("boss"),
        chain: Chain::Tenant(tenant(of)),
        evidence: vec![draft],
    };
    store.set_control(control).await
}

/// Makes sure that of two answers one is an event and the other a refusal, which it returns.
fn one_of(answers: [Result<Appended, AppendError>; 2]) -> (Appended, AppendError) {
    match answers {
        [Ok(won), Err(lost)] | [Err(lost), Ok(won)] => (won, lost),
        answers => panic!("{answers:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_that_many_stores_write_have_no_gap_and_no_fork() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, other) = two(&place).await;
    let third = other.beside();
    let third = third.open().await;
    let loads = ["a", "b", "c"].iter().zip([&stores[0], &stores[1], &third]);
    let loads: Vec<_> = loads
        .map(|(word, store)| Load::start(store, word, 6))
        .collect();
    for load in &loads {
        load.progress(80).await;
    }
    // Some stay open.
    for number in 0..7 {
        let goal = new_goal(&stores[number % 2], "t1", &format!("open-{number}")).append();
        stores[number % 2].append(goal).await.unwrap();
    }
    let mut answered = Vec::new();
    for load in loads {
        assert_eq!(load.failures(), 0);
        answered.extend(load.end().await);
    }
    holds(&place, &answered).await;
    let open = place.sql("SELECT open_goals FROM omnihub.tenants WHERE tenant = 't1'");
    assert_eq!(open.await, ["7"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_stores_that_append_the_same_event_one_wins() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    for round in 0..12 {
        let shared = format!("shared-{round}");
        let goal = new_goal(&stores[0], "acme", &shared).append();
        stores[0].append(goal).await.unwrap();
        let mut appends = Vec::new();
        for (side, store) in stores.iter().enumerate() {
            let mut goal = Driven::load(store, &tenant("acme"), &shared).await;
            goal.start();
            // The mates before and behind it share its group or the next one.
            let mut group: Vec<_> = (0..8)
                .map(|mate| new_goal(store, "acme", &format!("{round}-{side}-{mate}")).append())
                .collect();
            group.insert(4, goal.append());
            appends.push(group.into_iter().map(|append| store.append(append)));
        }
        let answers = join_all(appends.into_iter().map(join_all)).await;
        let mut contested = Vec::new();
        for mut side in answers {
            contested.push(side.remove(4));
            assert!(side.iter().all(Result::is_ok), "{side:?}");
        }
        let (won, lost) = one_of(contested.try_into().unwrap());
        assert!(
            matches!(lost, AppendError::Conflict { sequence } if sequence == won.sequence),
            "{lost:?}"
        );
    }
    drop(stores);
    assert_eq!(place.damages().await, Vec::new());
    assert_eq!(misnumbered(&place).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_a_name_are_spent_once_whichever_store_hears_them() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    for round in 0..12 {
        // Every other round is the first of its tenant.
        let of = format!("of-{}", round / 2);
        let keyed = |side: usize, trace: String| {
            let mut append = new_goal(&stores[side], &of, &trace).append();
            let key = RequestKey {
                principal: subject("ana"),
                route: "goals".to_owned(),
                key: format!("key-{round}"),
            };
            let answer = Answer {
                body: Digest::from_bytes([1; 32]),
                answer: trace.into_bytes(),
            };
            append.created.as_mut().unwrap().idempotency = Some((key, answer));
            append
        };
        let (one, two) = join(
            stores[0].append(keyed(0, format!("{round}-0"))),
            stores[1].append(keyed(1, format!("{round}-1"))),
        )
        .await;
        let winner = format!("{round}-{}", usize::from(one.is_err()));
        let (_, replay) = one_of([one, two]);
        assert!(
            matches!(&replay, AppendError::Replay(answer) if *answer == winner.as_bytes()),
            "{replay:?}"
        );

        let named = |side: usize| new_goal(&stores[side], &of, &format!("named-{round}")).append();
        let (one, two) = join(stores[0].append(named(0)), stores[1].append(named(1))).await;
        let (_, lost) = one_of([one, two]);
        assert!(matches!(lost, AppendError::AlreadyStarted(_)), "{lost:?}");
    }
    drop(stores);
    assert_eq!(place.damages().await, Vec::new());
    assert_eq!(misnumbered(&place).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_control_holds_the_very_next_effect_of_every_store() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    let mut append = new_goal(&stores[1], "acme", "one").append();
    append.admits = true;
    append.gate = stores[1].gate().generation();

    let set = set(&stores[0], "acme", Mode::Hold).await.unwrap();

    let refused = stores[1].append(append.clone()).await.unwrap_err();
    assert!(matches!(refused, AppendError::Gate), "{refused:?}");
    let gate = stores[1].gate();
    assert_eq!(gate.generation(), set.generation());
    assert_eq!(gate.holding(&tenant("acme"), &goal_id("one")), Some("look"));
    append.gate = gate.generation();
    stores[1].append(append).await.unwrap();
}

#[tokio::test]
async fn what_a_group_committed_is_answered_although_the_controls_cannot_be_read_anew() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    let append = |trace: &str, admits: bool| {
        let mut append = new_goal(&stores[1], "acme", trace).append();
        (append.admits, append.gate) = (admits, stores[1].gate().generation());
        append
    };
    let appends = [
        ("alone", false),
        ("one", false),
        ("two", true),
        ("three", false),
    ]
    .map(|(trace, admits)| append(trace, admits));
    set(&stores[0], "acme", Mode::Hold).await.unwrap();
    place
        .sql("REVOKE SELECT ON omnihub.emergency_controls FROM omnihub_driver")
        .await;

    // The first goes alone, the others are one group.
    let answers = join_all(appends.map(|append| stores[1].append(append))).await;

    let [Ok(_), Ok(_), Err(AppendError::Gate), Ok(_)] = answers.as_slice() else {
        panic!("{answers:?}");
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn controls_change_only_when_nothing_is_being_admitted_under_the_old_ones() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    let admitting = |trace: &str| {
        let mut append = new_goal(&stores[1], "acme", trace).append();
        (append.admits, append.gate) = (true, 1);
        let store = stores[1].clone();
        tokio::spawn(async move { store.append(append).await })
    };
    let in_the_way = client(place.url()).await;
    let lock = "BEGIN; LOCK TABLE omnihub.journal IN SHARE MODE";
    in_the_way.batch_execute(lock).await.unwrap();
    let waits = |what: &str| {
        let waits = format!(
            "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND {what}
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        let place = &place;
        async move { place.sql(&waits).await == ["t"] }
    };
    // Judged, and kept from being written.
    let admitted = admitting("one");
    soon("the append", async {
        while !waits("relation = 'omnihub.journal'::regclass").await {}
    })
    .await;

    let store = stores[0].clone();
    let changed = tokio::spawn(async move { set(&store, "other", Mode::Hold).await });

    soon("the change", async {
        while !waits("locktype = 'advisory'").await {
            assert!(!changed.is_finished(), "the controls changed meanwhile");
        }
    })
    .await;
    in_the_way.batch_execute("COMMIT").await.unwrap();
    soon("the event", admitted).await.unwrap().unwrap();
    soon("the control", changed).await.unwrap().unwrap();
    let refused = admitting("two").await.unwrap();
    assert!(matches!(refused, Err(AppendError::Gate)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_in_one_store_is_never_passed_over_by_another() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    let acme = tenant("acme");
    let pause = Person {
        by: subject("boss"),
        wish: Wish::PauseGoal,
    };
    for round in 0..20 {
        let trace = format!("g-{round}");
        let goal = new_goal(&stores[0], "acme", &trace).append();
        stores[0].append(goal).await.unwrap();
        let mut goal = Driven::load(&stores[1], &acme, &trace).await;
        goal.start();
        let goal_id = goal_id(&trace);
        let post = stores[0].post(&acme, &goal_id, pause.clone(), |_| Ok::<(), ()>(()));
        let (appended, posted) = join(stores[1].append(goal.append()), post).await;
        let posted = posted.unwrap();
        match appended {
            // The wish came after it, and saw it.
            Ok(appended) => assert_eq!(posted.sequence, appended.sequence),
            Err(AppendError::Inbox) => assert!(posted.sequence < goal.saga.sequence()),
            Err(error) => panic!("{error:?}"),
        }
        for store in &stores {
            let inbox = store.inbox(&acme, &goal_id).await.unwrap();
            assert_eq!(inbox, [(posted.id, pause.clone())]);
        }
        let mut goal = Driven::load(&stores[1], &acme, &trace).await;
        goal.hear(posted.id, pause.clone());
        stores[1].append(goal.append()).await.unwrap();
        assert_eq!(stores[0].inbox(&acme, &goal_id).await.unwrap(), []);
    }
    drop(stores);
    assert_eq!(place.damages().await, Vec::new());
}

#[tokio::test]
async fn whoever_watches_in_one_store_hears_of_the_commits_of_another() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let (stores, _other) = two(&place).await;
    let mut goal = new_goal(&stores[0], "acme", "one");
    let mut watch = stores[1].watch(&goal.tenant, &goal.goal).await.unwrap();
    let mut gate = stores[1].watch_gate();
    for _ in 0..3 {
        let appended = stores[0].append(goal.append()).await.unwrap();
        let heard = watch.wait_for(|sequence| *sequence == appended.sequence);
        soon("the event", heard).await.unwrap();
        goal.succeed();
        goal.start();
    }
    let set = set(&stores[0], "acme", Mode::Hold).await.unwrap();
    let shown = gate.wait_for(|gate| gate.generation() == set.generation());
    soon("the control", shown).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_a_single_connection_does_all_that_others_do() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let mut config = place.config().unwrap();
    config.connections = 1;
    let store = Store::connect(config).await.unwrap();
    let work = (0..6).map(|number| {
        let (store, of) = (store.clone(), format!("of-{number}"));
        async move {
            let chain = Chain::Tenant(tenant(&of));
            let draft = Draft::new(Action::PLAN_REFUSED, "ana", "plan", "p");
            store.append_evidence(&chain, vec![draft]).await.unwrap();
            let append = |trace: &str| new_goal(&store, &of, trace).append();
            let (one, two, set) = tokio::join!(
                store.append(append("one")),
                store.append(append("two")),
                set(&store, &of, Mode::Hold)
            );
            assert!(
                one.is_ok() && two.is_ok() && set.is_ok(),
                "{one:?} {two:?} {set:?}"
            );
            store.checkpoint(&chain).await.unwrap();
        }
    });
    join_all(work).await;
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
}

#[tokio::test]
async fn processes_that_work_for_one_tenant_at_once_lose_nothing() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(place.open().await);
    let others = [place.beside(), place.beside()];
    let runs = others.iter().enumerate().map(|(number, other)| {
        let (dir, url) = (other.dir().to_owned(), other.url().to_owned());
        let name = format!("p{number}-");
        tokio::task::spawn_blocking(move || {
            child::run("work", &dir, &[("STORE_URL", &url), ("STORE_NAME", &name)])
        })
    });
    let runs = join_all(runs.collect::<Vec<_>>()).await;
    let store = place.open().await;
    for done in runs {
        let done = done.unwrap();
        assert!(
            done.lines.iter().any(|line| line == "DONE"),
            "{}",
            done.said
        );
        crash::holds(&store, &done.lines).await.unwrap();
    }
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
    assert_eq!(misnumbered(&place).await, Vec::<String>::new());
}
