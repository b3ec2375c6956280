//! Redis, started and killed.

use servers::{Redis, or_skip};

use crate::talk;

#[test]
fn redis_comes_back_on_its_port_and_empty() {
    let Some(redis) = or_skip(Redis::start()) else {
        return;
    };
    let ask = |command| talk::redis(redis.port(), command).map_err(|error| error.kind());
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    assert_eq!(ask("PING"), Ok("+PONG".to_owned()));
    assert_eq!(ask("SET a b"), Ok("+OK".to_owned()));

    redis.kill().unwrap();
    assert_eq!(ask("PING"), Err(std::io::ErrorKind::ConnectionRefused));
    redis.start_again().unwrap();

    assert_eq!(ask("PING"), Ok("+PONG".to_owned()));
    assert_eq!(ask("GET a"), Ok("$-1".to_owned()));
}

#[test]
fn tests_share_a_redis() {
    let Some(redis) = or_skip(Redis::shared()) else {
        return;
    };
    assert_eq!(redis.port(), Redis::shared().unwrap().port());
}
