//! `/api/v1/tools`.

use std::sync::Arc;

use api::list::{Page, PageQuery};
use api::tools::ToolView;
use axum::extract::State;

use crate::body::{Asked, Json, by_name};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// Lists the tools by name.
#[utoipa::path(
    get, path = "/api/v1/tools", tag = "tools", params(PageQuery),
    responses((status = 200, description = "What plans can use", body = Page<ToolView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<ToolView>>, ApiError> {
    by_name(
        app.agent.toolset().iter(),
        |spec| spec.name.as_str(),
        ToolView::from,
        &query,
    )
    .map(Json)
}
