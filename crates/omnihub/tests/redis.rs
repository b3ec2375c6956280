//! The binary with Redis: used when it is there, told of when it is not, and needed by nothing.

use super::world::World;

const PLAN: &str =
    r#"{"steps": [{"id": "say", "tool": "respond_to_user", "input": {"message": "done"}}]}"#;

fn settings(database: &str, redis: &str) -> String {
    format!("[store]\nurl = \"{database}\"\n[redis]\nurl = \"{redis}\"\n")
}

#[test]
fn redis_is_used_while_it_is_there_and_needed_by_nothing() {
    let (Some(postgres), Some(redis)) = (
        servers::or_skip(servers::Postgres::shared()),
        servers::or_skip(servers::Redis::start()),
    ) else {
        return;
    };
    let world = World::new(&settings(&postgres.database().unwrap(), &redis.url()));
    world.write("plan.json", PLAN);
    let server = world.serve();
    let doctor = world.run(&["doctor"]).good();
    assert!(
        doctor.contains("it answers; processes hear of each other"),
        "{doctor}"
    );

    redis.kill().unwrap();
    let doctor = world.run(&["doctor"]).good();
    assert!(doctor.contains("Redis cannot be used: "), "{doctor}");
    let submit = ["goal", "submit", "say", "--plan", "plan.json", "--watch"];
    server.run(&world, &submit).good();
    assert_eq!(server.stop(), 0);
    let log = world.log();
    assert!(log.contains("Redis is used for hints"), "{log}");
    assert!(log.contains("Redis cannot be used, which only"), "{log}");
}

#[test]
fn a_wrong_url_of_redis_stops_the_start_with_the_line() {
    let Some(postgres) = servers::or_skip(servers::Postgres::shared()) else {
        return;
    };
    let database = postgres.database().unwrap();
    let world = World::new(&settings(&database, "http://:geheim@127.0.0.1"));
    let refused = world.run(&["serve"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let place = "omnihub.toml:4: the URL of Redis cannot be read";
    assert!(refused.stderr.contains(place), "{refused:?}");
    assert!(!refused.stderr.contains("geheim"), "{refused:?}");
}

#[test]
fn redis_beside_sqlite_is_said_to_mean_nothing() {
    let world = World::new("[redis]\nurl = \"redis://127.0.0.1:1\"\n");
    assert_eq!(world.serve().stop(), 0);
    let log = world.log();
    assert!(
        log.contains("redis.url (REDIS_URL) means nothing here"),
        "{log}"
    );
}
