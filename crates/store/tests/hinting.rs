//! Hinting: what processes that share a database tell each other through Redis, and that nothing stands on it.
//!
//! Where hints are to be seen at work the stores look by themselves only every hour: what is heard there, hints have
//! brought.

use std::time::Duration;

use store::{Append, Appended, Error, HintState, Notice, PostgresConfig, RedisConfig, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::load::soon;
use crate::place::Place;
use crate::proxy::{How, Proxy};
use crate::reaching::Certificates;
use crate::sharing::{new_goal, set};
use crate::world::{Driven, goal_id, subject, tenant};

mod lies;
mod secured;

/// How often stores look by themselves where hints are to be seen at work.
const HARDLY_EVER: Duration = Duration::from_secs(3_600);
/// Rounds in which everything has to be heard: a new connection makes everybody look once, not this often.
const ROUNDS: usize = 4;

/// Stores that share a database and hint to each other.
struct Two {
    place: Place,
    says: Store,
    hears: Store,
    _other: Place,
}

impl Two {
    /// Stores that have Redis at that URL, and look by themselves that often.
    async fn at(place: Place, url: &str, look_every: Duration) -> Self {
        let says = connect(&place, url, look_every).await;
        let other = place.beside();
        let hears = connect(&other, url, look_every).await;
        Self {
            place,
            says,
            hears,
            _other: other,
        }
    }

    /// Waits until hints come and go between them.
    async fn live(&self) {
        for store in [&self.says, &self.hears] {
            became(store, |state| *state == HintState::Live).await;
        }
    }

    /// Waits until both know that they do not.
    async fn away(&self) {
        for store in [&self.says, &self.hears] {
            became(store, |state| matches!(state, HintState::Away(_))).await;
        }
    }

    /// Makes sure that one hears whatever the other commits.
    async fn hear_of_everything(&self, word: &str) {
        self.hear_by_looking(word).await;
        self.hear_of_the_queue(word).await;
    }

    /// The same without what only hints tell: whoever waits for the queue looks by itself.
    async fn hear_by_looking(&self, word: &str) {
        self.hear_of_events(word).await;
        self.hear_of_controls(word).await;
        self.hear_of_notices(word).await;
    }

    async fn hear_of_events(&self, word: &str) {
        for round in 0..ROUNDS {
            self.hear_of_an_event(&format!("{word}-{round}")).await;
        }
    }

    async fn hear_of_an_event(&self, trace: &str) {
        let goal = new_goal(&self.says, "acme", trace).append();
        let mut watch = self.hears.watch(&goal.tenant, &goal.goal).await.unwrap();
        let appended = append(&self.says, goal).await;
        let heard = watch.wait_for(|sequence| *sequence > 0);
        let heard = *soon("the event", heard).await.unwrap();
        assert_eq!(heard, appended.sequence);
    }

    async fn hear_of_controls(&self, word: &str) {
        let mut gate = self.hears.watch_gate();
        for round in 0..ROUNDS {
            let of = format!("{word}-{round}");
            let set = set(&self.says, &of, domain::emergency::Mode::Hold);
            let generation = soon("an answer", set).await.unwrap().generation();
            let shown = gate.wait_for(|gate| gate.generation() >= generation);
            let shown = soon("the control", shown).await.unwrap().clone();
            assert_eq!(shown.holding(&tenant(&of), &goal_id("any")), Some("look"));
        }
    }

    async fn hear_of_the_queue(&self, word: &str) {
        let mut queue = self.hears.queue_hints();
        self.says.set_driving(false);
        for round in 0..ROUNDS {
            let trace = format!("{word}-queued-{round}");
            queue.mark_unchanged();
            let goal = new_goal(&self.says, "acme", &trace).append();
            append(&self.says, goal).await;
            soon("the goal", queue.changed()).await.unwrap();

            queue.mark_unchanged();
            let person = saga::input::Person {
                by: subject("boss"),
                wish: saga::input::Wish::PauseGoal,
            };
            let (of, name) = (tenant("acme"), goal_id(&trace));
            let posted = self.says.post(&of, &name, person, |_| Ok::<(), ()>(()));
            soon("an answer", posted).await.unwrap();
            soon("the wish", queue.changed()).await.unwrap();
        }
        self.says.set_driving(true);
    }

    async fn hear_of_notices(&self, word: &str) {
        let mut notices = self.hears.watch_notices();
        for round in 0..ROUNDS {
            notices.mark_unchanged();
            let mut goal =
                new_goal(&self.says, "acme", &format!("{word}-noticed-{round}")).append();
            goal.notices.push(Notice {
                kind: "goal.ended".to_owned(),
                data: serde_json::json!({}),
            });
            append(&self.says, goal).await;
            soon("the notice", notices.changed()).await.unwrap();
        }
    }
}

fn config(place: &Place, url: &str, look_every: Duration) -> PostgresConfig {
    PostgresConfig {
        hints: Some(RedisConfig {
            url: url.to_owned(),
            ca: None,
        }),
        look_every,
        ..place.config().unwrap()
    }
}

async fn connect(place: &Place, url: &str, look_every: Duration) -> Store {
    let opened = Store::connect(config(place, url, look_every)).await;
    opened.unwrap()
}

/// Appends, which nothing about Redis may keep from being answered.
async fn append(store: &Store, append: Append) -> Appended {
    soon("an answer", store.append(append)).await.unwrap()
}

async fn became(store: &Store, is_it: impl Fn(&HintState) -> bool) -> HintState {
    let mut state = store.watch_hints().unwrap();
    let state = soon("a change", state.wait_for(|state| is_it(state))).await;
    state.unwrap().clone()
}

/// How often a store looks unless it is told otherwise.
fn often(place: &Place) -> Duration {
    place.config().unwrap().look_every
}

/// A database, and a Redis that tests share.
fn both() -> Option<(Place, &'static servers::Redis)> {
    Some((
        Place::postgres()?,
        servers::or_skip(servers::Redis::shared())?,
    ))
}

/// A URL of what listens on a port.
fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

#[tokio::test]
async fn whatever_one_store_commits_another_hears_of_by_hint() {
    let Some((place, redis)) = both() else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    two.hear_of_everything("g").await;
    let (said, heard) = (two.says.figures(), two.hears.figures());
    assert!(said.hints_sent >= 5 * ROUNDS as u64, "{said:?}");
    assert!(heard.hints_heard >= 5 * ROUNDS as u64, "{heard:?}");
    // Whoever says something does not hear itself.
    assert!(said.hints_heard < ROUNDS as u64, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_drive_leaves_its_queue_to_those_who_hear_of_it() {
    let Some((place, redis)) = Place::postgres().zip(servers::or_skip(servers::Redis::start()))
    else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    // The one takes goals, the other drives them.
    two.says.set_dispatched(HARDLY_EVER, false);
    two.hears.set_dispatched(HARDLY_EVER, true);
    assert!(two.says.leaves_queue() && !two.hears.leaves_queue());
    let mut queue = two.hears.queue_hints();
    let queued = async |store: &Store, trace| {
        append(store, new_goal(store, "acme", trace).append()).await;
        let kept = store.take_fresh(9).len();
        let given = two.hears.take_queued(9, HARDLY_EVER).await.unwrap();
        (kept, given.len())
    };
    assert_eq!(queued(&two.says, "left").await, (0, 1));
    soon("the goal", queue.changed()).await.unwrap();
    assert_eq!(queued(&two.hears, "kept").await, (1, 0));

    // Nobody hears of it: it tells of it itself.
    tokio::task::block_in_place(|| redis.kill()).unwrap();
    two.away().await;
    assert!(!two.says.leaves_queue());
    assert_eq!(queued(&two.says, "alone").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_costs_nothing_and_is_used_again_when_it_is_back() {
    let Some((place, redis)) = Place::postgres().zip(servers::or_skip(servers::Redis::start()))
    else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    for round in 0..2 {
        tokio::task::block_in_place(|| redis.kill()).unwrap();
        two.away().await;
        let goal = new_goal(&two.says, "acme", &format!("meanwhile-{round}")).append();
        let (of, name) = (goal.tenant.clone(), goal.goal.clone());
        let mut watch = two.hears.watch(&of, &name).await.unwrap();
        let appended = append(&two.says, goal).await;
        assert_eq!(*watch.borrow(), 0);

        tokio::task::block_in_place(|| redis.start_again()).unwrap();
        // What was not said meanwhile is looked for when it is back.
        let heard = watch.wait_for(|sequence| *sequence == appended.sequence);
        soon("the event", heard).await.unwrap();
        two.live().await;
        two.hear_of_everything(&format!("again-{round}")).await;
    }
    assert!(two.says.figures().hints_dropped > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_not_there_at_the_start_is_used_as_soon_as_it_is() {
    let Some((place, redis)) = Place::postgres().zip(servers::or_skip(servers::Redis::start()))
    else {
        return;
    };
    tokio::task::block_in_place(|| redis.kill()).unwrap();
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.away().await;
    let goal = new_goal(&two.says, "acme", "before").append();
    append(&two.says, goal).await;

    tokio::task::block_in_place(|| redis.start_again()).unwrap();
    two.live().await;
    two.hear_of_everything("g").await;
}

#[tokio::test]
async fn nothing_waits_for_a_redis_that_is_silent() {
    let Some((place, redis)) = both() else {
        return;
    };
    let proxy = Proxy::before(redis.port()).await;
    let look_every = often(&place);
    let two = Two::at(place, &url(proxy.port), look_every).await;
    two.live().await;
    // Nothing passes until this test lets it: whatever waited for Redis would wait for ever.
    proxy.set(How::Silent);
    two.hear_by_looking("silent").await;
    two.away().await;
    two.hear_of_an_event("away").await;
    // Nor do those that begin meanwhile.
    let other = two.place.beside();
    let through = url(proxy.port);
    let late = connect(&other, &through, look_every);
    let late = soon("the store", late).await;
    let goal = new_goal(&late, "acme", "late").append();
    append(&late, goal).await;
    assert!(two.says.figures().hints_dropped > 0);

    proxy.set(How::Pass);
    two.live().await;
}

#[tokio::test]
async fn hints_that_a_silent_redis_swallowed_are_made_up_for() {
    let Some((place, redis)) = both() else {
        return;
    };
    let proxy = Proxy::before(redis.port()).await;
    // One speaks through a network that fails it, the other hears well.
    let says = connect(&place, &url(proxy.port), HARDLY_EVER).await;
    let other = place.beside();
    let hears = connect(&other, &redis.url(), HARDLY_EVER).await;
    for store in [&says, &hears] {
        became(store, |state| *state == HintState::Live).await;
    }
    for (round, how) in [How::Silent, How::Cut, How::HalfToServer, How::HalfToClient]
        .into_iter()
        .enumerate()
    {
        proxy.set(how);
        let goal = new_goal(&says, "acme", &format!("g-{round}")).append();
        let mut watch = hears.watch(&goal.tenant, &goal.goal).await.unwrap();
        let appended = append(&says, goal).await;
        became(&says, |state| matches!(state, HintState::Away(_))).await;
        proxy.set(How::Pass);
        let heard = watch.wait_for(|sequence| *sequence == appended.sequence);
        soon("the event", heard).await.unwrap();
        became(&says, |state| *state == HintState::Live).await;
    }
}

#[tokio::test]
async fn what_is_not_redis_is_left_alone_and_named() {
    for (answer, expected) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", ""),
        ("\r\n\r\n\0\u{7f}nonsense", ""),
        ("-ERR unknown command `HELLO`\r\n", "HELLO"),
        ("-NOAUTH HELLO must be called\r\n", "NOAUTH"),
        ("$99999999999\r\n", ""),
        ("", ""),
    ] {
        let Some(place) = Place::postgres() else {
            return;
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut buffer = [0; 512];
                drop(client.read(&mut buffer).await);
                drop(client.write_all(answer.as_bytes()).await);
            }
        });
        let look_every = often(&place);
        let two = Two::at(place, &url(port), look_every).await;
        let state = became(&two.says, |state| matches!(state, HintState::Away(_))).await;
        assert!(
            format!("{state:?}").contains(expected),
            "{answer:?}: {state:?}"
        );
        two.hear_of_an_event("g").await;
        server.abort();
    }
}

#[tokio::test]
async fn a_wrong_url_is_refused_before_anything_is_made() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let refused = Store::connect(config(&place, "127.0.0.1:6379", HARDLY_EVER)).await;
    let refused = refused.expect_err("the store was opened");
    assert!(matches!(refused, Error::RedisUrl(_)), "{refused:?}");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'omnihub'";
    assert_eq!(place.sql(made).await, ["0"]);
}

#[tokio::test]
async fn a_store_that_is_dropped_hears_no_more() {
    let Some((place, redis)) = both() else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    let channel = lies::channel(&two.says);
    assert_eq!(lies::listeners(redis, &channel).await, 2);
    drop(two);
    soon("the end", async {
        while lies::listeners(redis, &channel).await > 0 {}
    })
    .await;
}
