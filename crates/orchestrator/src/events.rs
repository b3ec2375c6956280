//! A goal's events, as a list and as a live stream (CONTRACT §2, "Events").

pub(crate) mod stream;
mod view;

use api::events::EventView;
use api::list::Page;
use domain::id::GoalId;
use store::EventPage;

use crate::body::{limit_of, next_cursor};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::goals;
use crate::state::App;

pub(crate) use self::view::event as view;

/// Reads events after a sequence, of a goal that the caller may see.
pub(crate) async fn after(
    app: &App,
    caller: &Caller,
    goal: &GoalId,
    (after, limit): (u64, u32),
) -> Result<EventPage, ApiError> {
    let page = app
        .store
        .events(&caller.principal.tenant, goal, after, limit)
        .await?;
    page.filter(|page| caller.sees(&page.owner))
        .ok_or_else(goals::not_found)
}

/// Lists events in their order.
pub(crate) async fn list(
    app: &App,
    caller: &Caller,
    goal: &GoalId,
    (limit, cursor): (Option<u32>, Option<&str>),
) -> Result<Page<EventView>, ApiError> {
    let from = cursor.map_or(Ok(0), goals::sequence)?.min(i64::MAX as u64);
    let page = after(app, caller, goal, (from, limit_of(limit)?)).await?;
    let last = page.events.last().map_or(from, |(sequence, _)| *sequence);
    let items = page
        .events
        .iter()
        .map(|(sequence, event)| view(*sequence, event))
        .collect();
    Ok(Page {
        items,
        next_cursor: (last < page.newest).then(|| next_cursor(last)),
    })
}
