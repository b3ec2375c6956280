//! A goal's events: as a list, as a stream, over reconnects and restarts.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use domain::principal::Role;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::harness::{House, Plot, SOON, principal, request, says};

/// A stream of events, read line by line.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(house: &House, token: &str, goal: &str, last: Option<u64>) -> Self {
        let mut request = request("GET", &format!("/api/v1/goals/{goal}/events"), token)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = house
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            body: answer.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next event's block; `None`: the stream ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block.starts_with(':') {
                    continue;
                }
                return Some(block);
            }
            let chunk = tokio::time::timeout(SOON, self.body.next())
                .await
                .expect("the stream goes on")?;
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<String> {
        let mut blocks = Vec::new();
        while let Some(block) = self.next().await {
            blocks.push(block);
        }
        blocks
    }
}

fn numbers(blocks: &[String]) -> Vec<String> {
    let number = |block: &String| {
        block
            .lines()
            .next()
            .unwrap()
            .strip_prefix("id: ")
            .unwrap()
            .to_owned()
    };
    blocks.iter().map(number).collect()
}

#[tokio::test]
async fn events_are_listed_in_order_without_gaps() {
    let house = House::open().await;
    let ana = house.ana();
    let goal = house.submit(&ana, "e", json!([says("a", &[])])).await;
    house.settled(&ana, &goal).await;
    let path = format!("/api/v1/goals/{goal}/events");
    insta::assert_snapshot!(house.get(&ana, &path).await.shown(), @r#"
    200
    content-type: application/json
    {
      "items": [
        {
          "at": "[time]",
          "data": {
            "user_id": "ana",
            "user_intent": "do it"
          },
          "sequence": 1,
          "type": "goal_accepted"
        },
        {
          "at": "[time]",
          "data": {
            "plan": {
              "steps": [
                {
                  "after": [],
                  "id": "a",
                  "input": {
                    "message": "a says hello"
                  },
                  "tool": "respond_to_user"
                }
              ]
            },
            "plan_source": "caller"
          },
          "sequence": 2,
          "type": "plan_adopted"
        },
        {
          "at": "[time]",
          "data": {
            "attempt": 1,
            "step": "a"
          },
          "sequence": 3,
          "type": "step_started"
        },
        {
          "at": "[time]",
          "data": {
            "attempt": 1,
            "output": {
              "reply": "a says hello"
            },
            "step": "a"
          },
          "sequence": 4,
          "type": "step_succeeded"
        },
        {
          "at": "[time]",
          "data": {
            "reply": "a says hello"
          },
          "sequence": 5,
          "type": "goal_completed"
        }
      ],
      "next_cursor": null
    }
    "#);
    let page = house
        .get(&ana, &format!("{path}?limit=2&cursor=1"))
        .await
        .json();
    assert_eq!(
        (&page["items"][0]["sequence"], &page["next_cursor"]),
        (&json!(2), &json!("3"))
    );
}

#[tokio::test]
async fn a_stream_carries_the_same_events_and_closes_after_the_last() {
    let house = House::open().await;
    let ana = house.ana();
    let goal = house
        .submit(&ana, "s", json!([says("a", &[]), says("b", &["a"])]))
        .await;
    let blocks = Stream::open(&house, &ana, &goal, None).await.rest().await;
    let listed = house
        .get(&ana, &format!("/api/v1/goals/{goal}/events"))
        .await
        .json();
    let listed = listed["items"].as_array().unwrap();
    assert_eq!(blocks.len(), listed.len());
    for (block, event) in blocks.iter().zip(listed) {
        let (id, kind) = (&event["sequence"], event["type"].as_str().unwrap());
        let (head, data) = block.split_once("\ndata: ").unwrap();
        assert_eq!(head, format!("id: {id}\nevent: {kind}"));
        assert_eq!(serde_json::from_str::<Value>(data).unwrap(), *event);
    }
    assert!(blocks.last().unwrap().contains("event: goal_completed"));
}

#[tokio::test]
async fn a_stream_resumes_without_loss_or_repeat_also_after_a_restart() {
    let house = House::open().await;
    let (ana, olaf) = (house.ana(), house.olaf());
    let mut asks = says("b", &["a"]);
    asks["approval"] = json!(true);
    let goal = house.submit(&ana, "r", json!([says("a", &[]), asks])).await;
    let approval = house.approval(&ana, &goal).await;
    let mut stream = Stream::open(&house, &ana, &goal, None).await;
    let mut seen = Vec::new();
    while seen
        .last()
        .is_none_or(|block: &String| !block.contains("event: approval_asked"))
    {
        seen.push(stream.next().await.unwrap());
    }
    drop(stream);
    let house = house.reopen(Plot::default()).await;
    let last: u64 = numbers(&seen).last().unwrap().parse().unwrap();
    let stream = Stream::open(&house, &ana, &goal, Some(last)).await;
    let path = format!(
        "/api/v1/approvals/{}/decision",
        approval["id"].as_str().unwrap()
    );
    let decided = house
        .post(
            &olaf,
            &path,
            json!({ "decision": "grant", "digest": approval["digest"] }),
        )
        .await;
    assert_eq!(decided.status, 200, "{}", decided.text);
    seen.extend(stream.rest().await);
    let expected: Vec<String> = (1..=seen.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers(&seen), expected);
    assert!(seen.last().unwrap().contains("event: goal_completed"));
}

#[tokio::test]
async fn at_the_end_of_an_ended_goal_there_is_nothing_and_past_it_an_error() {
    let house = House::open().await;
    let ana = house.ana();
    let goal = house.submit(&ana, "z", json!([says("a", &[])])).await;
    house.settled(&ana, &goal).await;
    let page = house
        .get(&ana, &format!("/api/v1/goals/{goal}/events"))
        .await
        .json();
    let last = page["items"].as_array().unwrap().len();
    let ask = async |id: &str| {
        let request = request("GET", &format!("/api/v1/goals/{goal}/events"), &ana)
            .header("accept", "text/event-stream, */*;q=0.1")
            .header("last-event-id", id);
        house.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(ask(&last.to_string()).await.status, 204);
    assert_eq!(
        ask(&(last + 1).to_string()).await.refusal(),
        "400 events.past_the_end"
    );
    assert_eq!(
        ask("18446744073709551615").await.refusal(),
        "400 events.past_the_end"
    );
    for bad in ["x", "-1", "1.5", "99999999999999999999"] {
        assert_eq!(ask(bad).await.refusal(), "400 request.header", "{bad}");
    }
    let resumed = ask(&(last - 1).to_string()).await;
    assert!(
        resumed.text.starts_with(&format!("id: {last}\n")),
        "{}",
        resumed.text
    );
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let house = House::open().await;
    let short = house.issuer.mint(
        &principal("ana", "acme", Role::Authenticated),
        Duration::from_secs(5),
        Timestamp::now(),
    );
    let goal = house
        .submit(
            &short,
            "x",
            json!([{ "id": "w", "tool": "wait", "input": { "seconds": 600 } }]),
        )
        .await;
    let begun = std::time::Instant::now();
    let blocks = Stream::open(&house, &short, &goal, None).await.rest().await;
    assert!(blocks.last().unwrap().contains("event: step_started"));
    assert!(begun.elapsed() < SOON);
}
