//! `/api/v1/audit`.

use std::sync::Arc;

use api::audit::{AuditEntry, AuditQuery};
use api::list::Page;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::value::RawValue;

use crate::audit;
use crate::body::{Asked, Json, Segments};
use crate::caller::Caller;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::App;

/// Lists audit entries, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit/entries", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "The tenant's entries", body = Page<AuditEntry>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<Page<Box<RawValue>>>, ApiError> {
    caller.must_audit()?;
    audit::list(&app, &caller, query).await.map(Json)
}

/// Shows an audit entry, as the text that its hash was made of.
#[utoipa::path(
    get, path = "/api/v1/audit/entries/{id}", tag = "audit", params(("id" = String, Path, description = "The entry's id")),
    responses((status = 200, description = "The entry", body = AuditEntry)),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    caller.must_audit()?;
    let entry = audit::show(&app, &caller, &id).await?;
    Ok(([(CONTENT_TYPE, "application/json")], entry).into_response())
}

/// Exports all entries as JSON lines, ending with the tenant's signed checkpoint.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit",
    responses((status = 200, description = "What `omnihub audit verify FILE` reads", body = String, content_type = "application/x-ndjson")),
)]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    context: Context,
) -> Result<Response, ApiError> {
    caller.must_audit()?;
    let body = audit::export(&app, &caller, &context).await?;
    Ok((
        [
            (CONTENT_TYPE, "application/x-ndjson"),
            (CACHE_CONTROL, "no-store"),
        ],
        body,
    )
        .into_response())
}
