//! Audit entries and exports.

use domain::principal::Role;
use serde_json::{Value, json};

use crate::harness::{House, says};

#[tokio::test]
async fn a_goal_leaves_evidence_that_can_be_looked_up() {
    let house = House::open().await;
    let kim = house.who("kim", Role::Auditor);
    let goal = house
        .submit(&house.ana(), "ev", json!([says("a", &[])]))
        .await;
    house.settled(&house.ana(), &goal).await;
    let entries = house
        .get(&kim, "/api/v1/audit/entries?correlation_id=ev")
        .await
        .json();
    let entries = entries["items"].as_array().unwrap();
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!(
                "{} {} {} {}",
                entry["index"], entry["action"], entry["resource_id"], entry["status"]
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    4 "goal.ended" "goal-ev" "success"
    3 "effect.ended" "goal-ev/a" "success"
    2 "effect.admitted" "goal-ev/a" "pending"
    1 "plan.adopted" "goal-ev" "success"
    0 "goal.accepted" "goal-ev" "success"
    "#);
    let id = entries[0]["id"].as_str().unwrap();
    assert_eq!(
        house
            .get(&kim, &format!("/api/v1/audit/entries/{id}"))
            .await
            .json(),
        entries[0]
    );
    assert_eq!(
        house
            .get(&kim, "/api/v1/audit/entries/none")
            .await
            .refusal(),
        "404 audit.entry_not_found"
    );
    let other = house.token("kim", "other", Role::Auditor);
    assert_eq!(
        house.get(&other, "/api/v1/audit/entries").await.json()["items"],
        json!([])
    );
    let page = house
        .get(&kim, "/api/v1/audit/entries?limit=1")
        .await
        .json();
    let next = house
        .get(
            &kim,
            &format!(
                "/api/v1/audit/entries?limit=1&cursor={}",
                page["next_cursor"].as_str().unwrap()
            ),
        )
        .await
        .json();
    assert_eq!(
        next["items"][0]["index"].as_u64().unwrap() + 1,
        page["items"][0]["index"].as_u64().unwrap()
    );
    for query in ["?from=yesterday", "?actor=x"] {
        assert_eq!(
            house
                .get(&kim, &format!("/api/v1/audit/entries{query}"))
                .await
                .refusal(),
            "400 request.query"
        );
    }
    assert_eq!(
        house
            .get(&kim, "/api/v1/audit/entries?from=2999-01-01T00:00:00Z")
            .await
            .json()["items"],
        json!([])
    );
}

#[tokio::test]
async fn an_export_verifies_offline_and_names_itself_last() {
    let house = House::open().await;
    let kim = house.who("kim", Role::Auditor);
    for number in 0..3 {
        let goal = house
            .submit(&house.ana(), &format!("x{number}"), json!([says("a", &[])]))
            .await;
        house.settled(&house.ana(), &goal).await;
    }
    let export = house.get(&kim, "/api/v1/audit/export").await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let expectations = audit::Expectations {
        key: Some(house.store.verifier_key().clone()),
        ..audit::Expectations::default()
    };
    let mut verifier = audit::Verifier::new(expectations).unwrap();
    let lines: Vec<&str> = export.text.lines().collect();
    for line in &lines {
        verifier.feed(line.as_bytes()).unwrap();
    }
    let report = verifier.finish().unwrap();
    assert_eq!(report.entries as usize, lines.len() - 1);
    let last: Value = serde_json::from_str(lines[lines.len() - 2]).unwrap();
    assert_eq!(
        (&last["action"], &last["actor_id"]),
        (&json!("audit.exported"), &json!("kim"))
    );
}

#[tokio::test]
async fn failed_logins_are_recorded_in_the_installations_own_chain() {
    let house = House::open().await;
    for _ in 0..3 {
        assert_eq!(
            house.get("no.such.token", "/api/v1/goals").await.status,
            401
        );
    }
    house.service.flush().await;
    let export = house
        .store
        .export(&store::Chain::Installation, Vec::new())
        .await;
    let mut export = export.unwrap();
    let first: Value = serde_json::from_str(
        export
            .next()
            .await
            .unwrap()
            .unwrap()
            .lines()
            .next()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&first["action"], &first["status"]),
        (&json!("auth.failed"), &json!("denied"))
    );
    assert_eq!(
        first["metadata"],
        json!({ "failures": 3, "first_reason": "malformed header", "prefix": "unknown" })
    );
}
