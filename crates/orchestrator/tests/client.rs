//! The typed client against a real server.

use api::approvals::{ApprovalQuery, DecisionBody};
use api::client::{Client, ClientError, SubmitOptions, Submitted, Wish};
use api::goals::{GoalQuery, GoalSubmission};
use api::list::PageQuery;
use domain::approval::Decision;
use domain::goal::GoalStatus;
use serde_json::json;

use crate::harness::says;
use crate::http::Server;

fn goal(trace: &str, steps: serde_json::Value) -> GoalSubmission {
    GoalSubmission {
        user_intent: "do it".into(),
        trace_id: Some(trace.into()),
        plan: Some(json!({ "steps": steps })),
        ..GoalSubmission::default()
    }
}

#[tokio::test]
async fn a_goal_is_submitted_followed_decided_and_shown() {
    let server = Server::start().await;
    let address = format!("http://{}", server.address);
    let ana = Client::new(&address, Some(&server.house.ana())).unwrap();
    let olaf = Client::new(&address, Some(&server.house.olaf())).unwrap();
    let mut asks = says("b", &["a"]);
    asks["approval"] = json!(true);
    let body = goal("c", json!([says("a", &[]), asks]));
    let Submitted::Started(started) = ana.submit(&body, &SubmitOptions::default()).await.unwrap()
    else {
        panic!("nobody waited");
    };
    assert_eq!(started.workflow_id, "goal-c");
    let mut follow = ana.follow("goal-c", 0);
    let mut kinds = Vec::new();
    while let Some(event) = follow.next().await.unwrap() {
        assert_eq!(event.sequence as usize, kinds.len() + 1);
        if event.kind == "approval_asked" {
            let query = ApprovalQuery {
                status: Some("pending".into()),
                ..ApprovalQuery::default()
            };
            let asked = olaf.approvals(&query).await.unwrap().items.remove(0);
            let body = DecisionBody {
                decision: Decision::Grant,
                digest: asked.digest,
                reason: None,
            };
            assert_eq!(
                olaf.decide(&asked.id, &body)
                    .await
                    .unwrap()
                    .decided_by
                    .as_deref(),
                Some("olaf")
            );
        }
        kinds.push(event.kind);
    }
    assert_eq!(kinds.last().map(String::as_str), Some("goal_completed"));
    assert_eq!(
        ana.goal("goal-c", None).await.unwrap().status,
        GoalStatus::Completed
    );
    let listed = ana
        .goals(&GoalQuery {
            status: Some("completed".into()),
            ..GoalQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(listed.items[0].workflow_id, "goal-c");
    assert!(
        !ana.tools(&PageQuery::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        ana.check(&goal("x", json!([says("a", &[])])))
            .await
            .unwrap()
            .valid
    );
    assert_eq!(ana.ready().await.unwrap().status, "ok");
}

#[tokio::test]
async fn refusals_carry_the_problem_and_silence_the_address() {
    let server = Server::start().await;
    let address = format!("http://{}", server.address);
    let ana = Client::new(&address, Some(&server.house.ana())).unwrap();
    let refused = ana.wish("goal-none", Wish::Cancel).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().code, "goal.not_found");
    let refused = Client::new(&address, None)
        .unwrap()
        .tools(&PageQuery::default())
        .await
        .unwrap_err();
    assert_eq!(refused.problem().unwrap().code, "auth.required");
    let nobody = Client::new("http://127.0.0.1:1", None)
        .unwrap()
        .ready()
        .await
        .unwrap_err();
    assert!(nobody.is_unreachable());
    assert_eq!(
        nobody.to_string(),
        "no server answers at http://127.0.0.1:1"
    );
    for bad in ["", "127.0.0.1:8000", "ftp://a", "http://user:pass@a"] {
        assert!(
            matches!(Client::new(bad, None), Err(ClientError::Address(_))),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_submission_that_waits_gets_the_goal() {
    let server = Server::start().await;
    let ana = Client::new(
        &format!("http://{}", server.address),
        Some(&server.house.ana()),
    )
    .unwrap();
    let options = SubmitOptions {
        idempotency_key: Some("k".into()),
        wait: Some(20),
    };
    let body = goal("w", json!([says("a", &[])]));
    let Submitted::Settled(shown) = ana.submit(&body, &options).await.unwrap() else {
        panic!("it ends at once")
    };
    assert_eq!(
        (shown.status, shown.reply.as_deref()),
        (GoalStatus::Completed, Some("a says hello"))
    );
    // The repeat waits as it prefers; one that does not gets the first answer, which was that it started.
    assert!(matches!(
        ana.submit(&body, &options).await.unwrap(),
        Submitted::Settled(_)
    ));
    let options = SubmitOptions {
        wait: None,
        ..options
    };
    assert!(matches!(
        ana.submit(&body, &options).await.unwrap(),
        Submitted::Started(_)
    ));
}
