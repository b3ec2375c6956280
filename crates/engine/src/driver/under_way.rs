//! Effects under way: what a seated goal has begun here and not heard the end of.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};

use domain::outcome::{Answer, Outcome, ToolError};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use saga::event::StepItem;
use saga::input::Ended;
use saga::{Effect, Input};

use super::Engine;
use crate::runner::{GRACE, START_WITHIN, jitter};

/// The effects under way of one goal.
#[derive(Default)]
pub(super) struct UnderWay {
    effects: FuturesUnordered<BoxFuture<'static, End>>,
    /// Which they are, and those whose ends nobody has taken yet.
    known: Vec<Which>,
    /// Ends that came while something else was waited for.
    ended: Vec<End>,
}

/// Names an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Which {
    at: StepItem,
    undo: bool,
    attempt: u32,
}

/// How an effect has ended.
struct End {
    which: Which,
    /// The tool whose room it had.
    room: Option<String>,
    input: Input,
}

impl UnderWay {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Begins an effect; its end, come what may, is an input.
    ///
    /// Where its commit took so long that another driver may have taken over, it does not begin.
    pub(super) fn begin(&mut self, engine: &Engine, effect: Effect, decided: Instant) {
        let which = which(&effect);
        self.known.push(which.clone());
        self.effects
            .push(carry_out(engine, (effect, which), decided));
    }

    /// Takes note of attempts whose start was committed and that nobody has begun, because nobody heard of the commit.
    pub(super) fn never_began(&mut self, started: impl Iterator<Item = Effect>) {
        for effect in started {
            let which = which(&effect);
            if self.known.contains(&which) {
                continue;
            }
            self.known.push(which.clone());
            self.ended.push(End {
                input: outcome(&which, too_late()),
                which,
                room: None,
            });
        }
    }

    /// Waits until an effect has ended; for ever where none is under way.
    ///
    /// # Cancel safety
    /// Cancel safe: an end that came stays until [`UnderWay::take`].
    pub(super) async fn any(&mut self) {
        if !self.ended.is_empty() {
            return;
        }
        match self.effects.next().await {
            Some(end) => self.ended.push(end),
            None => std::future::pending().await,
        }
    }

    /// Waits for something else without keeping effects from going on: one that stood still could act long after others
    /// take it for ended.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            // The work is polled until it has ended, and a stream's `next` is cancel safe.
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(end) = self.effects.next() => self.ended.push(end),
            }
        }
    }

    /// Takes the ends that have come, and gives the room of those effects back.
    pub(super) fn take(&mut self, engine: &Engine) -> Vec<Input> {
        while let Some(Some(end)) = self.effects.next().now_or_never() {
            self.ended.push(end);
        }
        let ended = std::mem::take(&mut self.ended);
        let take = |end: End| {
            self.known.retain(|known| *known != end.which);
            if let Some(tool) = &end.room {
                engine.floor().give_back(tool);
            }
            end.input
        };
        ended.into_iter().map(take).collect()
    }
}

fn which(effect: &Effect) -> Which {
    Which {
        at: StepItem {
            step: effect.call.step.clone(),
            item: effect.call.item,
        },
        undo: effect.undo,
        attempt: effect.call.attempt,
    }
}

fn ended<T>(which: &Which, result: T) -> Ended<T> {
    Ended {
        at: which.at.clone(),
        undo: which.undo,
        attempt: which.attempt,
        result,
        jitter: jitter(),
    }
}

fn outcome(which: &Which, result: Outcome) -> Input {
    Input::Outcome(ended(which, result))
}

fn carry_out(
    engine: &Engine,
    (effect, which): (Effect, Which),
    decided: Instant,
) -> BoxFuture<'static, End> {
    let call = effect.call;
    let room = Some(call.tool.clone());
    let limit = Duration::from_secs(u64::from(call.timeout_seconds)) + GRACE;
    if effect.ask {
        let asked = engine.shared.performer.ask(call);
        return async move {
            let result = bounded(asked, limit).await;
            let result = result.unwrap_or_else(|error| Answer::Unknown { error });
            let input = Input::Answer(ended(&which, result));
            End { which, room, input }
        }
        .boxed();
    }
    let late = engine.store().is_shared() && decided.elapsed() > START_WITHIN;
    let performed = match late {
        false => engine.shared.performer.perform(call),
        true => async { too_late() }.boxed(),
    };
    async move {
        let result = bounded(performed, limit).await;
        let result = result.unwrap_or_else(|error| Outcome::Unknown { error });
        let input = outcome(&which, result);
        End { which, room, input }
    }
    .boxed()
}

/// The outcome of an effect that did not begin.
fn too_late() -> Outcome {
    Outcome::transient(
        "tool.not_started",
        "its start took too long to be written, so it did not begin",
    )
}

/// A tool's answer, unless it overstays or panics.
async fn bounded<T>(answer: BoxFuture<'static, T>, limit: Duration) -> Result<T, ToolError> {
    match tokio::time::timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(ToolError::new(
            "tool.panicked",
            "the tool failed in a way it never should",
        )),
        Err(_) => Err(ToolError::new(
            "tool.timeout",
            "the tool did not end within its time",
        )),
    }
}
