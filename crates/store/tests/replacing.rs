//! Replacing: a database that is restored, or made anew, under stores that have it open.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use audit::{Action, Draft};
use domain::emergency::Mode;
use saga::input::{Person, Wish};
use store::{AppendError, Chain, Error, Location, PostError, PostgresConfig, Store};

use crate::child;
use crate::load::soon;
use crate::moving::fill;
use crate::place::Place;
use crate::sharing::{new_goal, set};
use crate::world::{Driven, goal_id, now, subject, tenant};

/// How often stores look by themselves where they are not to notice anything so: they would end this process.
const HARDLY_EVER: Duration = Duration::from_secs(3_600);
/// More than any count of changes, and less than the time in microseconds since 1970.
const UNCOUNTED: u64 = 1_000_000_000_000_000;

/// A database of which there is a backup.
struct BackedUp {
    place: Place,
    dir: tempfile::TempDir,
    restored: u32,
}

impl BackedUp {
    async fn new() -> Option<Self> {
        let place = Place::postgres()?;
        fill(&place.open().await).await;
        let dir = tempfile::tempdir().unwrap();
        let of = Location::Database(place.config().unwrap());
        of.back_up(&dir.path().join("backup")).await.unwrap();
        Some(Self {
            place,
            dir,
            restored: 0,
        })
    }

    /// Makes the database anew from the backup; returns how it is opened.
    async fn replace(&mut self) -> PostgresConfig {
        self.place.sql("DROP SCHEMA omnihub CASCADE").await;
        self.restored += 1;
        let dir: PathBuf = self.dir.path().join(format!("restored-{}", self.restored));
        let config = PostgresConfig::new(dir, self.place.url());
        let to = Location::Database(config.clone());
        let backup = self.dir.path().join("backup");
        to.restore(&backup, &subject("olaf")).await.unwrap();
        config
    }

    fn dump(&self) -> String {
        let server = servers::Postgres::shared().unwrap();
        let dump = server.dump(self.place.url()).unwrap();
        // What keeps two dumps from being mistaken for each other is none of the database's.
        let lines = dump.lines().filter(|line| !line.contains("restrict "));
        lines.collect::<Vec<_>>().join("\n")
    }
}

async fn open(config: PostgresConfig) -> Store {
    let config = PostgresConfig {
        look_every: HARDLY_EVER,
        ..config
    };
    Store::connect(config).await.unwrap()
}

/// Makes sure that a store that is open writes nothing whatever it is asked, and says why.
async fn writes_nothing(store: &Store) {
    let (acme, minute) = (tenant("acme"), Duration::from_secs(60));
    let restored = |what: &str, error: Option<Error>| {
        assert!(matches!(error, Some(Error::Restored)), "{what}: {error:?}");
    };
    for of in ["acme", "a-new-tenant"] {
        let appended = store.append(new_goal(store, of, "late").append()).await;
        match appended {
            Err(AppendError::Store(error)) => restored("append", Some(error)),
            other => panic!("{other:?}"),
        }
        restored("control", set(store, of, Mode::Hold).await.err());
    }
    let wish = Person {
        by: subject("boss"),
        wish: Wish::PauseGoal,
    };
    let (asked, guard) = (goal_id("asked"), |_: &_| Ok::<(), ()>(()));
    match store.post(&acme, &asked, wish, guard).await {
        Err(PostError::Store(error)) => restored("wish", Some(error)),
        other => panic!("{other:?}"),
    }
    let chain = Chain::Tenant(acme.clone());
    let draft = || vec![Draft::new(Action::AUTH_FAILED, "nobody", "token", "x")];
    let evidence = store.append_evidence(&chain, draft()).await;
    restored("evidence", evidence.err());
    restored("checkpoint", store.checkpoint(&chain).await.err());
    let erased = store.erase_payloads(&acme, &asked, draft()).await;
    restored("erasing", erased.err());
    let forgotten = store.forget_wishes(&acme, &asked, 9).await;
    restored("forgetting", forgotten.err());
    restored("lead", store.lead(minute).await.err());
    restored("step down", store.step_down().await.err());
    restored("queue", store.take_queued(9, minute).await.err());
    restored("told", store.told(&[1]).await.err());
    restored("notice", store.notice_done(&acme, 1).await.err());
    let later = store.notice_later(&acme, 1, now().at).await;
    restored("later", later.err());
    restored("controls", store.look_at_controls().await.err());
}

#[tokio::test]
async fn a_store_whose_database_was_restored_writes_nothing_and_says_why() {
    let Some(mut backed_up) = BackedUp::new().await else {
        return;
    };
    let store = open(backed_up.place.config().unwrap()).await;
    let generation = set(&store, "other", Mode::Hold).await.unwrap().generation();
    let config = backed_up.replace().await;
    let before = backed_up.dump();

    writes_nothing(&store).await;

    assert_eq!(backed_up.dump(), before);
    // Nor does one that opened the same backup, restored once before, in the same epoch.
    let restored = open(config).await;
    let config = backed_up.replace().await;
    let again = open(config.clone()).await;
    assert_eq!(restored.epoch(), again.epoch());
    let before = backed_up.dump();
    writes_nothing(&restored).await;
    assert_eq!(backed_up.dump(), before);

    // What is opened now has the hold, under a generation that nobody can have seen before.
    let gate = again.gate();
    assert!(gate.holding(&tenant("acme"), &goal_id("asked")).is_some());
    assert!(gate.generation() > UNCOUNTED && generation < UNCOUNTED);
    again.set_driving(false);
    let mut goal = Driven::load(&again, &tenant("acme"), "asked").await;
    for (id, person) in again.inbox(&tenant("acme"), &goal.goal).await.unwrap() {
        goal.hear(id, person);
    }
    again.append(goal.append()).await.unwrap();
    let queued = again.take_queued(9, Duration::ZERO).await.unwrap();
    assert!(queued.iter().all(|row| row.id > UNCOUNTED), "{queued:?}");
    assert_eq!(queued.len(), 1);
    assert_eq!(store::check_postgres(&config).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_database_was_restored_ends_by_itself() {
    let Some(mut backed_up) = BackedUp::new().await else {
        return;
    };
    let (place, url) = (backed_up.place.beside(), backed_up.place.url().to_owned());
    let mut process = child::command("hold", place.dir())
        .env("STORE_URL", url)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut said = said.map(Result::unwrap);
    assert!(said.any(|line| line == "HOLDING"));
    // As long as this is there nobody else ends it.
    let _told_to_end = process.stdin.take().unwrap();

    backed_up.replace().await;

    let ended = tokio::task::spawn_blocking(|| process.wait_with_output());
    let ended = soon("the end", ended).await.unwrap().unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    let expected = format!("so the process ends: {}", Error::Restored);
    assert!(said.contains(&expected), "{said}");
}

#[tokio::test]
async fn controls_that_went_back_with_their_database_are_shown_as_they_are() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let store = place.open().await;
    let mut gate = store.watch_gate();
    for mode in [Mode::Hold, Mode::Off] {
        set(&store, "acme", mode).await.unwrap();
    }
    let newest = store.gate().generation();
    // As a copy of the whole server from before the last change has it.
    place
        .sql("UPDATE omnihub.emergency_controls SET until = NULL; UPDATE omnihub.gate SET generation = generation - 1")
        .await;
    let back = gate.wait_for(|gate| gate.generation() < newest);
    let back = soon("the controls", back).await.unwrap().clone();
    assert_eq!(back.holding(&tenant("acme"), &goal_id("any")), Some("look"));
}
