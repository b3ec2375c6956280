//! The task of a seated goal: effects under way, and a turn whenever one ends or something new comes.

use std::ops::ControlFlow::{Break, Continue};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use domain::outcome::Outcome;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use saga::event::StepItem;
use saga::input::Ended;
use saga::{Effect, Input};
use store::Loaded;
use tokio::sync::OwnedSemaphorePermit;

use super::lead::START_WITHIN;
use super::{Engine, Seat};
use crate::error::Error;
use crate::runner::{Leave, Runner, Turned};

/// A goal that sleeps no longer than this keeps its seat: reading it again would cost more.
const NAP: SignedDuration = SignedDuration::from_millis(250);
/// What an attempt may take past its own timeout before it is given up as unknown.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// The wait before a goal is run again that failed for lack of disk space, or because the store did.
const LATER: SignedDuration = SignedDuration::from_secs(5);

type UnderWay = FuturesUnordered<BoxFuture<'static, (String, Input)>>;

/// Reads goals that nobody has in memory, and runs each; `reading` is given back once they are read.
pub(super) async fn begin(engine: Engine, seats: Vec<Seat>, reading: OwnedSemaphorePermit) {
    let name = |seat: &Seat| (seat.goal.tenant.clone(), seat.goal.goal.clone());
    let names: Vec<_> = seats.iter().map(name).collect();
    let found = engine.store().load_many(names).await;
    drop(reading);
    match found {
        Ok(found) => {
            for (seat, found) in seats.into_iter().zip(found) {
                engine.spawn(first(engine.clone(), seat, found));
            }
        }
        Err(error) => {
            let error = Error::from(error);
            for seat in seats {
                give_up(&engine, seat, &error);
            }
        }
    }
}

/// Runs a goal from where its journal ends; where somebody else may still be at what it has in flight, only after that.
async fn first(engine: Engine, seat: Seat, found: Result<Option<Loaded>, store::Error>) {
    let begun = async {
        let loaded = found?.ok_or_else(|| seat.goal.missing())?;
        let mut runner = Runner::loaded(engine.store().clone(), seat.goal.clone(), loaded);
        if let Some(until) = engine.fenced_until(&runner.saga, Timestamp::now()) {
            return Ok(Break(until));
        }
        let input = [Input::Recover { jitter: jitter() }];
        let turned = runner.turn(&input, leave(&engine)).await?;
        Ok::<_, Error>(Continue((runner, turned)))
    };
    match begun.await {
        Ok(Continue((runner, turned))) => run(engine, seat, runner, turned).await,
        Ok(Break(until)) => leave_until(&engine, seat, Some(until)),
        Err(error) => give_up(&engine, seat, &error),
    }
}

/// Drives a seated goal until it has nothing to do.
pub(super) async fn run(engine: Engine, seat: Seat, mut runner: Runner, turned: Turned) {
    let mut under_way = UnderWay::new();
    let mut turned = turned;
    let mut seat = seat;
    loop {
        runner.tell();
        engine.call_next_in_line();
        for effect in std::mem::take(&mut turned.effects) {
            under_way.push(carry_out(&engine, effect, turned.decided));
        }
        let news = match next(&engine, &seat, &mut under_way, &turned).await {
            Some(news) => news,
            None => match engine.stand_up(seat, &turned) {
                Ok(()) => return,
                Err(stayed) => {
                    seat = stayed;
                    Vec::new()
                }
            },
        };
        if engine.shared.seats.was_rung(&seat.goal)
            && let Err(error) = runner.read_inbox().await
        {
            return give_up(&engine, seat, &error);
        }
        turned = match runner.turn(&news, leave(&engine)).await {
            Ok(turned) => turned,
            Err(error) => return abandon(&engine, seat, under_way, &error).await,
        };
    }
}

/// Waits for something to decide: ended effects, the bell, or a time that is near. `None`: there is nothing to wait for.
async fn next(
    engine: &Engine,
    seat: &Seat,
    under_way: &mut UnderWay,
    turned: &Turned,
) -> Option<Vec<Input>> {
    let nap = turned
        .wake_at
        .map(|at| {
            at.duration_since(Timestamp::now())
                .max(SignedDuration::ZERO)
        })
        .filter(|nap| *nap <= NAP);
    let nap = nap.filter(|_| !turned.starved && !engine.draining());
    if under_way.is_empty() && nap.is_none() {
        return None;
    }
    let slept =
        tokio::time::sleep(nap.map_or(Duration::from_secs(3_600), SignedDuration::unsigned_abs));
    let mut ended = Vec::new();
    // Every arm is cancel safe: a stream's `next`, a `Notify` whose ring is also kept in the seat, and a sleep.
    tokio::select! {
        Some(end) = under_way.next() => ended.push(end),
        () = seat.bell.rung.notified() => {}
        () = slept => {}
    }
    while let Some(Some(end)) = under_way.next().now_or_never() {
        ended.push(end);
    }
    let give_back = |(tool, input): (String, Input)| {
        engine.floor().give_back(&tool);
        input
    };
    Some(ended.into_iter().map(give_back).collect())
}

/// Carries out an effect; its end, come what may, is an input.
///
/// Where its commit took so long that another driver may have taken over, it does not begin.
fn carry_out(
    engine: &Engine,
    effect: Effect,
    decided: Instant,
) -> BoxFuture<'static, (String, Input)> {
    let call = effect.call;
    let at = StepItem {
        step: call.step.clone(),
        item: call.item,
    };
    let (undo, attempt, tool) = (effect.undo, call.attempt, call.tool.clone());
    let limit = Duration::from_secs(u64::from(call.timeout_seconds)) + GRACE;
    if effect.ask {
        let asked = engine.shared.performer.ask(call);
        return async move {
            let result = bounded(asked, limit)
                .await
                .unwrap_or_else(|error| domain::outcome::Answer::Unknown { error });
            (
                tool,
                Input::Answer(Ended {
                    at,
                    undo,
                    attempt,
                    result,
                    jitter: jitter(),
                }),
            )
        }
        .boxed();
    }
    let late = engine.store().is_shared() && decided.elapsed() > START_WITHIN;
    let performed = match late {
        false => engine.shared.performer.perform(call),
        true => async { too_late() }.boxed(),
    };
    async move {
        let result = bounded(performed, limit)
            .await
            .unwrap_or_else(|error| Outcome::Unknown { error });
        (
            tool,
            Input::Outcome(Ended {
                at,
                undo,
                attempt,
                result,
                jitter: jitter(),
            }),
        )
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
async fn bounded<T>(
    answer: BoxFuture<'static, T>,
    limit: Duration,
) -> Result<T, domain::outcome::ToolError> {
    let error = domain::outcome::ToolError::new;
    match tokio::time::timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(error(
            "tool.panicked",
            "the tool failed in a way it never should",
        )),
        Err(_) => Err(error(
            "tool.timeout",
            "the tool did not end within its time",
        )),
    }
}

impl Engine {
    /// Wakes goals that wait for room that is there now.
    fn call_next_in_line(&self) {
        for goal in self.floor().next_in_line() {
            self.wake(&goal);
        }
    }

    /// Leaves the seat, with a timer where the goal waits for a time.
    fn stand_up(&self, seat: Seat, turned: &Turned) -> Result<(), Seat> {
        let goal = seat.goal.clone();
        let wake_at = if turned.starved {
            Some(soon())
        } else {
            turned.wake_at
        };
        // Before the seat is given up, so that whoever has it next is not overruled.
        match wake_at {
            Some(at) => self.shared.timers.set(goal, at),
            None => self.shared.timers.clear(&goal),
        }
        self.shared.seats.stand_up(seat)?;
        self.shared.stood_up.notify_one();
        Ok(())
    }
}

/// The store failed us: what is under way ends unrecorded and will be found as interrupted.
async fn abandon(engine: &Engine, seat: Seat, mut under_way: UnderWay, error: &Error) {
    while let Some((tool, _)) = under_way.next().await {
        engine.floor().give_back(&tool);
    }
    engine.call_next_in_line();
    give_up(engine, seat, error);
}

/// Leaves a goal that cannot be run now; it is tried again later unless its record is damaged.
fn give_up(engine: &Engine, seat: Seat, error: &Error) {
    let goal = seat.goal.clone();
    let damaged = error.is_damage();
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(tenant = %goal.tenant, goal = %goal.goal, damaged, "cannot run the goal: {error}: {cause}");
    leave_until(engine, seat, (!damaged).then(soon));
}

/// Leaves the seat of a goal that is not run before a time, whatever the bell announces until then.
fn leave_until(engine: &Engine, seat: Seat, until: Option<Timestamp>) {
    let goal = seat.goal.clone();
    let mut seat = seat;
    while let Err(stayed) = engine.shared.seats.stand_up(seat) {
        engine.shared.seats.was_rung(&goal);
        seat = stayed;
    }
    if let Some(until) = until {
        engine.shared.timers.set(goal, until);
    }
    engine.shared.stood_up.notify_one();
}

fn soon() -> Timestamp {
    Timestamp::now()
        .saturating_add(LATER)
        .unwrap_or(Timestamp::MAX)
}

fn leave(engine: &Engine) -> Leave<'_> {
    engine.leave(!engine.draining() && engine.leads())
}

/// A uniformly random number, for backoff; where the system has none, no jitter.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
