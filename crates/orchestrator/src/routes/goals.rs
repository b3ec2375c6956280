//! `/api/v1/goals`.

use std::sync::Arc;

use api::goals::{
    Answered, GoalQuery, GoalSubmission, GoalSummary, GoalView, Mode, Started, Wished,
};
use api::list::Page;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use domain::id::GoalId;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use saga::input::Wish;

use crate::body::{Asked, Json, JsonBytes, Segments};
use crate::caller::Caller;
use crate::context::Context;
use crate::error::ApiError;
use crate::goals::accept::{Accepted, Submitted, accept, request_key};
use crate::goals::{self, submission, view, wait};
use crate::plans;
use crate::state::App;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Starts a goal.
#[utoipa::path(
    post, path = "/api/v1/goals", tag = "goals", request_body = GoalSubmission,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request again gets the first answer again"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, up to 60 s: answer when the goal has ended or waits for a person"),
    ),
    responses(
        (status = 202, description = "The goal is durable", body = Started),
        (status = 200, description = "With `Prefer: wait`, the goal; with `mode: dry_run`, the check", body = Answered),
        (status = 409, description = "`goal.already_started`", body = api::problem::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`request.invalid`, `plan.invalid`, `goal.no_plan`, `goal.ambiguous` or `idempotency.mismatch`", body = api::problem::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    context: Context,
    headers: HeaderMap,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, ApiError> {
    let body = api::strict::read_value(&bytes)?;
    let key = request_key(&app, &caller, &headers, &body)?;
    let goal: GoalSubmission = api::strict::object(body)?;
    if goal.mode == Mode::DryRun {
        submission::check(&app, &caller, &goal, jiff::Timestamp::now())?;
        let check = Answered::Check(Box::new(plans::report(&app, &goal)));
        return Ok(Json(check).into_response());
    }
    let submitted = Submitted {
        goal,
        caller: &caller,
        context: &context,
        key,
    };
    let (goal, accepted, answer) = match accept(&app, submitted).await? {
        Accepted::Replay(answer) => {
            let mut answer = again(&app, &caller, &headers, answer).await?;
            answer
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
            return Ok(answer);
        }
        Accepted::New {
            goal,
            accepted,
            answer,
        } => (goal, accepted, answer),
    };
    let Some(seconds) = wait::preferred(&headers) else {
        return Ok(started(answer));
    };
    let tenant = &caller.principal.tenant;
    let deadline = wait::deadline(seconds);
    if let Some(saga) = wait::until_told(&app, accepted.at_rest, deadline).await {
        let view = view::goal(&saga, caller.subject(), &goal, tenant, &app.store.gate());
        return applied(Json(view).into_response(), seconds);
    }
    if accepted.status.is_at_rest() || wait::until_at_rest(&app, &caller, &goal, deadline).await? {
        return shown(&app, &caller, &goal, Some(seconds)).await;
    }
    Ok(started(answer))
}

/// The answer to a request that was answered before: its goal where that is preferred and at rest in time, else the same.
async fn again(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    answer: Bytes,
) -> Result<Response, ApiError> {
    let Some(seconds) = wait::preferred(headers) else {
        return Ok(started(answer));
    };
    let first: Started = serde_json::from_slice(&answer).map_err(ApiError::internal)?;
    let goal = goals::id(first.workflow_id)?;
    if wait::until_at_rest(app, caller, &goal, wait::deadline(seconds)).await? {
        return shown(app, caller, &goal, Some(seconds)).await;
    }
    Ok(started(answer))
}

/// The answer to a goal that was accepted.
fn started(answer: Bytes) -> Response {
    (
        StatusCode::ACCEPTED,
        [(CONTENT_TYPE, "application/json")],
        answer,
    )
        .into_response()
}

async fn shown(
    app: &App,
    caller: &Caller,
    goal: &GoalId,
    waited: Option<u64>,
) -> Result<Response, ApiError> {
    let loaded = goals::load(app, caller, goal).await?;
    let (tenant, gate) = (&caller.principal.tenant, app.store.gate());
    let view = view::goal(&loaded.saga, &loaded.owner, goal, tenant, &gate);
    let answer = Json(view).into_response();
    match waited {
        Some(seconds) => applied(answer, seconds),
        None => Ok(answer),
    }
}

/// Says of an answer that it waited as was preferred (RFC 7240 §3).
fn applied(mut answer: Response, seconds: u64) -> Result<Response, ApiError> {
    let applied = HeaderValue::try_from(format!("wait={seconds}")).map_err(ApiError::internal)?;
    answer.headers_mut().insert(PREFERENCE_APPLIED, applied);
    Ok(answer)
}

/// Lists goals, newest first.
#[utoipa::path(
    get, path = "/api/v1/goals", tag = "goals", params(GoalQuery),
    responses((status = 200, description = "Goals that the caller may see", body = Page<GoalSummary>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<GoalQuery>,
) -> Result<Json<Page<GoalSummary>>, ApiError> {
    goals::list(&app, &caller, &query).await.map(Json)
}

/// Shows a goal.
#[utoipa::path(
    get, path = "/api/v1/goals/{id}", tag = "goals",
    params(
        ("id" = String, Path, description = "The workflowId"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, up to 60 s: answer when the goal has ended or waits for a person"),
    ),
    responses((status = 200, description = "The goal, with plan, steps and reply", body = GoalView)),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let goal = goals::id(id)?;
    let Some(seconds) = wait::preferred(&headers) else {
        return shown(&app, &caller, &goal, None).await;
    };
    let at_rest = wait::until_at_rest(&app, &caller, &goal, wait::deadline(seconds)).await?;
    shown(&app, &caller, &goal, at_rest.then_some(seconds)).await
}

/// Undoes everything that was done and ends the goal.
#[utoipa::path(
    post, path = "/api/v1/goals/{id}/cancel", tag = "goals", params(("id" = String, Path, description = "The workflowId")),
    responses((status = 202, description = "Durable; the goal then reaches that state", body = Wished)),
)]
pub(crate) async fn cancel(
    app: State<Arc<App>>,
    caller: Caller,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    wish(app, caller, id, Wish::CancelGoal { emergency: false }).await
}

/// Starts no new effect until the goal is resumed.
#[utoipa::path(
    post, path = "/api/v1/goals/{id}/pause", tag = "goals", params(("id" = String, Path, description = "The workflowId")),
    responses((status = 202, description = "Durable; the goal then reaches that state", body = Wished)),
)]
pub(crate) async fn pause(
    app: State<Arc<App>>,
    caller: Caller,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    wish(app, caller, id, Wish::PauseGoal).await
}

/// Goes on after a pause.
#[utoipa::path(
    post, path = "/api/v1/goals/{id}/resume", tag = "goals", params(("id" = String, Path, description = "The workflowId")),
    responses((status = 202, description = "Durable; the goal then reaches that state", body = Wished)),
)]
pub(crate) async fn resume(
    app: State<Arc<App>>,
    caller: Caller,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    wish(app, caller, id, Wish::ResumeGoal).await
}

/// Tries the undo of a stuck goal again, after a person's repair.
#[utoipa::path(
    post, path = "/api/v1/goals/{id}/retry", tag = "goals", params(("id" = String, Path, description = "The workflowId")),
    responses((status = 202, description = "Durable; the goal then reaches that state", body = Wished)),
)]
pub(crate) async fn retry(
    app: State<Arc<App>>,
    caller: Caller,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    wish(app, caller, id, Wish::RetryGoal).await
}

async fn wish(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
    wish: Wish,
) -> Result<Response, ApiError> {
    let wished = goals::wish(&app, &caller, &goals::id(id)?, wish).await?;
    Ok((StatusCode::ACCEPTED, Json(wished)).into_response())
}
