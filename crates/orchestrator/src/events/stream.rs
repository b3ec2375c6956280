//! The live stream of a goal's events (server-sent events, WHATWG HTML §9.2).
//!
//! Each event is read from the journal, never from memory, so that nothing is lost or repeated over reconnects and
//! restarts. The stream ends after the goal's last event, when the caller's token expires, and when the server stops.

use std::sync::Arc;
use std::time::Duration;

use api::code::Code;
use axum::body::Body;
use bytes::Bytes;
use domain::goal::GoalStatus;
use domain::id::GoalId;
use futures_util::stream;
use http::HeaderMap;
use jiff::Timestamp;
use saga::{Event, EventKind};
use store::EventPage;
use tokio::sync::watch;
use tokio::time::Instant;

use super::view;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// How often a silent stream says that it lives (CONTRACT §2).
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Events read at once.
const PIECE_EVENTS: u32 = 100;

/// A stream that begins after some event.
pub(crate) enum Stream {
    /// There is nothing more to come.
    Ended,
    /// The events as they come.
    Live(Body),
}

/// Where a stream is.
struct Following {
    app: Arc<App>,
    caller: Caller,
    goal: GoalId,
    last: u64,
    news: watch::Receiver<u64>,
    expires: Instant,
    over: bool,
}

/// The number of the last event that the caller has seen; 0: none.
pub(crate) fn last_seen(headers: &HeaderMap) -> Result<u64, ApiError> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(0);
    };
    let number = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok());
    number
        .ok_or_else(|| ApiError::new(Code::Header, "Last-Event-ID must be the number of an event"))
}

/// Opens a stream after an event.
pub(crate) async fn open(
    app: Arc<App>,
    caller: Caller,
    goal: GoalId,
    last: u64,
) -> Result<Stream, ApiError> {
    let tenant = caller.principal.tenant.clone();
    let reach = last.min(i64::MAX as u64);
    let page = super::after(&app, &caller, &goal, (reach, PIECE_EVENTS)).await?;
    if last > page.newest {
        return Err(ApiError::new(
            Code::PastTheEnd,
            format!("the goal's newest event is {}", page.newest),
        ));
    }
    if is_over(page.status) && last == page.newest {
        return Ok(Stream::Ended);
    }
    let news = app.store.watch(&tenant, &goal).await?;
    let left = caller.expires.duration_since(Timestamp::now());
    let expires = Instant::now() + Duration::try_from(left).unwrap_or(Duration::ZERO);
    let following = Following {
        app,
        caller,
        goal,
        last,
        news,
        expires,
        over: false,
    };
    let pieces = stream::unfold(
        (following, Some(page)),
        |(mut following, page)| async move {
            let piece = following.piece(page).await?;
            Some((piece, (following, None)))
        },
    );
    Ok(Stream::Live(Body::from_stream(pieces)))
}

/// Whether no event can follow: a late outcome may still add one to a goal that ended, which then is stuck and open.
fn is_over(status: GoalStatus) -> bool {
    status.is_end()
}

impl Following {
    /// The next piece; `None`: the stream ends.
    async fn piece(&mut self, read: Option<EventPage>) -> Option<Result<Bytes, std::io::Error>> {
        let mut read = read;
        loop {
            if self.over {
                return None;
            }
            self.news.borrow_and_update();
            let page = match read.take() {
                Some(page) => page,
                None => match super::after(
                    &self.app,
                    &self.caller,
                    &self.goal,
                    (self.last, PIECE_EVENTS),
                )
                .await
                {
                    Ok(page) => page,
                    // The answer has begun; all that is left is to cut it, so that the caller asks again.
                    Err(error) => return Some(Err(std::io::Error::other(error.code().as_str()))),
                },
            };
            if !page.events.is_empty() {
                return Some(Ok(self.written(&page)));
            }
            if is_over(page.status) {
                return None;
            }
            tokio::select! {
                changed = self.news.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = tokio::time::sleep(COMMENT_EVERY) => return Some(Ok(Bytes::from_static(b":\n\n"))),
                () = tokio::time::sleep_until(self.expires) => return None,
                () = self.app.stopped() => return None,
            }
        }
    }

    fn written(&mut self, page: &EventPage) -> Bytes {
        let mut out = String::with_capacity(page.events.len() * 256);
        for (sequence, event) in &page.events {
            let shown = view(*sequence, event);
            let data = serde_json::to_string(&shown).unwrap_or_default();
            out.push_str(&format!(
                "id: {sequence}\nevent: {}\ndata: {data}\n\n",
                shown.kind
            ));
            self.last = *sequence;
        }
        let ended = page.events.last().is_some_and(|(_, event)| ends(event));
        self.over = ended && is_over(page.status) && self.last == page.newest;
        out.into()
    }
}

/// Whether a goal's life ends with such an event.
fn ends(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::GoalCompleted { .. }
            | EventKind::GoalFailed { .. }
            | EventKind::GoalCancelled {}
    )
}
