//! Evidence: entries come with what they describe, prove themselves, and show every edit of the file.

use audit::{Action, Draft, Expectations, Source, Status, Verifier};
use rusqlite::Connection;
use serde_json::Value;
use store::{Chain, EntryFilter, Page, Store, VerifyOptions};

use crate::place::{Place, on_either_store};
use crate::world::{Driven, chain_of, tenant};

on_either_store!(
    an_export_proves_itself_offline,
    entries_are_listed_newest_first_by_any_filter_and_in_pages,
    an_entry_is_found_by_its_id_and_by_nothing_like_it,
    a_checkpoint_is_signed_once_for_each_size_and_lies_beside_the_store,
    what_an_export_signs_is_filed_and_handed_out_like_any_checkpoint,
    a_running_store_is_verified_beside_its_server,
    a_key_proves_nothing_where_nothing_is_signed,
    evidence_that_cannot_be_sealed_refuses_the_act,
);

/// A store with the evidence of some goals of two tenants, and of a failed login.
async fn store_with_evidence(place: &Place) -> Store {
    let store = place.open().await;
    for number in 0..6 {
        let of = tenant(if number % 3 == 2 { "other" } else { "acme" });
        let mut goal = Driven::new(&store, &of, &format!("g{number}"));
        goal.accept(&store, &chain_of(2));
        while !goal.saga.status().is_end() {
            goal.start();
            store.append(goal.append()).await.unwrap();
            goal.succeed();
        }
        store.append(goal.append()).await.unwrap();
    }
    let failed = Draft::new(Action::AUTH_FAILED, "nobody", "token", "x").status(Status::Denied);
    store
        .append_evidence(&Chain::Installation, vec![failed])
        .await
        .unwrap();
    store
}

fn acme() -> Chain {
    Chain::Tenant(tenant("acme"))
}

async fn export(store: &Store, chain: &Chain, evidence: Vec<Draft>) -> Vec<String> {
    let mut export = store.export(chain, evidence).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = export.next().await.unwrap() {
        assert!(piece.ends_with('\n'));
        text.push_str(&piece);
    }
    text.lines().map(str::to_owned).collect()
}

async fn an_export_proves_itself_offline(place: Place) {
    let store = store_with_evidence(&place).await;
    let exported = Draft::new(Action::AUDIT_EXPORTED, "auditor", "audit", "acme");
    let lines = export(&store, &acme(), vec![exported]).await;
    let expectations = Expectations {
        tenant_id: Some("acme".to_owned()),
        origin: Some(audit::origin(store.installation(), "acme")),
        key: Some(store.verifier_key().clone()),
        key_source: Source::Outside,
        ..Expectations::default()
    };
    let mut verifier = Verifier::new(expectations.clone()).unwrap();
    for line in &lines {
        verifier.feed(line.as_bytes()).unwrap();
    }
    let report = verifier.finish().unwrap();
    assert_eq!(report.entries as usize, lines.len() - 1);
    assert!(report.signature_checked && report.covered == report.entries);
    let last: Value = serde_json::from_str(&lines[lines.len() - 2]).unwrap();
    assert_eq!(last["action"], "audit.exported");
    // An empty chain is exported as its checkpoint alone.
    assert_eq!(
        export(&store, &Chain::Tenant(tenant("new")), Vec::new())
            .await
            .len(),
        1
    );
}

/// One page of a tenant's entries, and where the next one begins.
async fn list(store: &Store, filter: &EntryFilter, page: Page) -> (Vec<Value>, Option<u64>) {
    let listed = store
        .entries(&tenant("acme"), filter.clone(), page)
        .await
        .unwrap();
    let items = listed
        .items
        .iter()
        .map(|line| serde_json::from_str(line).unwrap());
    (items.collect(), listed.next)
}

async fn list_all(store: &Store, filter: &EntryFilter) -> Vec<Value> {
    list(
        store,
        filter,
        Page {
            limit: 200,
            before: None,
        },
    )
    .await
    .0
}

/// A filter on each field, and the value that it asks for.
fn filters() -> [(EntryFilter, &'static str, &'static str); 4] {
    let none = EntryFilter::default;
    let is = |value: &str| Some(value.to_owned());
    [
        (
            EntryFilter {
                correlation_id: is("g1"),
                ..none()
            },
            "correlation_id",
            "g1",
        ),
        (
            EntryFilter {
                action: is("goal.ended"),
                ..none()
            },
            "action",
            "goal.ended",
        ),
        (
            EntryFilter {
                resource_id: is("goal-g0"),
                ..none()
            },
            "resource_id",
            "goal-g0",
        ),
        (
            EntryFilter {
                actor_id: is("ana"),
                ..none()
            },
            "actor_id",
            "ana",
        ),
    ]
}

async fn entries_are_listed_newest_first_by_any_filter_and_in_pages(place: Place) {
    let store = store_with_evidence(&place).await;
    let none = EntryFilter::default;
    let everything = list_all(&store, &none()).await;
    let indexes: Vec<_> = everything
        .iter()
        .map(|entry| entry["index"].as_u64().unwrap())
        .collect();
    assert_eq!(
        indexes,
        (0..everything.len() as u64).rev().collect::<Vec<_>>()
    );
    for (filter, field, value) in filters() {
        let mut expected = everything.clone();
        expected.retain(|entry| entry[field] == value);
        assert!(!expected.is_empty());
        assert_eq!(list_all(&store, &filter).await, expected, "{field}");
        let (mut paged, mut before) = list(
            &store,
            &filter,
            Page {
                limit: 2,
                before: None,
            },
        )
        .await;
        while before.is_some() {
            let (items, next) = list(&store, &filter, Page { limit: 2, before }).await;
            assert!(items.len() <= 2);
            paged.extend(items);
            before = next;
        }
        assert_eq!(paged, expected, "{field} in pages");
    }
    let middle = everything[everything.len() / 2]["timestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let newer = list_all(
        &store,
        &EntryFilter {
            from: Some(middle),
            ..none()
        },
    )
    .await;
    let older = list_all(
        &store,
        &EntryFilter {
            to: Some(middle),
            ..none()
        },
    )
    .await;
    assert_eq!([newer, older].concat(), everything);
}

async fn an_entry_is_found_by_its_id_and_by_nothing_like_it(place: Place) {
    let store = store_with_evidence(&place).await;
    let everything = list_all(&store, &EntryFilter::default()).await;
    for entry in &everything {
        let line = store
            .entry(&tenant("acme"), entry["id"].as_str().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), *entry);
    }
    let past = format!("aud-{}", everything.len());
    for id in [
        past.as_str(),
        "aud-",
        "aud-01",
        "aud-18446744073709551615",
        "x",
        "",
    ] {
        assert_eq!(
            store.entry(&tenant("acme"), id).await.unwrap(),
            None,
            "{id}"
        );
    }
    assert_eq!(store.entry(&tenant("nobody"), "aud-0").await.unwrap(), None);
}

async fn a_checkpoint_is_signed_once_for_each_size_and_lies_beside_the_store(place: Place) {
    let store = store_with_evidence(&place).await;
    let signed = store.checkpoint_due().await.unwrap();
    let chains: Vec<_> = signed
        .iter()
        .map(|signed| signed.chain.as_str().to_owned())
        .collect();
    assert_eq!(chains, ["@installation", "acme", "other"]);
    assert_eq!(store.checkpoint_due().await.unwrap(), []);
    assert_eq!(store.checkpoint(&acme()).await.unwrap(), signed[1]);
    for signed in &signed {
        let file = place
            .dir()
            .join("checkpoints")
            .join(format!("{}.checkpoint", signed.chain));
        assert_eq!(std::fs::read_to_string(file).unwrap(), signed.note);
        let opened = audit::Checkpoint::open(&signed.note, store.verifier_key()).unwrap();
        assert_eq!(opened.size, signed.size);
    }
    store
        .append_evidence(
            &acme(),
            vec![Draft::new(Action::PLAN_REFUSED, "ana", "plan", "p")],
        )
        .await
        .unwrap();
    assert_eq!(
        store.checkpoint_due().await.unwrap()[0].size,
        signed[1].size + 1
    );
}

async fn what_an_export_signs_is_filed_and_handed_out_like_any_checkpoint(place: Place) {
    let store = store_with_evidence(&place).await;
    store.checkpoint_due().await.unwrap();
    let draft = Draft::new(Action::named("audit.exported"), "ana", "audit", "acme");
    let export = store.export(&acme(), vec![draft]).await.unwrap();
    let told = store.checkpoint_due().await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].size, export.size());
    let file = place.dir().join("checkpoints/acme.checkpoint");
    assert_eq!(std::fs::read_to_string(file).unwrap(), told[0].note);
    assert_eq!(store.checkpoint_due().await.unwrap(), []);
}

async fn a_running_store_is_verified_beside_its_server(place: Place) {
    let store = store_with_evidence(&place).await;
    store.checkpoint_due().await.unwrap();
    let verified = place.verify(&VerifyOptions::default()).await;
    let reports: Vec<_> = verified
        .iter()
        .map(|of| (of.chain.as_str(), of.result.as_ref().unwrap()))
        .collect();
    assert_eq!(
        reports.iter().map(|(chain, _)| *chain).collect::<Vec<_>>(),
        ["@installation", "acme", "other"]
    );
    assert!(
        reports
            .iter()
            .all(|(_, report)| report.signature_checked && report.since == Some(report.entries))
    );
    assert_eq!(place.verifier_key().await, *store.verifier_key());
}

async fn a_key_proves_nothing_where_nothing_is_signed(place: Place) {
    let store = store_with_evidence(&place).await;
    let options = VerifyOptions {
        chain: Some(acme()),
        key: Some(store.verifier_key().clone()),
        ..VerifyOptions::default()
    };
    let unsigned = place.verify(&options).await.remove(0).result;
    assert_eq!(unsigned.unwrap_err(), store::Unproven::Unsigned);

    store.checkpoint_due().await.unwrap();

    let signed = place.verify(&options).await.remove(0).result;
    assert!(signed.unwrap().signature_checked);
}

/// Edits the closed store by hand, as somebody who owns the file could.
async fn edited(edit: &str) -> Result<audit::Report, String> {
    let place = Place::sqlite();
    let store = store_with_evidence(&place).await;
    store.checkpoint_due().await.unwrap();
    drop(store);
    let conn = Connection::open(place.dir().join("omnihub.db")).unwrap();
    conn.execute_batch(edit).unwrap();
    drop(conn);
    let options = VerifyOptions {
        chain: Some(acme()),
        ..VerifyOptions::default()
    };
    let verified = place.verify(&options).await;
    assert_eq!(verified.len(), 1);
    verified
        .into_iter()
        .next()
        .unwrap()
        .result
        .map_err(|unproven| unproven.to_string())
}

#[tokio::test]
async fn an_edit_of_the_file_is_named_by_its_index() {
    // The tenant `acme` has number 1; its second row begins at index 3.
    let second =
        "id = (SELECT id FROM audit WHERE id > (1 << 40) AND id < (2 << 40) ORDER BY id LIMIT 1)";
    assert!(edited("SELECT 1").await.is_ok());
    let cases = [
        (format!("UPDATE audit SET drafts = CAST(replace(CAST(drafts AS TEXT), 'ana', 'eve') AS BLOB) WHERE {second}"), "index 3: edited"),
        (format!("UPDATE audit SET at = at + 1 WHERE {second}"), "index 3: edited"),
        (format!("UPDATE audit SET hashes = zeroblob(length(hashes)) WHERE {second}"), "index 3: edited"),
        (format!("UPDATE audit SET drafts = x'5b' WHERE {second}"), "index 3: "),
        (format!("DELETE FROM audit WHERE {second}"), "index 3: removed"),
        ("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit WHERE id < (2 << 40))".to_owned(), "missing"),
        ("DELETE FROM chains WHERE tenant = 1".to_owned(), "chains 1: it ends before the entries do"),
        ("DELETE FROM chains WHERE tenant = 1; DELETE FROM audit WHERE id BETWEEN (1 << 40) AND (2 << 40)".to_owned(), "index 0: missing"),
        ("UPDATE chains SET frontier = zeroblob(8) WHERE tenant = 1".to_owned(), "chains 1"),
        ("UPDATE checkpoints SET note = replace(note, 'omnihub', 'omnihubs') WHERE id > (1 << 40)".to_owned(), "checkpoint"),
    ];
    for (edit, expected) in cases {
        let Err(unproven) = edited(&edit).await else {
            panic!("{edit}: nothing was noticed")
        };
        assert!(unproven.contains(expected), "{edit}: {unproven}");
    }
}

async fn evidence_that_cannot_be_sealed_refuses_the_act(place: Place) {
    let store = store_with_evidence(&place).await;
    let mut goal = Driven::new(&store, &tenant("acme"), "late");
    goal.accept(&store, &chain_of(1));
    let mut append = goal.append();
    append.evidence[0]
        .metadata
        .insert("number".to_owned(), Value::from(u64::MAX));
    let refused = store.append(append).await.unwrap_err();
    assert!(
        matches!(refused, store::AppendError::Store(store::Error::Seal(_))),
        "{refused:?}"
    );
    assert!(
        store
            .load(&tenant("acme"), &goal.goal)
            .await
            .unwrap()
            .is_none()
    );
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
}
