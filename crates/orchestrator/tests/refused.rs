//! Goals that are refused leave nothing behind but evidence, and say what is wrong where.

use domain::goal::Limits;
use serde_json::json;

use crate::harness::{House, Plot, says, with_json};

const GOALS: &str = "/api/v1/goals";

#[tokio::test]
async fn a_refused_plan_does_not_spend_the_trace_id_and_leaves_one_entry() {
    let house = House::open().await;
    let ana = house.ana();
    let refused = house
        .post(
            &ana,
            GOALS,
            json!({ "user_intent": "fly to the moon", "trace_id": "again" }),
        )
        .await;
    insta::assert_snapshot!(refused.shown(), @r#"
    422
    content-type: application/problem+json
    {
      "code": "goal.no_plan",
      "detail": "no playbook fits these words, no plan was given, and no model is configured",
      "errors": [
        {
          "pointer": "/user_intent",
          "reason": "nearest playbooks: greet, mail"
        }
      ],
      "nearest": [
        "greet",
        "mail"
      ],
      "status": 422,
      "title": "No playbook fits these words",
      "trace_id": "[trace]",
      "type": "urn:omnihub:problem:goal.no_plan"
    }
    "#);
    let broken = json!({ "user_intent": "x", "trace_id": "again", "plan": { "steps": [
        { "id": "a", "tool": "respond_to_usr", "input": {} },
        { "id": "a", "tool": "send_email", "input": { "to": "a@b.c", "subject": 5, "body": { "$step": "zzz" } } },
    ] } });
    insta::assert_snapshot!(house.post(&ana, GOALS, broken).await.refusal(), @r#"
    422 plan.invalid
      "/plan/steps/0/tool" there is no tool "respond_to_usr"; did you mean "respond_to_user"?
      "/plan/steps/1/id" step "a" is already at /steps/0
      "/plan/steps/1/input/body" there is no step "zzz"
      "/plan/steps/1/input/subject" must be string, not integer
    "#);
    assert_eq!(
        house.get(&ana, "/api/v1/goals/goal-again").await.code(),
        "goal.not_found"
    );
    let auditor = house.who("kim", domain::principal::Role::Auditor);
    let entries = house
        .get(&auditor, "/api/v1/audit/entries?action=plan.refused")
        .await
        .json();
    let entries = entries["items"].as_array().unwrap();
    let said: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!(
                "{} {} {} {}",
                entry["actor_id"], entry["correlation_id"], entry["status"], entry["metadata"]
            )
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "ana" "again" "denied" {"code":"plan.invalid","errors":4}
    "ana" "again" "denied" {"code":"goal.no_plan","errors":1}
    "#);
    assert_eq!(
        house
            .post(
                &ana,
                GOALS,
                json!({ "user_intent": "greet Bob", "trace_id": "again" })
            )
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn right_words_with_a_wrong_value_name_playbook_and_parameter() {
    let sell = "name: sell\nutterances: [\"sell {jars} jars\"]\nparameters: { required: [jars], \
                properties: { jars: { type: integer, minimum: 1 } } }\nplan: { steps: [ { id: a, tool: respond_to_user, input: { message: sold } } ] }\n";
    let house = House::of(Plot {
        playbooks: vec![sell],
        ..Plot::default()
    })
    .await;
    let refused = house
        .post(&house.ana(), GOALS, json!({ "user_intent": "sell 0 jars" }))
        .await;
    insta::assert_snapshot!(refused.refusal(), @r#"
    422 goal.no_plan
      "/user_intent" playbook "sell", parameters/jars: must be at least 1
      "/user_intent" nearest playbooks: sell
    "#);
}

#[tokio::test]
async fn two_readings_of_the_same_words_are_both_listed() {
    let twice = "name: other\nutterances: [\"greet {who}\"]\nparameters: { type: object, required: [who], \
                 properties: { who: { type: string, maxLength: 9 } } }\nplan: { steps: [ { id: a, tool: respond_to_user, input: { message: hi } } ] }\n";
    let house = House::of(Plot {
        playbooks: vec![include_str!("playbooks/greet.yaml"), twice],
        ..Plot::default()
    })
    .await;
    let answer = house
        .post(&house.ana(), GOALS, json!({ "user_intent": "greet Bob" }))
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"
    422
    content-type: application/problem+json
    {
      "code": "goal.ambiguous",
      "detail": "say it in other words, or give the plan",
      "errors": [
        {
          "pointer": "/user_intent",
          "reason": "may mean greet or other"
        }
      ],
      "readings": [
        {
          "parameters": {
            "name": "Bob"
          },
          "playbook": "greet"
        },
        {
          "parameters": {
            "who": "Bob"
          },
          "playbook": "other"
        }
      ],
      "status": 422,
      "title": "These words can be read in more than one way",
      "trace_id": "[trace]",
      "type": "urn:omnihub:problem:goal.ambiguous"
    }
    "#);
}

#[tokio::test]
async fn wrong_fields_are_named_by_pointer() {
    let house = House::open().await;
    let ana = house.ana();
    let long = "x".repeat(65);
    let cases = [
        json!({}),
        json!({ "user_intent": "" }),
        json!({ "user_intent": "x".repeat(8_193) }),
        json!({ "user_intent": 5 }),
        json!({ "user_intent": "greet Bob", "extra": 1 }),
        json!({ "user_intent": "greet Bob", "trace_id": "a b" }),
        json!({ "user_intent": "greet Bob", "mode": "fast" }),
        json!({ "user_intent": "greet Bob", "parameters": [] }),
        json!({ "user_intent": "greet Bob", "parameters": { "name": "Eve" } }),
        json!({ "user_intent": "greet Bob", "parameters": { "nobody": 1 } }),
        json!({ "user_intent": "greet Bob", "deadline": "tomorrow" }),
        json!({ "user_intent": "greet Bob", "deadline": "2020-01-01T00:00:00Z" }),
        json!({ "user_intent": "greet Bob", "deadline": "2999-01-01T00:00:00Z" }),
        json!({ "user_intent": "greet Bob", "tags": { long.clone(): "x", "": "y", "a/b": "z".repeat(257) } }),
        json!({ "user_intent": "greet Bob", "tags": { "n": 1 } }),
        json!({ "user_intent": "greet Bob", "user_id": "somebody else" }),
        json!({ "user_intent": "greet\u{0}Bob" }),
        json!({ "user_intent": "greet Bob", "parameters": { "n": 9_007_199_254_740_992_u64 } }),
        json!({ "user_intent": "x", "plan": { "steps": [] } }),
        json!({ "user_intent": "x", "plan": [] }),
    ];
    let mut said = Vec::new();
    for body in cases {
        said.push(
            house
                .post(&ana, GOALS, body)
                .await
                .refusal()
                .replace(&long, "[65 x]")
                .replace('\u{0}', "<NUL>"),
        );
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    422 request.invalid
      "" missing field `user_intent`
    422 request.invalid
      "/user_intent" must have 1 to 8192 characters
    422 request.invalid
      "/user_intent" must have 1 to 8192 characters
    422 request.invalid
      "/user_intent" invalid type: integer `5`, expected a string
    422 request.invalid
      "/extra" unknown field `extra`, expected one of `user_intent`, `trace_id`, `user_id`, `mode`, `parameters`, `plan`, `deadline`, `tags`
    422 request.invalid
      "/trace_id" trace_id must match [A-Za-z0-9._:-]{1,128}
    422 request.invalid
      "/mode" unknown variant `fast`, expected `run` or `dry_run`
    422 request.invalid
      "/parameters" invalid type: sequence, expected a map
    422 request.invalid
      "/parameters/name" the words say something else
    422 request.invalid
      "/parameters/nobody" unknown member "nobody"
    422 request.invalid
      "/deadline" must be an RFC 3339 time such as 2026-12-01T12:00:00Z
    422 request.invalid
      "/deadline" must lie in the future
    422 request.invalid
      "/deadline" must lie within 2592000 seconds from now
    422 request.invalid
      "/tags/" the name must have 1 to 64 characters
      "/tags/a~1b" must have at most 256 characters
      "/tags/[65 x]" the name must have 1 to 64 characters
    422 request.invalid
      "/tags/n" invalid type: integer `1`, expected a string
    403 auth.wrong_user
    422 request.invalid
      "/user_intent" text must not hold NUL
    422 request.invalid
      "/parameters/n" numbers must lie within ±(2^53 − 1)
    422 plan.invalid
      "/plan/steps" a plan needs at least one step
    422 plan.invalid
      "/plan" must be an object, not array
    "#);
    assert_eq!(house.get(&ana, GOALS).await.json()["items"], json!([]));
}

#[tokio::test]
async fn limits_of_a_goal_are_pinned_from_the_settings() {
    let limits = Limits {
        plan_steps_max: 1,
        ..Limits::default()
    };
    let house = House::of(Plot {
        limits,
        ..Plot::default()
    })
    .await;
    let body = json!({ "user_intent": "x", "plan": { "steps": [says("a", &[]), says("b", &[])] } });
    let refused = house
        .send(with_json("POST", GOALS, &house.ana(), &body.to_string()))
        .await;
    insta::assert_snapshot!(refused.refusal(), @r#"
    422 plan.invalid
      "/plan/steps" 2 steps are more than the limit of 1
    "#);
}
