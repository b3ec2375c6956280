//! Sealing: where a store was moved is said, a move that was cut short goes on, and one that ended is not made again.

use std::path::Path;
use std::time::Duration;

use store::{
    Error, Location, Moved, PostgresConfig, Store, StoreConfig, back_up, move_to_postgres,
};

use crate::load::soon;
use crate::moving::fill;
use crate::place::{Place, client};
use crate::proxy::{How, Proxy};
use crate::world::subject;

/// How long a server may take in these tests: long for a loaded machine, short for a test.
const SHORT: Duration = Duration::from_secs(1);
/// Longer than that.
const LONGER: &str = "2 seconds";

/// A place with a store on SQLite to be moved.
async fn filled() -> Option<Place> {
    let place = Place::postgres()?;
    fill(&Store::open(StoreConfig::new(place.dir())).unwrap()).await;
    Some(place)
}

async fn moves(dir: &Path, to: &PostgresConfig) -> Result<Moved, Error> {
    move_to_postgres(StoreConfig::new(dir), to, &subject("ops")).await
}

/// Another database, for the same data directory.
fn elsewhere(place: &Place) -> (Place, PostgresConfig) {
    let other = Place::postgres().unwrap();
    let config = place.config_at(other.url());
    (other, config)
}

/// Whether a place holds a store.
async fn holds_a_store(place: &Place) -> bool {
    let config = place.config().unwrap();
    match store::verifier_key_postgres(&config).await {
        Ok(_) => true,
        Err(Error::NoSchema | Error::Damaged(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

/// Makes sure that whoever wants a data directory's goals is told where they are.
async fn says_where(place: &Place, config: &PostgresConfig, at: &str) {
    for refused in [
        Store::open(StoreConfig::new(place.dir())).unwrap_err(),
        moves(place.dir(), config).await.unwrap_err(),
    ] {
        assert!(
            matches!(&refused, Error::Moved { to, .. } if to.ends_with(at)),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_store_that_has_arrived_is_never_moved_again() {
    let Some(place) = filled().await else {
        return;
    };
    moves(place.dir(), &place.config().unwrap()).await.unwrap();

    let (other, config) = elsewhere(&place);
    says_where(&place, &config, place.database()).await;
    says_where(&place, &place.config().unwrap(), place.database()).await;
    let refused = Store::connect(config).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Moved { to, .. } if to.ends_with(place.database())),
        "{refused}"
    );
    assert!(!holds_a_store(&other).await);
    drop(place.open().await);
}

/// Makes the schema of a place without a store in it, and something that is in the way of one.
async fn obstruct(place: &Place) {
    let beside = Place::of(place.url().to_owned());
    drop(beside.open().await);
    let clear = "TRUNCATE omnihub.installation, omnihub.epochs, omnihub.tenants;
        INSERT INTO omnihub.epochs VALUES (1, 0, 'in the way')";
    place.sql(clear).await;
}

#[tokio::test]
async fn a_move_that_was_cut_short_goes_on_to_another_database_and_its_seal_says_so() {
    let Some(place) = filled().await else {
        return;
    };
    obstruct(&place).await;
    let cut = moves(place.dir(), &place.config().unwrap()).await;
    assert!(matches!(cut, Err(Error::Postgres(_))), "{cut:?}");
    let (other, config) = elsewhere(&place);
    let refused = Store::connect(config.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::MoveCut { to, .. } if to.ends_with(place.database())),
        "{refused}"
    );

    moves(place.dir(), &config).await.unwrap();

    says_where(&place, &config, other.database()).await;
    assert_eq!(store::check_postgres(&config).await.unwrap(), []);
    let to = "SELECT count(*) FROM omnihub.epochs WHERE cause LIKE 'moved to %'";
    assert_eq!(other.sql(to).await, ["2"]);
}

#[tokio::test]
async fn a_move_whose_end_nobody_learnt_of_is_known_by_what_is_there() {
    let Some(place) = filled().await else {
        return;
    };
    obstruct(&place).await;
    place.sql("DELETE FROM omnihub.epochs").await;
    let server = servers::Postgres::shared().unwrap();
    let proxy = Proxy::before(server.port()).await;
    let through = place.config_at(proxy.url(place.url()));
    let in_the_way = client(place.url()).await;
    let lock = "BEGIN; LOCK TABLE omnihub.checkpoints IN SHARE MODE";
    in_the_way.batch_execute(lock).await.unwrap();
    let dir = place.dir().to_owned();
    let cut = tokio::spawn(async move { moves(&dir, &through).await });
    let waits = "SELECT count(*) FROM pg_locks
        WHERE NOT granted AND relation = 'omnihub.checkpoints'::regclass";
    soon("the wait", async {
        while place.sql(waits).await == ["0"] {}
    })
    .await;
    // The next COMMIT is the move's.
    proxy.set(How::CutAfterCommit);
    in_the_way.batch_execute("COMMIT").await.unwrap();
    let cut = soon("the end", cut).await.unwrap();
    assert!(matches!(cut, Err(Error::Unverified { .. })), "{cut:?}");

    says_where(&place, &place.config().unwrap(), place.database()).await;
    let (other, config) = elsewhere(&place);
    says_where(&place, &config, place.database()).await;
    assert!(!holds_a_store(&other).await);
    drop(place.open().await);
    assert_eq!(place.damages().await, []);
}

/// Lets every goal that comes into a place be another than it was.
async fn corrupt(place: &Place) {
    obstruct(place).await;
    let change = "DELETE FROM omnihub.epochs;
        CREATE FUNCTION public.change() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN NEW.owner := ''nobody''; RETURN NEW; END';
        CREATE TRIGGER change BEFORE INSERT ON omnihub.goals FOR EACH ROW EXECUTE FUNCTION public.change()";
    place.sql(change).await;
}

#[tokio::test]
async fn what_fails_after_everything_was_moved_is_said_to_have() {
    let Some(place) = filled().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    back_up(place.dir(), &dir.path().join("backup")).unwrap();
    corrupt(&place).await;
    let bad = moves(place.dir(), &place.config().unwrap()).await;
    let bad = bad.unwrap_err();
    let Error::Unverified { to, source } = &bad else {
        panic!("{bad:?}");
    };
    assert!(to.ends_with(place.database()), "{to}");
    assert!(matches!(**source, Error::Damaged(_)), "{source:?}");
    says_where(&place, &place.config().unwrap(), place.database()).await;

    // The same where a backup is restored.
    let other = Place::postgres().unwrap();
    corrupt(&other).await;
    let to = PostgresConfig::new(dir.path().join("restored"), other.url());
    let backup = dir.path().join("backup");
    let bad = Location::Database(to)
        .restore(&backup, &subject("olaf"))
        .await;
    assert!(matches!(bad, Err(Error::Unverified { .. })), "{bad:?}");
}

#[tokio::test]
async fn a_piece_that_is_moved_may_take_longer_than_an_answer() {
    let Some(place) = filled().await else {
        return;
    };
    obstruct(&place).await;
    let slow = "DELETE FROM omnihub.epochs;
        CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN PERFORM pg_advisory_xact_lock(hashtext(TG_TABLE_NAME)); RETURN NEW; END'";
    place.sql(slow).await;
    let in_the_way = client(place.url()).await;
    for table in ["journal", "toolsets"] {
        let wait = format!(
            "CREATE TRIGGER wait BEFORE INSERT ON omnihub.{table} EXECUTE FUNCTION public.wait();
            SELECT pg_advisory_lock(hashtext('{table}'))"
        );
        in_the_way.batch_execute(&wait).await.unwrap();
    }
    let (dir, mut to) = (place.dir().to_owned(), place.config().unwrap());
    to.timeout = SHORT;
    let moved = tokio::spawn(async move { moves(&dir, &to).await });
    for table in ["journal", "toolsets"] {
        let waits = format!(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE datname = current_database() AND NOT granted AND locktype = 'advisory'
            AND now() - waitstart > interval '{LONGER}'"
        );
        soon("the wait", async {
            while place.sql(&waits).await == ["0"] {
                assert!(!moved.is_finished(), "{table}");
            }
        })
        .await;
        let go = format!("SELECT pg_advisory_unlock(hashtext('{table}'))");
        in_the_way.batch_execute(&go).await.unwrap();
    }
    soon("the end", moved).await.unwrap().unwrap();
}
