//! `/health` and `/metrics`.

use std::sync::Arc;

use api::code::Code;
use api::health::Health;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::body::Json;
use crate::error::ApiError;
use crate::health;
use crate::state::App;

/// Whether the process lives.
#[utoipa::path(
    get, path = "/health", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health::ok())
}

/// Whether the process lives.
#[utoipa::path(
    get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn live() -> Json<Health> {
    Json(Health::ok())
}

/// Whether the service can work.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "It can; degraded where goals are accepted and wait for a component", body = Health),
        (status = 503, description = "It cannot; the failing component by name", body = Health),
    ),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let health = health::ready(&app).await;
    let status = match health.status.as_str() {
        "error" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (status, Json(health)).into_response()
}

/// What the service counts, as Prometheus text; 404 where the settings leave it out.
#[utoipa::path(
    get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain; version=0.0.4")),
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    if !app.config.metrics {
        return Err(ApiError::new(Code::PathUnknown, "/metrics is not served"));
    }
    Ok((
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        health::figures(&app),
    )
        .into_response())
}
