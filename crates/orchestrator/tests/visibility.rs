//! Who sees what: nobody learns that another tenant's goal exists.

use domain::principal::Role;
use serde_json::json;

use crate::harness::{House, calls};

#[tokio::test]
async fn every_path_to_a_goal_keeps_to_tenant_and_role() {
    let house = House::open().await;
    let mut pay = calls("pay", &[]);
    pay["approval"] = json!(true);
    let goal = house.submit(&house.ana(), "secret", json!([pay])).await;
    let approval = house.approval(&house.ana(), &goal).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let paths = [
        format!("/api/v1/goals/{goal}"),
        format!("/api/v1/goals/{goal}/events"),
        format!("/api/v1/approvals/{approval}"),
    ];
    let who = [
        ("owner", house.ana()),
        ("another user", house.who("eve", Role::Authenticated)),
        ("operator", house.olaf()),
        ("auditor", house.who("kim", Role::Auditor)),
        ("admin", house.who("root", Role::Admin)),
        (
            "another tenant's owner",
            house.token("ana", "other", Role::Authenticated),
        ),
        (
            "another tenant's admin",
            house.token("root", "other", Role::Admin),
        ),
    ];
    let mut lines = Vec::new();
    for (name, token) in &who {
        let mut line = format!("{name}:");
        for path in &paths {
            line.push_str(&format!(" {}", house.get(token, path).await.status));
        }
        let listed = house.get(token, "/api/v1/goals").await.json()["items"]
            .as_array()
            .unwrap()
            .len();
        lines.push(format!("{line}, listed {listed}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    owner: 200 200 200, listed 1
    another user: 404 404 404, listed 0
    operator: 200 200 200, listed 1
    auditor: 200 200 200, listed 1
    admin: 200 200 200, listed 1
    another tenant's owner: 404 404 404, listed 0
    another tenant's admin: 404 404 404, listed 0
    "#);
}

#[tokio::test]
async fn every_route_keeps_to_its_roles() {
    let house = House::open().await;
    let roles = [
        Role::Authenticated,
        Role::Operator,
        Role::Auditor,
        Role::Admin,
    ];
    let mut lines = Vec::new();
    for path in [
        "/api/v1/goals",
        "/api/v1/approvals",
        "/api/v1/tools",
        "/api/v1/playbooks",
        "/api/v1/audit/entries",
        "/api/v1/audit/entries/none",
        "/api/v1/audit/export",
        "/api/v1/admin/emergency_controls",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/openapi.json",
    ] {
        let mut line = path.to_owned();
        for role in roles {
            line.push_str(&format!(
                " {}",
                house.get(&house.who("x", role), path).await.status
            ));
        }
        let nobody = house
            .send(
                http::Request::get(path)
                    .body(axum::body::Body::empty())
                    .unwrap(),
            )
            .await;
        lines.push(format!("{line}, nobody {}", nobody.status));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    /api/v1/goals 200 200 200 200, nobody 401
    /api/v1/approvals 200 200 200 200, nobody 401
    /api/v1/tools 200 200 200 200, nobody 401
    /api/v1/playbooks 200 200 200 200, nobody 401
    /api/v1/audit/entries 403 403 200 200, nobody 401
    /api/v1/audit/entries/none 403 403 404 404, nobody 401
    /api/v1/audit/export 403 403 200 200, nobody 401
    /api/v1/admin/emergency_controls 403 403 403 200, nobody 401
    /health 200 200 200 200, nobody 200
    /health/live 200 200 200 200, nobody 200
    /health/ready 200 200 200 200, nobody 200
    /metrics 200 200 200 200, nobody 200
    /openapi.json 200 200 200 200, nobody 200
    "#);
}
