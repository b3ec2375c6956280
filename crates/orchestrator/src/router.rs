//! Every route, one line each; `openapi.json` describes the same list, and a test compares them.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::ALLOW;

use crate::context;
use crate::error::{ApiError, keep_allow};
use crate::routes::{
    approvals, audit, emergency, events, goals, health, openapi, plans, playbooks, steps, tools,
};
use crate::state::App;

pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = match app.config.accepts {
        true => attended().merge(api()),
        false => attended(),
    };
    routes
        .fallback(path_unknown)
        .layer(from_fn(wrong_method))
        .layer(from_fn_with_state(Arc::clone(&app), context::around))
        .with_state(app)
}

/// What every process answers.
fn attended() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/goals", get(goals::list).post(goals::submit))
        .route("/api/v1/goals/{id}", get(goals::show))
        .route("/api/v1/goals/{id}/events", get(events::list))
        .route("/api/v1/goals/{id}/cancel", post(goals::cancel))
        .route("/api/v1/goals/{id}/pause", post(goals::pause))
        .route("/api/v1/goals/{id}/resume", post(goals::resume))
        .route("/api/v1/goals/{id}/retry", post(goals::retry))
        .route(
            "/api/v1/goals/{id}/steps/{step}/settle",
            post(steps::settle),
        )
        .route("/api/v1/approvals", get(approvals::list))
        .route("/api/v1/approvals/{id}", get(approvals::show))
        .route("/api/v1/approvals/{id}/decision", post(approvals::decide))
        .route("/api/v1/tools", get(tools::list))
        .route("/api/v1/playbooks", get(playbooks::list))
        .route("/api/v1/plans/check", post(plans::check))
        .route("/api/v1/audit/entries", get(audit::list))
        .route("/api/v1/audit/entries/{id}", get(audit::show))
        .route("/api/v1/audit/export", get(audit::export))
        .route(
            "/api/v1/admin/emergency_controls",
            get(emergency::list).put(emergency::set),
        )
        .route("/openapi.json", get(openapi::document))
}

async fn path_unknown() -> ApiError {
    ApiError::new(
        api::code::Code::PathUnknown,
        "see /openapi.json for what there is",
    )
}

/// Makes a problem of axum's own 405, which knows the allowed methods.
async fn wrong_method(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        return answer;
    }
    let allow = answer.headers_mut().remove(ALLOW);
    keep_allow(allow, ApiError::method_not_allowed()).into_response()
}
