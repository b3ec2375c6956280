//! What tests wait for of the workflow of a goal, which Temporal tells of.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use crate::world::{PATIENCE, World, goal, tenant};

impl World {
    /// Waits until a goal's workflow has ended, which it does a moment after the goal.
    pub(crate) async fn until_closed(&self, name: &str) -> temporal::Workflow {
        self.until_workflow(name, |workflow| !workflow.is_running)
            .await
    }

    /// Waits until a goal's workflow has come to the end of a stretch.
    pub(crate) async fn until_rests(&self, name: &str) {
        self.until_workflow(name, |workflow| workflow.state.contains("\"status\":"))
            .await;
    }

    /// Waits until a goal's workflow is as it should be.
    pub(crate) async fn until_workflow(
        &self,
        name: &str,
        is: impl Fn(&temporal::Workflow) -> bool,
    ) -> temporal::Workflow {
        let cluster = self.cluster.as_ref().unwrap();
        let until = async {
            loop {
                match cluster.workflow(&tenant(), &goal(name)).await {
                    Ok(workflow) if is(&workflow) => return workflow,
                    // Not there yet, or not yet so far.
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let until = tokio::time::timeout(PATIENCE, until).await;
        until.unwrap_or_else(|_| panic!("the workflow of {name} does not come so far"))
    }
}

/// Asks Temporal for something of the namespace, as its own tools do; until it is done. Returns what it says.
pub(crate) async fn ask(server: &servers::Temporal, path: &str, body: &Value) -> String {
    let body = body.to_string();
    let rest = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    for _ in 0..300 {
        answer = exchange(server, "POST", path, &rest);
        if answer.starts_with("HTTP/1.0 200") {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path}: {answer}");
}

pub(crate) fn get(server: &servers::Temporal, path: &str) -> String {
    exchange(server, "GET", path, "\r\n")
}

fn exchange(server: &servers::Temporal, method: &str, path: &str, rest: &str) -> String {
    let request =
        format!("{method} /api/v1/namespaces/default/{path} HTTP/1.0\r\nHost: localhost\r\n{rest}");
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.http_port())).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
