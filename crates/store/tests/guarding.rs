//! Guarding: what the roles of the application see and may change in Postgres, and which roles can run a store.

use audit::{Action, Draft};
use domain::emergency::{Mode, Scope};
use saga::input::{Person, Wish};
use store::{Answer, Chain, Notice, Page, RequestKey, SetControl, Store};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::place::{Place, client, rows};
use crate::world::{Driven, asking, goal_id, now, subject, tenant};

/// Tables whose rows belong to no tenant.
const NOBODYS: [&str; 6] = [
    "epochs",
    "gate",
    "installation",
    "leader",
    "migrations",
    "toolsets",
];
/// Whatever can hold rows.
const TABLES: &str = "SELECT relname, EXISTS (SELECT 1 FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attname = 'tenant' AND NOT attisdropped)
    FROM pg_class WHERE relnamespace = 'omnihub'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname";

/// Does everything once that a store can be asked to write for a tenant, and leaves something in every table.
async fn use_all_of(store: &Store, of: &str) {
    let name = tenant(of);
    store.set_driving(false);
    let mut goal = Driven::new(store, &name, "one");
    goal.accept(store, &asking());
    let mut first = goal.append();
    first.notices.push(Notice {
        kind: "approval.asked".to_owned(),
        data: serde_json::json!({ "goal": of }),
    });
    let key = RequestKey {
        principal: subject("ana"),
        route: "goals".to_owned(),
        key: "key".to_owned(),
    };
    let answer = Answer {
        body: domain::digest::Digest::from_bytes([1; 32]),
        answer: of.as_bytes().to_vec(),
    };
    first.created.as_mut().unwrap().idempotency = Some((key.clone(), answer));
    store.append(first).await.unwrap();
    let posted = post(store, &goal, goal.grant()).await;
    goal.hear(posted, goal.grant());
    goal.start();
    store.append(goal.append()).await.unwrap();
    goal.succeed();
    store.append(goal.append()).await.unwrap();
    assert!(goal.saga.status().is_end());
    let mut waiting = Driven::new(store, &name, "two");
    waiting.accept(store, &asking());
    store.append(waiting.append()).await.unwrap();
    let wish = Wish::PauseGoal;
    post(
        store,
        &waiting,
        Person {
            by: subject("boss"),
            wish,
        },
    )
    .await;
    administer(store, of).await;
    let read = store.load(&name, &goal_id("one")).await.unwrap().unwrap();
    assert_eq!(read.saga.sequence(), goal.saga.sequence());
    assert!(store.answer(&name, &key).await.unwrap().is_some());
    let goals = store
        .goals(&name, Default::default(), Page::default())
        .await;
    assert_eq!(goals.unwrap().items.len(), 2);
    let due = store.due_notices(now().at, 10).await.unwrap();
    let own = due.iter().filter(|notice| notice.tenant == name);
    for notice in own.collect::<Vec<_>>() {
        store
            .notice_later(&name, notice.id, now().at)
            .await
            .unwrap();
    }
    assert!(
        store
            .open_goals(0, 10)
            .await
            .unwrap()
            .iter()
            .any(|goal| goal.wished)
    );
}

/// What is done beside goals.
async fn administer(store: &Store, of: &str) {
    let name = tenant(of);
    let chain = Chain::Tenant(name.clone());
    for mode in [Mode::Cancel, Mode::Hold] {
        let control = SetControl {
            tenant: Some(name.clone()),
            scope: Scope::All,
            target: None,
            mode,
            reason: format!("for {of}"),
            by: subject("boss"),
            chain: chain.clone(),
            evidence: vec![Draft::new(Action::ADMIN_CHANGED, "boss", "control", of)],
        };
        store.set_control(control).await.unwrap();
    }
    store.checkpoint(&chain).await.unwrap();
    let erased = Draft::new(Action::named("payloads.erased"), "boss", "goal", of);
    store
        .erase_payloads(&name, &goal_id("one"), vec![erased])
        .await
        .unwrap();
}

async fn post(store: &Store, goal: &Driven, person: Person) -> u64 {
    let posted = store.post(&goal.tenant, &goal.goal, person, |_| Ok::<(), ()>(()));
    posted.await.unwrap().id
}

/// A database with something in every table, of two tenants.
async fn used() -> Option<Place> {
    let place = Place::postgres()?;
    let store = place.open().await;
    use_all_of(&store, "acme").await;
    use_all_of(&store, "other").await;
    for (target, reason) in [("acme", "for acme"), ("other", "for other")] {
        let control = SetControl {
            tenant: None,
            scope: Scope::Tenant,
            target: Some(target.to_owned()),
            mode: Mode::Hold,
            reason: reason.to_owned(),
            by: subject("root"),
            chain: Chain::Installation,
            evidence: Vec::new(),
        };
        store.set_control(control).await.unwrap();
    }
    Some(place)
}

/// The tables of tenants: every one there is, so that a new one cannot be forgotten.
async fn tables(place: &Place) -> Vec<String> {
    let mut of_tenants = Vec::new();
    for line in place.sql(TABLES).await {
        let (table, has_tenant) = line.split_once('|').unwrap();
        match NOBODYS.contains(&table) {
            true => assert_eq!(has_tenant, "f", "{table}"),
            false => {
                assert_eq!(has_tenant, "t", "{table}: whose are its rows?");
                of_tenants.push(table.to_owned());
            }
        }
    }
    assert!(of_tenants.len() >= 11, "{of_tenants:?}");
    of_tenants
}

/// A connection that has become a role of the application, for a tenant.
async fn role(place: &Place, role: &str, tenant: Option<&str>) -> Client {
    let client = client(place.url()).await;
    client
        .batch_execute(&format!("SET ROLE {role}"))
        .await
        .unwrap();
    if let Some(tenant) = tenant {
        let set = format!("SET omnihub.tenant = '{tenant}'");
        client.batch_execute(&set).await.unwrap();
    }
    client
}

async fn ask(client: &Client, sql: &str) -> Vec<String> {
    let answer = client.simple_query(sql).await;
    rows(answer.unwrap_or_else(|error| panic!("{sql}: {error:?}")))
}

/// Makes sure that a statement is refused for want of a privilege, or by a policy.
async fn refuses(client: &Client, sql: &str) {
    let refused = client.simple_query(sql).await;
    let refused = refused.expect_err(sql);
    assert_eq!(
        refused.code(),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        "{sql}: {refused:?}"
    );
}

#[tokio::test]
async fn nothing_of_another_tenant_is_seen_in_any_table() {
    let Some(place) = used().await else { return };
    let (acme, nobody) = (
        role(&place, "omnihub_app", Some("acme")).await,
        role(&place, "omnihub_app", None).await,
    );
    for table in tables(&place).await {
        let own = format!("SELECT count(*) FROM omnihub.{table} WHERE tenant = 'acme'");
        assert_ne!(place.sql(&own).await, ["0"], "{table} is not used");
        assert_eq!(ask(&acme, &own).await, place.sql(&own).await, "{table}");
        let other = format!("SELECT * FROM omnihub.{table} WHERE tenant <> 'acme'");
        assert_eq!(ask(&acme, &other).await, Vec::<String>::new(), "{table}");
        let all = format!("SELECT * FROM omnihub.{table}");
        assert_eq!(ask(&nobody, &all).await, Vec::<String>::new(), "{table}");
    }
    // A control of the installation is everybody's, unless it names somebody.
    let controls = "SELECT reason FROM omnihub.emergency_controls WHERE tenant IS NULL";
    assert_eq!(ask(&acme, controls).await, ["for acme"]);
}

#[tokio::test]
async fn nothing_of_another_tenant_can_be_written_in_any_table() {
    let Some(place) = used().await else { return };
    let acme = role(&place, "omnihub_app", Some("acme")).await;
    for table in tables(&place).await {
        let rows = format!(
            "SELECT md5(string_agg(row::text, '/' ORDER BY row::text)), count(*)
            FROM omnihub.{table} AS row WHERE tenant IS DISTINCT FROM 'acme'"
        );
        let before = place.sql(&rows).await;
        let row = format!(
            "SELECT to_json(row) FROM omnihub.{table} AS row WHERE tenant = 'other' LIMIT 1"
        );
        let row = place.sql(&row).await.remove(0).replace('\'', "''");
        refuses(
            &acme,
            &format!(
                "INSERT INTO omnihub.{table} OVERRIDING SYSTEM VALUE
                SELECT * FROM json_populate_record(NULL::omnihub.{table}, '{row}')"
            ),
        )
        .await;
        refuses(
            &acme,
            &format!("UPDATE omnihub.{table} SET tenant = 'other'"),
        )
        .await;
        refuses(&acme, &format!("TRUNCATE omnihub.{table}")).await;
        // What is not refused reaches its own rows alone.
        let columns = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'omnihub.{table}'::regclass AND attnum > 0
            AND attidentity = ''"
        );
        for column in place.sql(&columns).await {
            let update = format!("UPDATE omnihub.{table} SET {column} = {column}");
            drop(acme.simple_query(&update).await);
        }
        drop(
            acme.simple_query(&format!("DELETE FROM omnihub.{table}"))
                .await,
        );
        assert_eq!(place.sql(&rows).await, before, "{table}");
    }
}

#[tokio::test]
async fn what_is_written_once_stays_as_it_is() {
    let Some(place) = used().await else { return };
    let acme = role(&place, "omnihub_app", Some("acme")).await;
    for table in [
        "journal",
        "audit",
        "checkpoints",
        "toolsets",
        "installation",
        "epochs",
    ] {
        let columns = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'omnihub.{table}'::regclass AND attnum > 0"
        );
        for column in place.sql(&columns).await {
            refuses(
                &acme,
                &format!("UPDATE omnihub.{table} SET {column} = {column}"),
            )
            .await;
        }
        refuses(&acme, &format!("DELETE FROM omnihub.{table}")).await;
        refuses(&acme, &format!("TRUNCATE omnihub.{table}")).await;
    }
    for table in [
        "tenants",
        "goals",
        "payloads",
        "approvals",
        "idempotency",
        "emergency_controls",
        "gate",
    ] {
        refuses(&acme, &format!("DELETE FROM omnihub.{table}")).await;
    }
    for sql in [
        "INSERT INTO omnihub.migrations VALUES (2, 'mine', '', 0)",
        "INSERT INTO omnihub.gate VALUES (2, 2)",
        "UPDATE omnihub.emergency_controls SET mode = 'off'",
        "UPDATE omnihub.leader SET epoch = 9",
    ] {
        refuses(&acme, sql).await;
    }
}

#[tokio::test]
async fn the_driver_sees_what_its_queues_are_made_of_and_nothing_else() {
    let Some(place) = used().await else { return };
    let may = |privilege: &str| {
        format!(
            "SELECT relname, string_agg(attname, ' ' ORDER BY attnum) FROM pg_class
            JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
            WHERE relnamespace = 'omnihub'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_column_privilege('omnihub_driver', pg_class.oid, attnum, '{privilege}')
            GROUP BY relname ORDER BY relname"
        )
    };
    assert_eq!(
        place.sql(&may("SELECT")).await,
        [
            "emergency_controls|id tenant scope target mode reason set_by since until",
            "epochs|number since cause",
            "gate|id generation",
            "goals|id tenant goal status finished_at wake_at sequence",
            "inbox|goal tenant at",
            "installation|id name created_at proof verifier_key",
            "leader|id holder epoch until",
            "migrations|version name sha256 applied_at",
            "outbox|id tenant kind body at attempts due_at",
            "queue|id tenant goal accepted taken_until",
            "tenants|number tenant size signed",
        ]
    );
    assert_eq!(
        place.sql(&may("UPDATE")).await,
        ["leader|id holder epoch until", "queue|taken_until"]
    );
    assert_eq!(place.sql(&may("INSERT")).await, Vec::<String>::new());
    let driver = role(&place, "omnihub_driver", None).await;
    for table in tables(&place).await {
        if table != "queue" {
            refuses(&driver, &format!("DELETE FROM omnihub.{table}")).await;
        }
        refuses(&driver, &format!("TRUNCATE omnihub.{table}")).await;
    }
}

#[tokio::test]
async fn a_role_with_the_two_grants_runs_a_store_and_cannot_lift_the_guard() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(place.open().await);
    let login = format!("login_{}", place.database());
    let create = format!("CREATE ROLE {login} LOGIN; GRANT omnihub_app, omnihub_driver TO {login}");
    place.sql(&create).await;
    let url = place.url().replace("//postgres@", &format!("//{login}@"));
    let store = Store::connect(place.config_at(&url)).await.unwrap();
    use_all_of(&store, "acme").await;
    store.checkpoint_due().await.unwrap();
    drop(store);
    let damages = store::check_postgres(&place.config_at(&url)).await.unwrap();
    assert_eq!(damages, Vec::new());

    let app = client(&url).await;
    for sql in [
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER TABLE omnihub.goals DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE omnihub.goals NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON omnihub.goals USING (true)",
        "DROP POLICY of_tenant ON omnihub.goals",
        "ALTER ROLE omnihub_app BYPASSRLS",
        "ALTER ROLE omnihub_app SUPERUSER",
        "GRANT SELECT ON omnihub.journal TO omnihub_driver",
        "CREATE TABLE omnihub.mine (tenant text)",
        "CREATE FUNCTION omnihub.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        for role in [login.as_str(), "omnihub_app", "omnihub_driver"] {
            ask(&app, &format!("SET ROLE {role}")).await;
            // Granting what one does not have is passed over with a warning.
            match sql.starts_with("GRANT") {
                true => drop(app.simple_query(sql).await),
                false => refuses(&app, sql).await,
            }
        }
    }
    let may = "SELECT has_table_privilege('omnihub_driver', 'omnihub.journal', 'SELECT')";
    assert_eq!(place.sql(may).await, ["f"]);
    ask(&app, "SET ROLE omnihub_app; SET row_security = off").await;
    refuses(&app, "SELECT * FROM omnihub.goals").await;
}
