//! Goals: how one is started, found, listed and moved.

pub(crate) mod accept;
pub(crate) mod submission;
pub(crate) mod view;
pub(crate) mod wait;

use api::code::Code;
use api::goals::{GoalQuery, GoalSummary, Wished};
use api::list::Page;
use domain::goal::GoalStatus;
use domain::id::GoalId;

use saga::input::{Person, Wish};
use store::{GoalFilter, Loaded, PostError};

use crate::body::{cursor, next_cursor, page_of};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// The id in a path; what cannot be an id names nothing.
pub(crate) fn id(text: String) -> Result<GoalId, ApiError> {
    GoalId::try_from(text).map_err(|_| not_found())
}

pub(crate) fn not_found() -> ApiError {
    ApiError::new(
        Code::GoalNotFound,
        "the tenant has no such goal, or it is not yours to see",
    )
}

/// Reads a goal that the caller may see.
pub(crate) async fn load(app: &App, caller: &Caller, goal: &GoalId) -> Result<Loaded, ApiError> {
    let loaded = app.store.load(&caller.principal.tenant, goal).await?;
    loaded
        .filter(|loaded| caller.sees(&loaded.owner))
        .ok_or_else(not_found)
}

/// Lists goals that the caller may see, newest first.
pub(crate) async fn list(
    app: &App,
    caller: &Caller,
    query: &GoalQuery,
) -> Result<Page<GoalSummary>, ApiError> {
    let page = page_of(query.limit, query.cursor.as_deref())?;
    let status = query.status.as_deref().map(status).transpose()?;
    let tag = query.tag.as_deref().map(|tag| match tag.split_once(':') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (tag.to_owned(), None),
    });
    let owner = (!caller.principal.role.sees_all_goals()).then(|| caller.subject().clone());
    let tenant = &caller.principal.tenant;
    let filter = GoalFilter {
        status,
        owner,
        tag,
        words: query.q.clone(),
    };
    let listed = app.store.goals(tenant, filter, page).await?;
    let gate = app.store.gate();
    let items = listed
        .items
        .into_iter()
        .map(|goal| view::summary(goal, tenant, &gate))
        .collect();
    Ok(Page {
        items,
        next_cursor: listed.next.map(next_cursor),
    })
}

fn status(name: &str) -> Result<GoalStatus, ApiError> {
    let names = || GoalStatus::ALL.map(GoalStatus::as_str).join(", ");
    GoalStatus::parse(name)
        .ok_or_else(|| ApiError::new(Code::Query, format!("status must be one of {}", names())))
}

/// Puts a wish into the inbox of a goal that the caller owns or operates.
pub(crate) async fn wish(
    app: &App,
    caller: &Caller,
    goal: &GoalId,
    wish: Wish,
) -> Result<Wished, ApiError> {
    let of = caller.clone();
    let guard = move |loaded: &Loaded| {
        if !of.sees(&loaded.owner) {
            return Err(not_found());
        }
        if loaded.owner == *of.subject() {
            Ok(())
        } else {
            of.must_operate()
        }
    };
    post(app, caller, (goal, wish), guard).await
}

/// Puts a wish into a goal's inbox if `guard`, who sees the goal first, lets it.
pub(crate) async fn post(
    app: &App,
    caller: &Caller,
    (goal, wish): (&GoalId, Wish),
    guard: impl FnOnce(&Loaded) -> Result<(), ApiError> + Send + 'static,
) -> Result<Wished, ApiError> {
    let person = Person {
        by: caller.subject().clone(),
        wish,
    };
    match app
        .engine
        .wish(&caller.principal.tenant, goal, person, guard)
        .await
    {
        Ok(_) => Ok(Wished::new(goal.as_str())),
        Err(PostError::NotFound) => Err(not_found()),
        Err(PostError::Guard(error)) => Err(error),
        Err(PostError::Refused(refusal)) => Err(refusal.into()),
        Err(PostError::Full) => {
            Err(ApiError::new(Code::Overload, "too many wishes wait for the goal").retry_after(1))
        }
        Err(PostError::Store(error)) => Err(error.into()),
    }
}

/// Where a cursor of the events points: a sequence.
pub(crate) fn sequence(text: &str) -> Result<u64, ApiError> {
    cursor(Some(text)).map(|sequence| sequence.unwrap_or(0))
}
