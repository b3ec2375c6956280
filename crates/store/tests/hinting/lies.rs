//! Messages that somebody else publishes: malformed, of another installation, or untrue.

use super::*;

/// The channel of a store's installation.
pub fn channel(store: &Store) -> String {
    format!("omnihub:{}:hints", store.installation())
}

/// Asks a server by a connection of its own, where that may block.
pub async fn ask<T>(redis: &'static servers::Redis, command: redis::Cmd) -> T
where
    T: redis::FromRedisValue + Send + 'static,
{
    let ask = move || {
        let client = redis::Client::open(redis.url()).unwrap();
        let asked = command.query(&mut client.get_connection().unwrap());
        asked.unwrap()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// Publishes a message; returns how many heard it.
async fn publish(redis: &'static servers::Redis, channel: &str, message: &[u8]) -> u64 {
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(channel).arg(message);
    ask(redis, publish).await
}

/// Publishes a message until both stores have heard it: one of them may be about to connect again.
async fn tell_both(redis: &'static servers::Redis, channel: &str, message: &[u8]) {
    soon("the message", async {
        while publish(redis, channel, message).await < 2 {}
    })
    .await;
}

/// How many listen to a channel.
pub async fn listeners(redis: &'static servers::Redis, channel: &str) -> u64 {
    let mut listeners = redis::cmd("PUBSUB");
    listeners.arg("NUMSUB").arg(channel);
    let answer: (String, u64) = ask(redis, listeners).await;
    answer.1
}

/// Commits without a hint.
async fn commit_silently(place: &Place, goal: &mut Driven) -> u64 {
    let quiet = place.beside();
    let quiet = quiet.open().await;
    quiet.append(goal.append()).await.unwrap().sequence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_and_garbage_change_nothing() {
    let Some((place, redis)) = both() else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    let mut goal = new_goal(&two.says, "acme", "one");
    let sequence = two.says.append(goal.append()).await.unwrap().sequence;
    let mine = two.hears.watch(&goal.tenant, &goal.goal).await.unwrap();
    let ghost = goal_id("ghost");
    let ghost = two.hears.watch(&goal.tenant, &ghost).await.unwrap();
    let generation = two.hears.gate().generation();
    // News that are true come through before and after, so that everything between was heard too.
    two.hear_of_events("before").await;
    let heard = two.hears.figures().hints_heard;

    let ours = channel(&two.says);
    let lies = [
        r#"{"goals":{"acme":{"goal-one":99}}}"#,
        r#"{"by":"x","goals":{"acme":{"goal-one":18446744073709551615,"goal-ghost":5}}}"#,
        r#"{"by":"x","goals":{"nobody":{"goal-one":7}}}"#,
        r#"{"by":"x","goals":{"acme":{"goal-one":0}}}"#,
        r#"{"by":"x","controls":18446744073709551615}"#,
        r#"{"by":"x","controls":0,"notices":true}"#,
    ];
    let garbage: [&[u8]; 6] = [
        b"",
        b"\xff\xfe\0",
        b"{",
        br#"{"by":"x","goals":{"acme":{"goal-one":"many"}}}"#,
        br#"{"by":"x","goals":{"'; DROP TABLE omnihub.goals; --":{"goal-one":4}}}"#,
        &[b'['; 1 << 16],
    ];
    for message in lies.iter().map(|lie| lie.as_bytes()).chain(garbage) {
        tell_both(redis, &ours, message).await;
    }
    two.hear_of_events("between").await;
    // On its own, since it makes what is named beside it unimportant.
    let all = br#"{"by":"x","all":true,"queue":true,"goals":{"acme":{"goal-one":99}}}"#;
    tell_both(redis, &ours, all).await;
    let theirs = ours.replace(two.says.installation(), "another");
    assert_eq!(publish(redis, &theirs, lies[0].as_bytes()).await, 0);
    two.hear_of_events("after").await;

    assert_eq!((*mine.borrow(), *ghost.borrow()), (sequence, 0));
    assert_eq!(two.hears.gate().generation(), generation);
    // The lies were heard.
    let since = two.hears.figures().hints_heard - heard;
    assert!(since >= (2 * ROUNDS + lies.len() + 1) as u64, "{since}");
    two.hear_of_everything("still").await;
}

/// The connections that listen, by their numbers.
async fn who_listens(redis: &'static servers::Redis) -> Vec<String> {
    let mut list = redis::cmd("CLIENT");
    list.arg("LIST").arg("TYPE").arg("PUBSUB");
    let list: String = ask(redis, list).await;
    let number = |line: &str| line.split(' ').next().unwrap().to_owned();
    list.lines().map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_megabytes_costs_a_connection_and_nothing_else() {
    // One that no other test listens to, for as long as this process lives.
    let alone = servers::or_skip(servers::Redis::start()).map(|redis| &*Box::leak(Box::new(redis)));
    let Some((place, redis)) = Place::postgres().zip(alone) else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    two.hear_of_events("before").await;
    let before = who_listens(redis).await;
    assert_eq!(before.len(), 2, "{before:?}");

    publish(redis, &channel(&two.says), &vec![b'['; 8 << 20]).await;

    soon("the new connections", async {
        loop {
            let now = who_listens(redis).await;
            if now.len() == 2 && now.iter().all(|number| !before.contains(number)) {
                return;
            }
        }
    })
    .await;
    two.live().await;
    two.hear_of_everything("after").await;
}

#[tokio::test]
async fn what_a_hint_names_is_looked_up_and_not_believed() {
    let Some((place, redis)) = both() else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    let mut goal = new_goal(&two.says, "acme", "one");
    two.says.append(goal.append()).await.unwrap();
    let mut watch = two.hears.watch(&goal.tenant, &goal.goal).await.unwrap();
    // Whatever looks were under way are over when this is heard.
    two.hear_of_events("before").await;
    for said in [99, 1_000] {
        goal.succeed();
        goal.start();
        let sequence = commit_silently(&two.place, &mut goal).await;
        assert!(sequence < said);
        let lie = format!(r#"{{"by":"x","goals":{{"acme":{{"goal-one":{said}}}}}}}"#);
        publish(redis, &channel(&two.says), lie.as_bytes()).await;
        let heard = watch.wait_for(|now| *now >= sequence);
        assert_eq!(*soon("the event", heard).await.unwrap(), sequence);
    }
}

#[tokio::test]
async fn two_installations_on_one_redis_do_not_hear_each_other() {
    let Some(((place, redis), elsewhere)) = both().zip(Place::postgres()) else {
        return;
    };
    let two = Two::at(place, &redis.url(), HARDLY_EVER).await;
    let others = Two::at(elsewhere, &redis.url(), HARDLY_EVER).await;
    two.live().await;
    others.live().await;
    others.hear_of_events("g").await;
    let heard = two.hears.figures().hints_heard;
    others.hear_of_everything("more").await;
    assert_eq!(two.hears.figures().hints_heard, heard);
}
