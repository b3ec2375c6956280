//! Starting a goal: durable before it is answered, once for each trace id, once for each idempotency key.

use std::sync::atomic::Ordering;

use ::audit::{Action, Draft, Status};
use api::code::Code;
use api::goals::{GoalSubmission, Started};
use bytes::Bytes;
use domain::digest::Digest;
use domain::id::{GoalId, TraceId};
use domain::policy::POLICY_VERSION;
use engine::AcceptError;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use saga::Payload;
use saga::event::{Acceptance, Adoption};
use serde_json::{Value, json};
use store::{Answer, AppendError, Chain, RequestKey};
use uuid::Uuid;

use super::submission;
use crate::caller::Caller;
use crate::context::Context;
use crate::error::ApiError;
use crate::plans::{self, Prepared};
use crate::state::App;

/// The header that makes a repeat of a request harmless.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in characters (CONTRACT §2).
const KEY_CHARS_MAX: usize = 255;
/// The route that keys are kept for.
const ROUTE: &str = "POST /api/v1/goals";

/// What came of a submission.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A goal is durable.
    New {
        goal: GoalId,
        /// What the engine says of it.
        accepted: engine::Accepted,
        /// The answer, as it is kept.
        answer: Bytes,
    },
    /// The same request was answered so before.
    Replay(Bytes),
}

/// A submission with what its request says beside the body.
pub(crate) struct Submitted<'a> {
    pub(crate) goal: GoalSubmission,
    pub(crate) caller: &'a Caller,
    pub(crate) context: &'a Context,
    /// The idempotency key, and the keyed digest of the canonical body.
    pub(crate) key: Option<(RequestKey, Digest)>,
}

/// Reads the idempotency key of a request.
pub(crate) fn request_key(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Option<(RequestKey, Digest)>, ApiError> {
    let mut stated = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = stated.next() else {
        return Ok(None);
    };
    let visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value
        .to_str()
        .ok()
        .filter(visible)
        .filter(|text| (1..=KEY_CHARS_MAX).contains(&text.len()));
    let Some(key) = key.filter(|_| stated.next().is_none()) else {
        let detail =
            format!("Idempotency-Key must be one of 1 to {KEY_CHARS_MAX} visible ASCII characters");
        return Err(ApiError::new(Code::Header, detail));
    };
    let canonical = serde_json_canonicalizer::to_vec(body).map_err(ApiError::internal)?;
    let tenant = caller.principal.tenant.as_str().as_bytes();
    let digest = app
        .store
        .secret()
        .digest(&[b"idempotency", tenant, &canonical]);
    let key = RequestKey {
        principal: caller.subject().clone(),
        route: ROUTE.to_owned(),
        key: key.to_owned(),
    };
    Ok(Some((key, digest)))
}

/// Starts a goal.
pub(crate) async fn accept(app: &App, submitted: Submitted<'_>) -> Result<Accepted, ApiError> {
    let caller = submitted.caller;
    if let Some((key, digest)) = &submitted.key
        && let Some(kept) = app.store.answer(&caller.principal.tenant, key).await?
    {
        // What was good then may not be now, such as a deadline; the first answer stands.
        return if kept.body == *digest {
            Ok(Accepted::Replay(kept.answer.into()))
        } else {
            Err(key_reused())
        };
    }
    let now = Timestamp::now();
    let trace = submission::check(app, caller, &submitted.goal, now)?;
    let prepared = match plans::prepare(app, &submitted.goal) {
        Ok(prepared) => prepared,
        Err(error) => return Err(refuse(app, &submitted, trace, error).await),
    };
    let trace = match trace {
        Some(trace) => trace,
        None => TraceId::try_from(Uuid::now_v7().to_string()).map_err(ApiError::internal)?,
    };
    let goal = GoalId::from(&trace);
    let answer = serde_json::to_vec(&Started::new(goal.as_str())).map_err(ApiError::internal)?;
    let idempotency = submitted.key.map(|(key, body)| {
        (
            key,
            Answer {
                body,
                answer: answer.clone(),
            },
        )
    });
    let created = store::NewGoal {
        owner: caller.subject().clone(),
        idempotency,
        open_goals_max: app.config.open_goals_max,
    };
    let (acceptance, adoption) = facts(app, caller, (&goal, submitted.goal), prepared);
    match app
        .engine
        .accept(engine::NewGoal {
            acceptance,
            adoption,
            created,
        })
        .await
    {
        Ok(accepted) => {
            app.figures.goals_accepted.fetch_add(1, Ordering::Relaxed);
            Ok(Accepted::New {
                goal,
                accepted,
                answer: answer.into(),
            })
        }
        Err(AcceptError::Store(AppendError::Replay(answer))) => Ok(Accepted::Replay(answer.into())),
        Err(AcceptError::Store(AppendError::KeyReused)) => Err(key_reused()),
        Err(AcceptError::Store(AppendError::AlreadyStarted(goal))) => Err(already_started(&goal)),
        Err(error) => Err(error.into()),
    }
}

/// What the journal's first two events say.
fn facts(
    app: &App,
    caller: &Caller,
    (goal, submission): (&GoalId, GoalSubmission),
    prepared: Prepared,
) -> (Acceptance, Adoption) {
    let tenant = &caller.principal.tenant;
    let key = app.store.secret().goal_key(tenant, goal);
    let request = json!({
        "user_intent": submission.user_intent,
        "parameters": prepared.parameters,
        "tags": submission.tags.unwrap_or_default(),
    });
    let plan = match prepared.reply {
        Some(reply) => json!({ "plan": prepared.document, "reply": reply }),
        None => json!({ "plan": prepared.document }),
    };
    let acceptance = Acceptance {
        tenant: tenant.clone(),
        goal: goal.clone(),
        owner: caller.subject().clone(),
        request: Payload::new(&key, request),
        deadline: submission.deadline,
        limits: app.config.limits.clone(),
        policy_version: POLICY_VERSION.to_owned(),
    };
    let adoption = Adoption {
        plan: Payload::new(&key, plan),
        tools: app.tools.clone(),
        source: prepared.source,
        playbook: prepared.playbook,
    };
    (acceptance, adoption)
}

/// Records that a plan was refused; without the evidence the refusal itself is one of ours.
async fn refuse(
    app: &App,
    submitted: &Submitted<'_>,
    trace: Option<TraceId>,
    error: ApiError,
) -> ApiError {
    app.figures.plans_refused.fetch_add(1, Ordering::Relaxed);
    let correlation = trace.map_or_else(
        || submitted.context.request_id().to_owned(),
        |trace| trace.to_string(),
    );
    let draft = Draft::new(
        Action::PLAN_REFUSED,
        submitted.caller.subject().as_str(),
        "goal",
        correlation.as_str(),
    )
    .status(Status::Denied)
    .correlated(correlation.as_str())
    .with("code", error.code().as_str())
    .with("errors", error.errors().len());
    let chain = Chain::Tenant(submitted.caller.principal.tenant.clone());
    match app.store.append_evidence(&chain, vec![draft]).await {
        Ok(()) => error,
        Err(failure) => failure.into(),
    }
}

fn key_reused() -> ApiError {
    ApiError::new(
        Code::IdempotencyMismatch,
        "use another key for another body",
    )
}

fn already_started(goal: &GoalId) -> ApiError {
    ApiError::new(
        Code::GoalAlreadyStarted,
        "a trace_id names one goal of its tenant for ever",
    )
    .with("workflowId", goal.as_str())
}
