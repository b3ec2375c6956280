//! `/openapi.json`.

use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

use crate::error::ApiError;

/// The contract that these routes keep.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn document() -> Result<Response, ApiError> {
    let text = crate::openapi::document()
        .to_json()
        .map_err(ApiError::internal)?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}
