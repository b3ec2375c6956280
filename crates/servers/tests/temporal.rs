//! The servers of Temporal, started and killed: what they were told stays.

use servers::{Error, Postgres, Temporal, TemporalCluster, or_skip};

use crate::talk;

/// Where workflows are in the HTTP API.
const WORKFLOWS: &str = "/api/v1/namespaces/default/workflows";

#[test]
fn the_development_server_keeps_a_workflow_when_it_is_killed() {
    let Some(server) = or_skip(Temporal::start()) else {
        return;
    };
    let workflow = Workflow::start(server.http_port());
    server.kill().unwrap();
    server.start_again().unwrap();
    workflow.runs();
}

#[test]
fn a_server_of_many_threads_can_be_started_again_as_soon_as_it_is_killed() {
    let Some(server) = or_skip(Temporal::start()) else {
        return;
    };
    for _ in 0..5 {
        server.kill().unwrap();
        server.start_again().unwrap();
    }
}

/// Not for CI, where `.ci/tools` does not build the server: skipped without it, also where `SERVERS_REQUIRED` is set.
#[test]
fn the_real_server_if_it_was_built_keeps_a_workflow_when_it_or_postgres_is_killed() {
    let Some(postgres) = or_skip(Postgres::start()) else {
        return;
    };
    let server = match TemporalCluster::start(&postgres) {
        Err(missing @ Error::Missing { .. }) => return eprintln!("SKIPPED: {missing}"),
        started => started.unwrap(),
    };
    let workflow = Workflow::start(server.http_port());
    server.kill().unwrap();
    server.start_again().unwrap();
    workflow.runs();
    postgres.kill().unwrap();
    postgres.start_again().unwrap();
    workflow.runs();
    server.kill().unwrap();
    server.start_again().unwrap();
    workflow.runs();

    let other = TemporalCluster::start(&postgres).unwrap_err();
    assert!(matches!(other, Error::Failed { .. }), "{other}");
}

/// A workflow that nobody works on.
struct Workflow {
    http_port: u16,
}

impl Workflow {
    fn start(http_port: u16) -> Self {
        let body = r#"{"workflowType": {"name": "none"}, "taskQueue": {"name": "none"}}"#;
        let answer = talk::http(http_port, &format!("POST {WORKFLOWS}/kept"), body).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        Self { http_port }
    }

    /// Asks as clients do, who are told for a moment that a part of the server is not there yet.
    fn runs(&self) {
        let ask = || talk::http(self.http_port, &format!("GET {WORKFLOWS}/kept"), "");
        let answer = talk::soon(|| {
            ask()
                .ok()
                .filter(|answer| !answer.starts_with("HTTP/1.0 503"))
        });
        let running = "WORKFLOW_EXECUTION_STATUS_RUNNING";
        assert!(answer.contains(running), "{answer}");
    }
}
