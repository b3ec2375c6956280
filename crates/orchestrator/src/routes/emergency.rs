//! `/api/v1/admin/emergency_controls`.

use std::sync::Arc;

use api::emergency::{ControlBody, ControlView};
use api::list::Page;
use axum::extract::State;

use crate::body::{Json, Strict};
use crate::caller::Caller;
use crate::context::Context;
use crate::emergency;
use crate::error::ApiError;
use crate::state::App;

/// Lists the emergency controls that are set.
#[utoipa::path(
    get, path = "/api/v1/admin/emergency_controls", tag = "admin",
    responses((status = 200, description = "The active controls, with who and when", body = Page<ControlView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Page<ControlView>>, ApiError> {
    caller.must_administer()?;
    Ok(Json(emergency::list(&app, &caller)))
}

/// Sets an emergency control, effective for the very next effect and kept over restarts.
#[utoipa::path(
    put, path = "/api/v1/admin/emergency_controls", tag = "admin", request_body = ControlBody,
    responses((status = 200, description = "Durable; the controls that are set now", body = Page<ControlView>)),
)]
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    context: Context,
    Strict(body): Strict<ControlBody>,
) -> Result<Json<Page<ControlView>>, ApiError> {
    caller.must_administer()?;
    emergency::set(&app, &caller, &context, body)
        .await
        .map(Json)
}
