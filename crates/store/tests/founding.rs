//! Founding a store in Postgres: which roles can, that one of many does, and what the others are told.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use store::{Error, Store};

use crate::place::{Place, said};
use crate::world::{Driven, chain_of, tenant};

/// A server that a test has for itself, where roles are no other test's.
fn server() -> Option<servers::Postgres> {
    servers::or_skip(servers::Postgres::start())
}

/// The URL of a place for another role.
fn url(place: &Place, role: &str) -> String {
    let owner = place.url();
    owner.replace("//postgres@", &format!("//{role}@"))
}

async fn connect(place: &Place, role: &str) -> Result<Store, Error> {
    Store::connect(place.config_at(url(place, role))).await
}

async fn drive(store: &Store, trace: &str) {
    let mut goal = Driven::new(store, &tenant("acme"), trace);
    goal.accept(store, &chain_of(2));
    while !goal.saga.status().is_end() {
        goal.start();
        store.append(goal.append()).await.unwrap();
        goal.succeed();
    }
    store.append(goal.append()).await.unwrap();
}

/// What a role is told that can neither found a store nor use one.
async fn refusal(place: &Place, role: &str) -> String {
    match connect(place, role).await {
        Err(error @ Error::Privilege(_)) => said(&error),
        answer => panic!("{role}: {answer:?}"),
    }
}

/// As on a stock Supabase: whoever founds is no superuser, and makes the roles itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_a_database_can_found_a_store_without_being_superuser() {
    let Some(server) = server() else { return };
    let sql = |sql: &str| server.sql("postgres", sql).unwrap();
    sql("CREATE ROLE owner LOGIN CREATEROLE CREATEDB BYPASSRLS REPLICATION");
    sql("CREATE ROLE plain LOGIN CREATEROLE CREATEDB");
    for owner in ["owner", "plain"] {
        // Two databases and two processes each, so that nobody finds the roles as it left them.
        let places = [Place::on(&server), Place::on(&server)];
        for place in &places {
            sql(&format!(
                "ALTER DATABASE {} OWNER TO {owner}",
                place.database()
            ));
        }
        let connects = places.iter().flat_map(|place| [place, place]).map(|place| {
            let config = place.config_at(url(place, owner));
            tokio::spawn(Store::connect(config))
        });
        for (number, store) in join_all(connects.collect::<Vec<_>>())
            .await
            .into_iter()
            .enumerate()
        {
            let store = store
                .unwrap()
                .unwrap_or_else(|error| panic!("{owner}: {}", said(&error)));
            drive(&store, &format!("g-{number}")).await;
        }
        for place in &places {
            drive(&connect(place, owner).await.unwrap(), "later").await;
            let config = place.config_at(url(place, owner));
            assert_eq!(store::check_postgres(&config).await.unwrap(), Vec::new());
            let may = "SELECT count(*) FROM pg_roles
                WHERE rolname LIKE 'omnihub%' AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole)";
            assert_eq!(place.sql(may).await, ["0"]);
        }
    }
}

#[tokio::test]
async fn a_role_without_the_privilege_is_told_what_to_do_and_leaves_nothing() {
    let Some(server) = server() else { return };
    let place = Place::on(&server);
    let sql = |sql: &str| server.sql("postgres", sql).unwrap();
    sql("CREATE ROLE nobody LOGIN; CREATE ROLE half LOGIN; CREATE ROLE distant LOGIN NOINHERIT");
    let what_to_do = "connect once as a role that may create schemas and roles, or grant this one omnihub_app and \
                      omnihub_driver";
    // In an empty database of a server that has no roles of ours, and of one that has.
    for _ in 0..2 {
        let told = refusal(&place, "nobody").await;
        assert!(told.contains(what_to_do), "{told}");
        let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'omnihub'";
        assert_eq!(place.sql(made).await, ["0"]);
        drop(Place::on(&server).open().await);
    }
    drop(place.open().await);
    sql("GRANT omnihub_app TO half; GRANT omnihub_app, omnihub_driver TO distant");
    let told = refusal(&place, "nobody").await;
    assert!(told.contains(what_to_do), "{told}");
    let told = refusal(&place, "half").await;
    assert!(told.contains("nothing from, omnihub_driver"), "{told}");
    let told = refusal(&place, "distant").await;
    assert!(told.contains("nothing from, omnihub_app"), "{told}");
    sql("ALTER ROLE distant INHERIT; GRANT omnihub_driver TO half");
    for role in ["distant", "half"] {
        drive(&connect(&place, role).await.unwrap(), role).await;
    }
}

#[tokio::test]
async fn a_database_without_its_guard_is_not_opened() {
    let Some(server) = server() else { return };
    let place = Place::on(&server);
    drive(&place.open().await, "one").await;
    let cases = [
        (
            "ALTER ROLE omnihub_app BYPASSRLS",
            "row-level security does not bind the role omnihub_app",
            "ALTER ROLE omnihub_app NOBYPASSRLS",
        ),
        (
            "ALTER ROLE omnihub_driver SUPERUSER",
            "row-level security does not bind the role omnihub_driver",
            "ALTER ROLE omnihub_driver NOSUPERUSER",
        ),
        (
            "ALTER TABLE omnihub.audit DISABLE ROW LEVEL SECURITY",
            "row-level security does not guard the table audit",
            "ALTER TABLE omnihub.audit ENABLE ROW LEVEL SECURITY",
        ),
        (
            "ALTER TABLE omnihub.goals NO FORCE ROW LEVEL SECURITY",
            "row-level security does not guard the table goals",
            "ALTER TABLE omnihub.goals FORCE ROW LEVEL SECURITY",
        ),
        (
            "ALTER TABLE omnihub.goals OWNER TO omnihub_app",
            "row-level security does not guard the table goals",
            "ALTER TABLE omnihub.goals OWNER TO postgres",
        ),
        (
            "CREATE TABLE omnihub.newer (tenant text)",
            "row-level security does not guard the table newer",
            "DROP TABLE omnihub.newer",
        ),
    ];
    for (edit, expected, back) in cases {
        place.sql(edit).await;
        let told = refusal(&place, "postgres").await;
        assert!(told.contains(expected), "{edit}: {told}");
        place.sql(back).await;
        drop(place.open().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_stores_that_found_a_database_at_once_one_does() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let connects = (0..4).map(|_| Store::connect(place.config().unwrap()));
    let stores = join_all(connects.map(tokio::spawn)).await;
    let mut names = BTreeSet::new();
    for (number, store) in stores.into_iter().enumerate() {
        let store = store.unwrap().unwrap();
        names.insert(store.installation().to_owned());
        let goal = &format!("g-{number}");
        drive(&store, goal).await;
    }
    assert_eq!(names.len(), 1);
    let count = "SELECT (SELECT count(*) FROM omnihub.migrations WHERE version = 1),
        (SELECT count(*) FROM omnihub.installation), (SELECT count(*) FROM omnihub.goals)";
    assert_eq!(place.sql(count).await, ["1|1|4"]);
    assert_eq!(place.damages().await, Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_other_keys_is_refused_also_while_it_is_founded() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let stranger = Place::of(place.url().to_owned());
    let (one, two) = join(
        Store::connect(place.config().unwrap()),
        Store::connect(stranger.config().unwrap()),
    )
    .await;
    let (store, refused) = match (one, two) {
        (Ok(store), Err(refused)) | (Err(refused), Ok(store)) => (store, refused),
        both => panic!("{both:?}"),
    };
    assert!(
        matches!(
            refused,
            Error::Key { .. } | Error::File { action: "read", .. }
        ),
        "{refused:?}"
    );
    let strange = Place::of(place.url().to_owned());
    std::fs::create_dir(strange.dir().join("keys")).unwrap();
    for name in ["installation.key", "audit.key"] {
        store::keys::read_or_create(&strange.dir().join("keys").join(name)).unwrap();
    }
    let refused = Store::connect(strange.config().unwrap()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Key { path, .. } if path.ends_with("installation.key")),
        "{refused:?}"
    );
    let goal = "one";
    drive(&store, goal).await;
}
