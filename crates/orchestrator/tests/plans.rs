//! Checking plans, and listing what plans are made of.

use serde_json::json;

use crate::harness::{House, calls};

const CHECK: &str = "/api/v1/plans/check";

#[tokio::test]
async fn a_good_plan_is_reported_with_its_approvals() {
    let house = House::open().await;
    let answer = house
        .post(
            &house.ana(),
            CHECK,
            json!({ "user_intent": "mail bob@example.com" }),
        )
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    {
      "approvals": [
        "send"
      ],
      "code": null,
      "errors": [],
      "parameters": {
        "email": "bob@example.com"
      },
      "plan": {
        "steps": [
          {
            "id": "send",
            "input": {
              "body": "Hello from OmniHub",
              "subject": "Hello",
              "to": {
                "$param": "email"
              }
            },
            "tool": "send_email"
          }
        ],
        "version": 1
      },
      "plan_source": "playbook",
      "playbook": "mail",
      "steps": [
        {
          "asks": true,
          "class": "at_most_once",
          "id": "send",
          "irreversible": true,
          "lane": "red",
          "reason": "lane red: a person is asked first; it cannot be undone",
          "tool": "send_email",
          "undone_by": null,
          "verdict": "ask"
        }
      ],
      "valid": true
    }
    "#);
}

#[tokio::test]
async fn a_broken_plan_is_reported_as_well() {
    let house = House::open().await;
    let mut asks = calls("pay", &["ghost"]);
    asks["approval"] = json!(true);
    let body = json!({ "user_intent": "x", "plan": { "steps": [asks, { "id": "b", "tool": "nothing", "input": {} }] } });
    insta::assert_snapshot!(house.post(&house.ana(), CHECK, body).await.shown(), @r#"
    200
    content-type: application/json
    {
      "approvals": [
        "pay"
      ],
      "code": "plan.invalid",
      "errors": [
        {
          "code": "plan.unknown_step",
          "pointer": "/plan/steps/0/after/0",
          "reason": "there is no step \"ghost\""
        },
        {
          "code": "plan.unknown_tool",
          "pointer": "/plan/steps/1/tool",
          "reason": "there is no tool \"nothing\""
        }
      ],
      "parameters": {},
      "plan": {
        "steps": [
          {
            "after": [
              "ghost"
            ],
            "approval": true,
            "compensation": {
              "input": {
                "method": "DELETE",
                "payload": {
                  "undo": "pay"
                },
                "url": "http://127.0.0.1:9/never"
              },
              "tool": "call_webhook"
            },
            "id": "pay",
            "input": {
              "method": "POST",
              "payload": {
                "step": "pay"
              },
              "url": "http://127.0.0.1:9/never"
            },
            "tool": "call_webhook"
          },
          {
            "id": "b",
            "input": {},
            "tool": "nothing"
          }
        ]
      },
      "plan_source": "caller",
      "playbook": null,
      "steps": [
        {
          "asks": true,
          "class": "at_most_once",
          "id": "pay",
          "irreversible": false,
          "lane": "yellow",
          "reason": "the step asks for approval",
          "tool": "call_webhook",
          "undone_by": "call_webhook",
          "verdict": "ask"
        },
        {
          "asks": false,
          "class": null,
          "id": "b",
          "irreversible": false,
          "lane": null,
          "reason": "there is no tool \"nothing\"",
          "tool": "nothing",
          "undone_by": null,
          "verdict": "deny"
        }
      ],
      "valid": false
    }
    "#);
    let malformed = json!({ "user_intent": "x", "plan": { "stepz": [], "steps": [{ "id": "UPPER", "tool": 3 }] } });
    insta::assert_snapshot!(house.post(&house.ana(), CHECK, malformed).await.shown(), @r#"
    200
    content-type: application/json
    {
      "approvals": [],
      "code": "plan.invalid",
      "errors": [
        {
          "code": "plan.unknown_field",
          "pointer": "/plan/stepz",
          "reason": "unknown field \"stepz\"; did you mean \"steps\"?"
        },
        {
          "code": "plan.invalid_id",
          "pointer": "/plan/steps/0/id",
          "reason": "step id must match [a-z][a-z0-9_-]{0,63}"
        },
        {
          "code": "plan.wrong_type",
          "pointer": "/plan/steps/0/tool",
          "reason": "must be text, not 3"
        }
      ],
      "parameters": {},
      "plan": {
        "steps": [
          {
            "id": "UPPER",
            "tool": 3
          }
        ],
        "stepz": []
      },
      "plan_source": "caller",
      "playbook": null,
      "steps": [],
      "valid": false
    }
    "#);
}

#[tokio::test]
async fn words_without_a_plan_are_an_answer_too() {
    let house = House::open().await;
    let answer = house
        .post(
            &house.ana(),
            CHECK,
            json!({ "user_intent": "mail the moon" }),
        )
        .await;
    insta::assert_snapshot!(answer.shown(), @r#"
    200
    content-type: application/json
    {
      "approvals": [],
      "code": "goal.no_plan",
      "errors": [
        {
          "pointer": "/user_intent",
          "reason": "playbook \"mail\", parameters/email: is no valid email"
        },
        {
          "pointer": "/user_intent",
          "reason": "nearest playbooks: mail, greet"
        }
      ],
      "parameters": {},
      "plan": null,
      "plan_source": null,
      "playbook": null,
      "steps": [],
      "valid": false
    }
    "#);
}

#[tokio::test]
async fn tools_and_playbooks_are_listed_by_name() {
    let house = House::open().await;
    let ana = house.ana();
    let tools = house.get(&ana, "/api/v1/tools").await.json();
    let lines: Vec<String> = tools["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| {
            format!(
                "{} {} {} {}",
                tool["name"], tool["class"], tool["lane"], tool["undone_by"]
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "call_webhook" "at_most_once" "yellow" ["call_webhook"]
    "fetch_url" "read" "green" []
    "respond_to_user" "read" "green" []
    "send_email" "at_most_once" "red" []
    "wait" "read" "green" []
    "#);
    let page = house.get(&ana, "/api/v1/tools?limit=1").await.json();
    let next = house
        .get(
            &ana,
            &format!(
                "/api/v1/tools?limit=1&cursor={}",
                page["next_cursor"].as_str().unwrap()
            ),
        )
        .await
        .json();
    assert_eq!(next["items"][0]["name"], tools["items"][1]["name"]);
    let playbooks = house.get(&ana, "/api/v1/playbooks").await.json();
    assert_eq!(
        playbooks["items"][0]["utterances"],
        json!(["greet {name}", "say hello to {name}"])
    );
    assert_eq!(
        (&playbooks["items"][1]["name"], &playbooks["next_cursor"]),
        (&json!("mail"), &json!(null))
    );
}
