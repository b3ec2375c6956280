//! `Prefer: wait=N` (RFC 7240 §4.3): an answer that waits until the goal ends or needs a person.

use std::time::Duration;

use domain::id::GoalId;
use http::HeaderMap;
use saga::Saga;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// Longest wait (CONTRACT §2).
const WAIT_SECONDS_MAX: u64 = 60;

/// How often it is looked whether a wish still waits to be read.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

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

/// Waits until a goal that the caller may see is at rest; `false`: it was not in time.
///
/// # Cancel safety
/// Reads only.
pub(crate) async fn until_at_rest(
    app: &App,
    caller: &Caller,
    goal: &GoalId,
    deadline: Instant,
) -> Result<bool, ApiError> {
    let tenant = &caller.principal.tenant;
    // Watched before it is looked at, so that nothing committed in between is missed.
    let mut news = app.store.subscribe(tenant, goal);
    loop {
        let standing = app.store.standing(tenant, goal).await?;
        let standing = standing.filter(|standing| caller.sees(&standing.owner));
        let standing = standing.ok_or_else(super::not_found)?;
        // A wish that was taken and not read yet moves on what does not go on by itself.
        let stands = standing.status.is_at_rest();
        if standing.status.is_end() || (stands && !standing.wished) {
            return Ok(true);
        }
        tokio::select! {
            Ok(_) = news.wait_for(|newest| *newest > standing.sequence) => {}
            // A wish may turn out to change nothing, of which there is no news.
            () = tokio::time::sleep(LOOK_AGAIN), if stands => {}
            () = tokio::time::sleep_until(deadline) => return Ok(false),
            () = app.stopped() => return Ok(false),
        }
    }
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
