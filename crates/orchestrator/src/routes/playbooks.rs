//! `/api/v1/playbooks`.

use std::sync::Arc;

use api::list::{Page, PageQuery};
use api::playbooks::PlaybookView;
use axum::extract::State;
use domain::playbook::Playbook;

use crate::body::{Asked, Json, by_name};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// Lists the playbooks by name.
#[utoipa::path(
    get, path = "/api/v1/playbooks", tag = "playbooks", params(PageQuery),
    responses((status = 200, description = "Which words make which plan", body = Page<PlaybookView>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<PlaybookView>>, ApiError> {
    by_name(
        app.playbooks.iter(),
        |playbook| playbook.name.as_str(),
        view,
        &query,
    )
    .map(Json)
}

fn view(playbook: &Playbook) -> PlaybookView {
    PlaybookView {
        name: playbook.name.clone(),
        utterances: playbook.utterances.clone(),
        parameters: playbook.parameters.clone(),
        plan: serde_json::to_value(&playbook.plan).unwrap_or_default(),
    }
}
