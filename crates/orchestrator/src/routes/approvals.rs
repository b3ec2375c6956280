//! `/api/v1/approvals`.

use std::sync::Arc;

use api::approvals::{ApprovalQuery, ApprovalView, DecisionBody};
use api::list::Page;
use axum::extract::State;

use crate::approvals;
use crate::body::{Asked, Json, Segments, Strict};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// Lists approvals, newest first.
#[utoipa::path(
    get, path = "/api/v1/approvals", tag = "approvals", params(ApprovalQuery),
    responses((status = 200, description = "Approvals of goals that the caller may see", body = Page<ApprovalView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<ApprovalQuery>,
) -> Result<Json<Page<ApprovalView>>, ApiError> {
    approvals::list(&app, &caller, &query).await.map(Json)
}

/// Shows an approval.
#[utoipa::path(
    get, path = "/api/v1/approvals/{id}", tag = "approvals", params(("id" = String, Path, description = "The approval's id")),
    responses((status = 200, description = "The exact effect that is asked about", body = ApprovalView)),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
) -> Result<Json<ApprovalView>, ApiError> {
    approvals::show(&app, &caller, &id).await.map(Json)
}

/// Decides an approval; never one's own goal's.
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/decision", tag = "approvals", request_body = DecisionBody,
    params(("id" = String, Path, description = "The approval's id")),
    responses(
        (status = 200, description = "Durable; the approval as it is now", body = ApprovalView),
        (status = 403, description = "`approval.own_goal` or `auth.forbidden`", body = api::problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`approval.digest_mismatch`, `approval.already_decided` or `approval.closed`", body = api::problem::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
    Strict(body): Strict<DecisionBody>,
) -> Result<Json<ApprovalView>, ApiError> {
    approvals::decide(&app, &caller, &id, body).await.map(Json)
}
