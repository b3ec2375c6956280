//! The calls, in the order of the contract's table.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::{Client, ClientError, Follow, pairs};
use crate::approvals::{ApprovalQuery, ApprovalView, DecisionBody};
use crate::audit::{AuditEntry, AuditQuery};
use crate::emergency::{ControlBody, ControlView};
use crate::events::{EventQuery, EventView};
use crate::goals::{GoalQuery, GoalSubmission, GoalSummary, GoalView, Started, Wished};
use crate::health::Health;
use crate::list::{Page, PageQuery};
use crate::plans::PlanCheck;
use crate::playbooks::PlaybookView;
use crate::steps::Settle;
use crate::tools::ToolView;

const GOALS: &[&str] = &["api", "v1", "goals"];
const APPROVALS: &[&str] = &["api", "v1", "approvals"];
const AUDIT: &[&str] = &["api", "v1", "audit"];
const CONTROLS: &[&str] = &["api", "v1", "admin", "emergency_controls"];

/// How a goal is submitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmitOptions {
    /// The `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Seconds to wait for the goal's end, up to 60.
    pub wait: Option<u32>,
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It was accepted.
    Started(Started),
    /// It ended, or came to wait for a person, while the server was asked to wait.
    Settled(Box<GoalView>),
}

/// What can be wanted of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Undo everything and end.
    Cancel,
    /// Start no new effect.
    Pause,
    /// Go on.
    Resume,
    /// Try the undo again after a repair.
    Retry,
}

impl Wish {
    /// The last segment of its path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
        }
    }
}

#[expect(
    clippy::missing_errors_doc,
    reason = "all fail as `ClientError` says, and in no other way"
)]
impl Client {
    /// Starts a goal.
    pub async fn submit(
        &self,
        goal: &GoalSubmission,
        options: &SubmitOptions,
    ) -> Result<Submitted, ClientError> {
        let mut request = self.request(Method::POST, GOALS).json(goal);
        if let Some(key) = &options.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let (status, body) = self
            .call_with_status::<Value>(wait(request, options.wait))
            .await?;
        let unexpected = |error: serde_json::Error| ClientError::Unexpected(error.to_string());
        if status == StatusCode::ACCEPTED {
            return serde_json::from_value(body)
                .map(Submitted::Started)
                .map_err(unexpected);
        }
        serde_json::from_value(body)
            .map(|goal| Submitted::Settled(Box::new(goal)))
            .map_err(unexpected)
    }

    /// Lists goals, newest first.
    pub async fn goals(&self, query: &GoalQuery) -> Result<Page<GoalSummary>, ClientError> {
        self.list(GOALS, query).await
    }

    /// Shows a goal; waits up to so many seconds for its end.
    pub async fn goal(&self, id: &str, wait_seconds: Option<u32>) -> Result<GoalView, ClientError> {
        self.call(wait(
            self.request(Method::GET, &[GOALS, &[id]].concat()),
            wait_seconds,
        ))
        .await
    }

    /// Lists a goal's events in their order.
    pub async fn events(
        &self,
        id: &str,
        query: &EventQuery,
    ) -> Result<Page<EventView>, ClientError> {
        self.list(&[GOALS, &[id, "events"]].concat(), query).await
    }

    /// Follows a goal's events after the one of that number (0: from the first) to its end, over cut connections.
    pub fn follow(&self, id: &str, after: u64) -> Follow {
        Follow::new(self.clone(), id.to_owned(), after)
    }

    /// One connection of [`Client::follow`].
    pub(super) async fn event_stream(&self, id: &str, after: u64) -> Result<Response, ClientError> {
        let request = self.request(Method::GET, &[GOALS, &[id, "events"]].concat());
        let request = request.header(reqwest::header::ACCEPT, "text/event-stream");
        let request = if after > 0 {
            request.header("last-event-id", after.to_string())
        } else {
            request
        };
        self.send(request).await
    }

    /// Wants something of a goal; the goal then reaches that state.
    pub async fn wish(&self, id: &str, wish: Wish) -> Result<Wished, ClientError> {
        self.call(self.request(Method::POST, &[GOALS, &[id, wish.as_str()]].concat()))
            .await
    }

    /// Ends a doubt or a stuck undo.
    pub async fn settle(&self, id: &str, step: &str, body: &Settle) -> Result<Wished, ClientError> {
        self.call(
            self.request(
                Method::POST,
                &[GOALS, &[id, "steps", step, "settle"]].concat(),
            )
            .json(body),
        )
        .await
    }

    /// Lists approvals, newest first.
    pub async fn approvals(
        &self,
        query: &ApprovalQuery,
    ) -> Result<Page<ApprovalView>, ClientError> {
        self.list(APPROVALS, query).await
    }

    /// Shows an approval.
    pub async fn approval(&self, id: &str) -> Result<ApprovalView, ClientError> {
        self.call(self.request(Method::GET, &[APPROVALS, &[id]].concat()))
            .await
    }

    /// Decides an approval.
    pub async fn decide(&self, id: &str, body: &DecisionBody) -> Result<ApprovalView, ClientError> {
        self.call(
            self.request(Method::POST, &[APPROVALS, &[id, "decision"]].concat())
                .json(body),
        )
        .await
    }

    /// Lists the tools by name.
    pub async fn tools(&self, page: &PageQuery) -> Result<Page<ToolView>, ClientError> {
        self.list(&["api", "v1", "tools"], page).await
    }

    /// Lists the playbooks by name.
    pub async fn playbooks(&self, page: &PageQuery) -> Result<Page<PlaybookView>, ClientError> {
        self.list(&["api", "v1", "playbooks"], page).await
    }

    /// Checks a goal without starting it.
    pub async fn check(&self, goal: &GoalSubmission) -> Result<PlanCheck, ClientError> {
        self.call(
            self.request(Method::POST, &["api", "v1", "plans", "check"])
                .json(goal),
        )
        .await
    }

    /// Lists audit entries by index.
    pub async fn audit_entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, ClientError> {
        self.list(&[AUDIT, &["entries"]].concat(), query).await
    }

    /// Shows an audit entry.
    pub async fn audit_entry(&self, id: &str) -> Result<AuditEntry, ClientError> {
        self.call(self.request(Method::GET, &[AUDIT, &["entries", id]].concat()))
            .await
    }

    /// Begins an export: JSON lines, to be read chunk by chunk until `None`.
    pub async fn audit_export(&self) -> Result<Response, ClientError> {
        self.send(self.request(Method::GET, &[AUDIT, &["export"]].concat()))
            .await
    }

    /// Lists the emergency controls that are set.
    pub async fn emergency_controls(&self) -> Result<Page<ControlView>, ClientError> {
        self.call(self.request(Method::GET, CONTROLS)).await
    }

    /// Sets an emergency control.
    pub async fn set_emergency_control(
        &self,
        body: &ControlBody,
    ) -> Result<Page<ControlView>, ClientError> {
        self.call(self.request(Method::PUT, CONTROLS).json(body))
            .await
    }

    /// Whether the server can work; a failing component is an answer, not an error.
    pub async fn ready(&self) -> Result<Health, ClientError> {
        let request = self.request(Method::GET, &["health", "ready"]);
        let answer = request
            .send()
            .await
            .map_err(|source| self.unreachable(source))?;
        answer
            .json()
            .await
            .map_err(|error| ClientError::Unexpected(error.to_string()))
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<Page<T>, ClientError> {
        let (http, request) = self.request(Method::GET, path).build_split();
        let mut request = request.map_err(|source| self.unreachable(source))?;
        let found = pairs(query);
        if !found.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(found);
        }
        self.call(RequestBuilder::from_parts(http, request)).await
    }
}

fn wait(request: RequestBuilder, seconds: Option<u32>) -> RequestBuilder {
    match seconds {
        Some(seconds) => request.header("prefer", format!("wait={seconds}")),
        None => request,
    }
}
