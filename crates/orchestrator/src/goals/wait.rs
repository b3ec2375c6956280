//! `Prefer: wait=N` (RFC 7240 §4.3): an answer that waits until the goal ends or needs a person.

use std::time::Duration;

use domain::id::{GoalId, TenantId};
use http::HeaderMap;
use saga::Saga;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::state::App;

/// Longest wait (CONTRACT §2).
const WAIT_SECONDS_MAX: u64 = 60;

/// A place past every event: only where the goal stands is asked.
const NO_EVENTS: u64 = i64::MAX as u64;

/// How long the caller prefers to wait, in seconds; `None`: not at all. What is malformed is as if it were not there.
pub(crate) fn preferred(headers: &HeaderMap) -> Option<u64> {
    let stated = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let wait = stated
        .flat_map(|value| value.split(','))
        .find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("wait")
                .then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
        })?;
    (wait > 0).then_some(wait.min(WAIT_SECONDS_MAX))
}

/// When a wait that begins now is over.
pub(crate) fn deadline(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Waits for the engine to say that a goal which it has just accepted is at rest. `None`: it did not, for whatever reason.
///
/// # Cancel safety
/// Cancel safe.
pub(crate) async fn until_told(
    app: &App,
    at_rest: oneshot::Receiver<Saga>,
    deadline: Instant,
) -> Option<Saga> {
    tokio::select! {
        told = at_rest => told.ok(),
        () = tokio::time::sleep_until(deadline) => None,
        () = app.stopped() => None,
    }
}

/// Waits until the goal is at rest; `false`: it was not in time.
///
/// # Cancel safety
/// Reads only.
pub(crate) async fn until_at_rest(
    app: &App,
    tenant: &TenantId,
    goal: &GoalId,
    deadline: Instant,
) -> Result<bool, ApiError> {
    let mut news = app.store.watch(tenant, goal).await?;
    loop {
        let seen = *news.borrow_and_update();
        let page = app.store.events(tenant, goal, NO_EVENTS, 0).await?;
        let Some(page) = page else {
            return Err(super::not_found());
        };
        let status = page.status;
        if status.is_end() || (status.is_at_rest() && stands_still(app, tenant, goal).await?) {
            return Ok(true);
        }
        if page.newest < seen {
            continue;
        }
        tokio::select! {
            changed = news.changed() => {
                if changed.is_err() {
                    news = app.store.watch(tenant, goal).await?;
                }
            }
            () = tokio::time::sleep_until(deadline) => return Ok(false),
            () = app.stopped() => return Ok(false),
        }
    }
}

/// Whether a goal that does not go on by itself is not moved on either: a wish that was taken and not read yet does that.
/// Both are of one moment, or a wish could be read in between.
async fn stands_still(app: &App, tenant: &TenantId, goal: &GoalId) -> Result<bool, ApiError> {
    let loaded = app.store.load(tenant, goal).await?;
    Ok(loaded.is_some_and(|loaded| loaded.saga.status().is_at_rest() && loaded.inbox.is_empty()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_well_formed_wait_counts() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", HeaderValue::from_static(value));
            }
            preferred(&headers)
        };
        assert_eq!(read(&["wait=5"]), Some(5));
        assert_eq!(read(&["respond-async, Wait = \"7\"; x"]), Some(7));
        assert_eq!(read(&["handling=lenient", "wait=600"]), Some(60));
        for none in [
            "", "wait", "wait=", "wait=-1", "wait=1.5", "wait=0", "waiter=3", "x;wait=3",
        ] {
            assert_eq!(read(&[none]), None, "{none}");
        }
    }
}
