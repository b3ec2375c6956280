//! The generated contract and the routes are the same list; the committed file is the generated one.

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use domain::schema::Schema;
use http::Request;
use serde_json::{Value, json};

use crate::harness::{House, says, with_json};

fn contract() -> Value {
    serde_json::to_value(orchestrator::openapi::document()).unwrap()
}

/// Every method and path of the contract's table but `/docs`, which comes later.
const TABLE: [&str; 25] = [
    "GET /api/v1/admin/emergency_controls",
    "GET /api/v1/approvals",
    "GET /api/v1/approvals/{id}",
    "GET /api/v1/audit/entries",
    "GET /api/v1/audit/entries/{id}",
    "GET /api/v1/audit/export",
    "GET /api/v1/goals",
    "GET /api/v1/goals/{id}",
    "GET /api/v1/goals/{id}/events",
    "GET /api/v1/playbooks",
    "GET /api/v1/tools",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /openapi.json",
    "POST /api/v1/approvals/{id}/decision",
    "POST /api/v1/goals",
    "POST /api/v1/goals/{id}/cancel",
    "POST /api/v1/goals/{id}/pause",
    "POST /api/v1/goals/{id}/resume",
    "POST /api/v1/goals/{id}/retry",
    "POST /api/v1/goals/{id}/steps/{step}/settle",
    "POST /api/v1/plans/check",
    "PUT /api/v1/admin/emergency_controls",
];

#[tokio::test]
async fn contract_and_routes_are_the_same_list() {
    let contract = contract();
    let described: BTreeSet<String> = contract["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(described, TABLE.map(str::to_owned).into());
    let house = House::open().await;
    for (path, methods) in contract["paths"].as_object().unwrap() {
        let probe = Request::builder()
            .method("TRACE")
            .uri(path.replace(['{', '}'], ""))
            .body(Body::empty())
            .unwrap();
        let answer = house.send(probe).await;
        assert_eq!(answer.refusal(), "405 request.method_not_allowed", "{path}");
        let allowed: BTreeSet<&str> = answer
            .header("allow")
            .split(',')
            .filter(|method| *method != "HEAD")
            .collect();
        let stated: Vec<String> = methods
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        assert_eq!(
            allowed,
            stated.iter().map(String::as_str).collect(),
            "{path}"
        );
    }
}

#[test]
fn it_is_openapi_3_1_with_a_bearer_token_and_problems_everywhere() {
    let contract = contract();
    assert!(contract["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(
        contract["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    for (path, methods) in contract["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"]
                ["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
        }
    }
    // Every reference leads somewhere.
    let text = contract.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            contract["components"]["schemas"].get(name).is_some(),
            "{name} is not there"
        );
    }
}

/// Checks an answer against what the contract says of a path's POST with 200.
fn check_answer(path: &str, answer: &Value) {
    let contract = contract();
    let content = &contract["paths"][path]["post"]["responses"]["200"]["content"];
    let schema = json!({ "allOf": [content["application/json"]["schema"]], "components": contract["components"] });
    let problems = Schema::compile(&schema).unwrap().errors(answer);
    assert_eq!(problems, [], "{path}: {answer}");
}

#[tokio::test]
async fn goals_and_checks_are_as_the_contract_says() {
    let (goals, check) = ("/api/v1/goals", "/api/v1/plans/check");
    let house = House::open().await;
    let ana = house.ana();
    for steps in [
        Value::Null,
        json!([says("a", &[])]),
        json!([{ "id": "a", "tool": "nothing" }]),
    ] {
        let mut body = json!({ "user_intent": "nonsense" });
        if !steps.is_null() {
            body["plan"] = json!({ "steps": steps });
        }
        check_answer(check, &house.post(&ana, check, body.clone()).await.json());
        body["mode"] = json!("dry_run");
        let dry = house.post(&ana, goals, body).await;
        assert!(dry.json()["valid"].is_boolean(), "{}", dry.text);
        check_answer(goals, &dry.json());
    }
    let body = json!({ "user_intent": "greet Bob" }).to_string();
    let mut request = with_json("POST", goals, &ana, &body);
    request
        .headers_mut()
        .insert("prefer", "wait=20".parse().unwrap());
    let goal = house.send(request).await;
    assert_eq!(goal.json()["status"], "completed", "{}", goal.text);
    check_answer(goals, &goal.json());
}

#[test]
fn the_committed_contract_is_the_generated_one() {
    let generated =
        serde_json::to_string_pretty(&orchestrator::openapi::document()).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated,
        "openapi.json is not what the routes say; write it again by `omnihub openapi > openapi.json`"
    );
}

#[test]
fn every_code_is_dotted_unique_and_fits_its_status() {
    let mut seen = BTreeSet::new();
    for code in api::code::Code::ALL {
        assert!(seen.insert(code.as_str()), "{code} is there twice");
        assert!((400..600).contains(&code.status()), "{code}");
        assert!(
            !code.title().is_empty() && !code.title().ends_with('.'),
            "{code}"
        );
    }
}
