//! `/api/v1/goals/{id}/events`.

use std::sync::Arc;

use api::events::{EventQuery, EventView};
use api::list::Page;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::body::{Asked, Json, Segments};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::events;
use crate::events::stream::{self, Stream};
use crate::goals;
use crate::state::App;

const EVENT_STREAM: &str = "text/event-stream";

/// Lists a goal's events in their order, or streams them as they come.
#[utoipa::path(
    get, path = "/api/v1/goals/{id}/events", tag = "goals",
    params(
        ("id" = String, Path, description = "The workflowId"),
        EventQuery,
        ("Accept" = Option<String>, Header, description = "`text/event-stream` gives the live stream"),
        ("Last-Event-ID" = Option<u64>, Header, description = "With the stream: the number of the last event seen"),
    ),
    responses(
        (status = 200, description = "The events; as a stream `id` is the sequence, `event` the type, `data` the same object", content(
            (Page<EventView> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "The stream of a goal that has ended has nothing more"),
    ),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
    Asked(query): Asked<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let goal = goals::id(id)?;
    if !wants_stream(&headers) {
        let page =
            events::list(&app, &caller, &goal, (query.limit, query.cursor.as_deref())).await?;
        return Ok(Json(page).into_response());
    }
    let last = stream::last_seen(&headers)?;
    match stream::open(app, caller, goal, last).await? {
        Stream::Ended => Ok(StatusCode::NO_CONTENT.into_response()),
        Stream::Live(body) => Ok((
            [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-store")],
            body,
        )
            .into_response()),
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let stated = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut kinds = stated
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(EVENT_STREAM))
}
