//! Following a goal's events over cut connections, without loss or repeat.

use std::time::Duration;

use reqwest::{Response, StatusCode};

use super::sse::Lines;
use super::{Client, ClientError};
use crate::events::EventView;

/// Longest silence: the server writes a comment every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// First pause before another try, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Tries in a row without an event before the server counts as gone: about half a minute.
const TRIES_MAX: u32 = 18;

/// A goal's events, one after the other, to its end.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    goal: String,
    last: u64,
    open: Option<(Response, Lines)>,
    tries: u32,
}

impl Follow {
    pub(super) fn new(client: Client, goal: String, last: u64) -> Self {
        Self {
            client,
            goal,
            last,
            open: None,
            tries: 0,
        }
    }

    /// The next event; `None`: the goal has ended and this was all.
    ///
    /// # Errors
    /// The server refuses (the token may have expired), or stays away for half a minute.
    ///
    /// # Cancel safety
    /// What was read stays; the next call goes on.
    pub async fn next(&mut self) -> Result<Option<EventView>, ClientError> {
        loop {
            let Some((answer, lines)) = &mut self.open else {
                if !self.connect().await? {
                    return Ok(None);
                }
                continue;
            };
            if let Some(data) = lines.data() {
                let event: EventView = serde_json::from_slice(&data)
                    .map_err(|error| ClientError::Unexpected(error.to_string()))?;
                if event.sequence > self.last {
                    self.last = event.sequence;
                    self.tries = 0;
                    return Ok(Some(event));
                }
                continue;
            }
            match tokio::time::timeout(SILENCE_MAX, answer.chunk()).await {
                Ok(Ok(Some(chunk))) => lines.push(&chunk)?,
                // Cut, ended or silent: ask again; the server says whether there is more.
                Ok(Ok(None) | Err(_)) | Err(_) => self.open = None,
            }
        }
    }

    /// Connects where the events left off; `false`: there are no more.
    async fn connect(&mut self) -> Result<bool, ClientError> {
        if self.tries > 0 {
            tokio::time::sleep(
                PAUSE_MIN
                    .saturating_mul(1 << self.tries.min(8))
                    .min(PAUSE_MAX),
            )
            .await;
        }
        self.tries += 1;
        match self.client.event_stream(&self.goal, self.last).await {
            Ok(answer) if answer.status() == StatusCode::NO_CONTENT => Ok(false),
            Ok(answer) => {
                self.open = Some((answer, Lines::default()));
                Ok(true)
            }
            Err(error) if error.is_unreachable() && self.tries < TRIES_MAX => Ok(true),
            Err(error) => Err(error),
        }
    }
}
