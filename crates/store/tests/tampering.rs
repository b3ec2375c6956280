//! Tampering: what somebody who owns the server changes by hand is named.

use audit::{Action, Draft};
use store::{Chain, Error, VerifyOptions, check_postgres, verify_postgres};

use crate::place::{Place, said};
use crate::world::{Driven, asking, chain_of, tenant};

/// Keeps a copy of every table, and puts it back.
const KEEP: &str = "CREATE SCHEMA kept; DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('CREATE TABLE kept.%I AS TABLE omnihub.%I', name, name);
    END LOOP; END $$";
const PUT_BACK: &str = "DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DELETE FROM omnihub.%I', name);
        EXECUTE format('INSERT INTO omnihub.%I OVERRIDING SYSTEM VALUE TABLE kept.%I', name, name);
    END LOOP; END $$";

/// The tenants' numbers are 1 and 2 as they came; the second row of evidence of either begins at index 3.
const ACME: &str = "(1::bigint << 40)";
/// A function that changes bytes as text.
const SWAP: &str = "CREATE FUNCTION kept.swap(bytea, text, text) RETURNS bytea LANGUAGE sql AS
    'SELECT decode(replace(encode($1, ''hex''), encode($2::bytea, ''hex''), encode($3::bytea, ''hex'')), ''hex'')'";

/// A store with goals of two tenants, one of them waiting, signed more than once.
async fn founded() -> Option<Place> {
    let place = Place::postgres()?;
    let store = place.open().await;
    for trace in ["one", "two", "three"] {
        for of in ["acme", "other"] {
            let chain = Chain::Tenant(tenant(of));
            let mut goal = Driven::new(&store, &tenant(of), trace);
            goal.accept(&store, &chain_of(2));
            while !goal.saga.status().is_end() {
                goal.start();
                store.append(goal.append()).await.unwrap();
                goal.succeed();
            }
            store.append(goal.append()).await.unwrap();
            let mut goal = Driven::new(&store, &tenant(of), &format!("asking-{trace}"));
            goal.accept(&store, &asking());
            store.append(goal.append()).await.unwrap();
            store.checkpoint(&chain).await.unwrap();
        }
    }
    let failed = Draft::new(Action::AUTH_FAILED, "nobody", "token", "x");
    store
        .append_evidence(&Chain::Installation, vec![failed])
        .await
        .unwrap();
    // The newest entries of a chain are under no checkpoint.
    let refused = Draft::new(Action::PLAN_REFUSED, "ana", "plan", "p");
    store
        .append_evidence(&Chain::Tenant(tenant("acme")), vec![refused])
        .await
        .unwrap();
    drop(store);
    Some(place)
}

/// All that either command says.
async fn named(place: &Place) -> String {
    let config = place.config().unwrap();
    let mut all = Vec::new();
    match verify_postgres(&config, &VerifyOptions::default()).await {
        Ok(chains) => all.extend(chains.into_iter().filter_map(|chain| {
            let unproven = chain.result.err()?;
            Some(format!("{}: {unproven}", chain.chain))
        })),
        Err(error) => all.push(said(&error)),
    }
    match check_postgres(&config).await {
        Ok(damages) => all.extend(damages.iter().map(ToString::to_string)),
        Err(error @ Error::Damaged(_)) => all.push(said(&error)),
        Err(error) => panic!("{error:?}"),
    }
    all.join("\n")
}

/// What is done, and what is said of it.
fn cases() -> Vec<(String, &'static str)> {
    let second = format!(
        "id = (SELECT id FROM omnihub.audit WHERE id > {ACME} AND tenant = 'acme' ORDER BY id LIMIT 1)"
    );
    let own = "tenant = 'acme'";
    let last = "(SELECT max(id) FROM omnihub.audit WHERE tenant = 'acme')";
    let one = "(SELECT id FROM omnihub.goals WHERE tenant = 'acme' AND goal = 'goal-one')";
    let edits = [
        // Evidence.
        (format!("UPDATE omnihub.audit SET drafts = kept.swap(drafts, 'ana', 'eve') WHERE {second}"), "acme: index 3: edited"),
        (format!("UPDATE omnihub.audit SET at = at + 1 WHERE {second}"), "acme: index 3: edited"),
        (format!("UPDATE omnihub.audit SET drafts = '[' WHERE {second}"), "acme: index 3: "),
        (format!("UPDATE omnihub.audit SET hashes = decode(repeat('00', octet_length(hashes)), 'hex') WHERE {second}"), "acme: index 3: edited"),
        (format!("DELETE FROM omnihub.audit WHERE {second}"), "acme: index 3: removed"),
        (format!("DELETE FROM omnihub.audit WHERE id = {last}"), "acme: index "),
        (format!("UPDATE omnihub.audit SET tenant = 'other' WHERE {second}"), "acme: index 3: removed"),
        (format!("UPDATE omnihub.audit SET id = id + 1 WHERE {second}"), "acme: index 3: "),
        (format!("INSERT INTO omnihub.audit SELECT id + 1, tenant, at, form, previous, drafts, hashes FROM omnihub.audit WHERE {second}"), "acme: index "),
        (format!("INSERT INTO omnihub.audit SELECT {last} + 1, tenant, at, form, previous, drafts, hashes FROM omnihub.audit WHERE id = {last}"), "it ends before the entries do"),
        (format!("INSERT INTO omnihub.audit SELECT 700, tenant, at, form, previous, drafts, hashes FROM omnihub.audit WHERE {second}"), "audit 700: "),
        // Where chains and numbers end.
        ("UPDATE omnihub.tenants SET (size, previous, frontier) = (0, NULL, NULL) WHERE tenant = 'acme'".to_owned(), "tenants 1: it ends before the entries do"),
        ("UPDATE omnihub.tenants SET size = size - 1 WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants SET frontier = decode('00', 'hex') WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants AS one SET (size, previous, frontier) = (other.size, other.previous, other.frontier)
            FROM omnihub.tenants AS other WHERE one.tenant = 'acme' AND other.tenant = 'other'".to_owned(), "tenants 1: it ends before the entries do"),
        ("UPDATE omnihub.tenants SET frontier = set_byte(frontier, 20, (get_byte(frontier, 20) + 1) % 256) WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants SET previous = sha256(previous) WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants SET last_goal = last_goal - 1 WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants SET last_approval = last_approval - 1 WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("UPDATE omnihub.tenants SET open_goals = open_goals - 1 WHERE tenant = 'acme'".to_owned(), "tenants 1: "),
        ("DELETE FROM omnihub.tenants WHERE tenant = 'acme'".to_owned(), "it is of a tenant that the store does not have"),
        (format!("DELETE FROM omnihub.tenants WHERE {own}; DELETE FROM omnihub.audit WHERE {own}; DELETE FROM omnihub.goals WHERE {own};
            DELETE FROM omnihub.journal WHERE {own}; DELETE FROM omnihub.approvals WHERE {own}"), "acme.checkpoint: "),
        // Checkpoints.
        (format!("DELETE FROM omnihub.checkpoints WHERE {own}"), "checkpoint"),
        (format!("DELETE FROM omnihub.checkpoints WHERE id = (SELECT max(id) FROM omnihub.checkpoints WHERE {own})"), "checkpoint"),
        (format!("DELETE FROM omnihub.checkpoints WHERE id = (SELECT max(id) FROM omnihub.checkpoints WHERE {own});
            UPDATE omnihub.tenants SET signed = (SELECT max(id) FROM omnihub.checkpoints WHERE {own}) - {ACME} WHERE {own}"), "checkpoints/acme.checkpoint: "),
        (format!("UPDATE omnihub.checkpoints SET note = replace(note, 'omnihub', 'omnihubs') WHERE {own}"), "checkpoint"),
        (format!("UPDATE omnihub.tenants SET size = 0, signed = 0, previous = NULL, frontier = NULL WHERE {own};
            DELETE FROM omnihub.audit WHERE {own}; DELETE FROM omnihub.checkpoints WHERE {own}"), "acme: index 0: missing"),
        // Goals and what belongs to them.
        (format!("DELETE FROM omnihub.goals WHERE id = {one}"), "its goal "),
        (format!("UPDATE omnihub.goals SET tenant = 'third' WHERE id = {one}"), "it is of a tenant that the store does not have"),
        (format!("UPDATE omnihub.goals SET tenant = 'other', goal = 'goal-new' WHERE id = {one}"), "it is missing"),
        (format!("UPDATE omnihub.goals SET id = id + 700 WHERE id = {one}"), "it is missing"),
        (format!("UPDATE omnihub.journal SET goal = goal + 700 WHERE goal = {one}; UPDATE omnihub.payloads SET goal = goal + 700 WHERE goal = {one};
            UPDATE omnihub.goals SET id = id + 700 WHERE id = {one}"), "tenants 1: "),
        (format!("UPDATE omnihub.goals SET owner = 'eve' WHERE id = {one}"), "it does not follow from its journal"),
        (format!("UPDATE omnihub.goals SET status = 'failed' WHERE id = {one}"), "it does not follow from its journal"),
        (format!("UPDATE omnihub.goals SET finished_at = NULL WHERE id = {one}"), "it does not follow from its journal"),
        (format!("UPDATE omnihub.goals SET sequence = sequence + 1 WHERE id = {one}"), "journal "),
        (format!("DELETE FROM omnihub.journal WHERE goal = {one} AND first_sequence = 1"), "journal "),
        (format!("DELETE FROM omnihub.journal WHERE goal = {one} AND first_sequence > 1"), "journal "),
        (format!("DELETE FROM omnihub.journal WHERE goal = {one}"), "journal "),
        (format!("UPDATE omnihub.journal SET tenant = 'other' WHERE goal = {one}"), "journal "),
        (format!("UPDATE omnihub.journal SET events = kept.swap(events, 'ana', 'eve') WHERE goal = {one}"), "it does not follow from its journal"),
        (format!("UPDATE omnihub.journal SET events = '[]' WHERE goal = {one} AND first_sequence > 1"), "journal "),
        (format!("INSERT INTO omnihub.journal SELECT goal, first_sequence + 700, tenant, payloads, written_at, form, events FROM omnihub.journal
            WHERE goal = {one} AND first_sequence = 1"), "journal "),
        (format!("DELETE FROM omnihub.payloads WHERE goal = {one}"), "payloads "),
        (format!("UPDATE omnihub.payloads SET bodies = kept.swap(bodies, '1042', '1043') WHERE goal = {one}"), "payloads "),
        (format!("UPDATE omnihub.payloads SET bodies = NULL WHERE goal = {one}"), "payloads "),
        ("UPDATE omnihub.toolsets SET body = kept.swap(body, 'pay', 'pal')".to_owned(), "toolsets "),
        ("DELETE FROM omnihub.toolsets".to_owned(), "toolsets "),
        (format!("DELETE FROM omnihub.approvals WHERE {own} AND goal = (SELECT min(goal) FROM omnihub.approvals WHERE {own})"), "approvals: the approval "),
        (format!("UPDATE omnihub.approvals SET status = 'granted' WHERE {own}"), "it does not follow from its goal's journal"),
        (format!("INSERT INTO omnihub.approvals SELECT id + 700, tenant, approval || 'x', goal, step, item, digest, reason, requested_at, requested_held,
            expires_in_seconds, status, decided_by, decided_at FROM omnihub.approvals WHERE {own} LIMIT 1"), "approvals of acme: "),
        // The store itself.
        ("DELETE FROM omnihub.installation".to_owned(), "installation 1: it is missing"),
        ("DELETE FROM omnihub.gate".to_owned(), "gate 1: it is missing"),
    ];
    edits.into_iter().collect()
}

#[tokio::test]
async fn whatever_the_owner_of_the_server_changes_is_named() {
    let Some(place) = founded().await else { return };
    place.sql(KEEP).await;
    place.sql(SWAP).await;
    assert_eq!(named(&place).await, "");
    let mut unnamed = Vec::new();
    let before = snapshot(&place).await;
    for (edit, expected) in cases() {
        place.sql(&edit).await;
        assert_ne!(
            snapshot(&place).await,
            before,
            "{edit}: nothing was changed"
        );
        let said = named(&place).await;
        if !said.contains(expected) {
            unnamed.push(format!("{edit}\n  {expected}\n  {said}\n"));
        }
        place.sql(PUT_BACK).await;
    }
    assert!(unnamed.is_empty(), "{}", unnamed.concat());
    assert_eq!(snapshot(&place).await, before);
    assert_eq!(named(&place).await, "");
}

/// What is in the database, as one digest.
async fn snapshot(place: &Place) -> Vec<String> {
    place
        .sql(
            "SELECT relname, md5(query_to_xml(format('SELECT row::text FROM omnihub.%I AS row ORDER BY 1', relname),
                true, true, '')::text)
            FROM pg_class WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r' ORDER BY relname",
        )
        .await
}

#[tokio::test]
async fn an_edit_is_refused_by_whoever_reads_it_and_by_nobody_else() {
    let Some(place) = founded().await else { return };
    place.sql("CREATE SCHEMA kept").await;
    place.sql(SWAP).await;
    let edit = "UPDATE omnihub.payloads SET bodies = kept.swap(bodies, '1042', '1043') WHERE tenant = 'acme'
        AND goal = (SELECT id FROM omnihub.goals WHERE tenant = 'acme' AND goal = 'goal-one')";
    place.sql(edit).await;
    let store = place.open().await;
    let read = |of: &str, trace: &str| {
        let (store, of, goal) = (store.clone(), tenant(of), crate::world::goal_id(trace));
        async move { store.load(&of, &goal).await }
    };
    assert!(matches!(read("acme", "one").await, Err(Error::Damaged(_))));
    for (of, trace) in [("acme", "two"), ("other", "one")] {
        assert!(read(of, trace).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_database_that_is_older_than_its_checkpoints_is_not_opened() {
    let Some(place) = founded().await else { return };
    let newest = "id = (SELECT max(id) FROM omnihub.checkpoints WHERE tenant = 'acme')";
    place
        .sql(&format!("DELETE FROM omnihub.checkpoints WHERE {newest}"))
        .await;
    let refused = store::Store::connect(place.config().unwrap())
        .await
        .unwrap_err();
    assert!(said(&refused).contains("acme.checkpoint"), "{refused:?}");
    // Another process may have no such file.
    let beside = place.beside();
    let damages = beside.damages().await;
    assert!(
        damages.iter().any(|damage| damage.table == "checkpoints"),
        "{damages:?}"
    );
}
