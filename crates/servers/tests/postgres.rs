//! PostgreSQL, started and killed: what was committed stays.

use servers::{Postgres, or_skip};

#[test]
fn postgres_can_be_started_again_as_soon_as_it_is_killed() {
    let Some(postgres) = or_skip(Postgres::start()) else {
        return;
    };
    let url = postgres.database().unwrap();
    postgres
        .sql_at(&url, "CREATE TABLE kept (number int)")
        .unwrap();
    for number in 1..4 {
        let insert = format!("INSERT INTO kept VALUES ({number})");
        postgres.sql_at(&url, &insert).unwrap();
        postgres.kill().unwrap();
        postgres.start_again().unwrap();
    }
    let kept = postgres.sql_at(&url, "SELECT number FROM kept ORDER BY 1");
    assert_eq!(kept.unwrap(), "1\n2\n3\n");
}
