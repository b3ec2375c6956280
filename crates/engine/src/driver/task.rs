//! The task of a seated goal: effects under way, and a turn whenever one ends or something new comes.

use std::ops::ControlFlow::{Break, Continue};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
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

use super::stretch::{Left, Stretched};
use super::{Engine, Seat};
use crate::error::Error;
use crate::runner::{GRACE, Leave, Runner, START_WITHIN, Turned, jitter};

/// A goal that sleeps no longer than this keeps its seat: reading it again would cost more.
const NAP: SignedDuration = SignedDuration::from_millis(250);
/// The same where others say when it is run, whose timers are coarse: a second on Temporal's development server.
const NAP_DRIVEN: SignedDuration = SignedDuration::from_secs(2);
/// How long it is tried to write what has ended, and the pause between: longer than a database takes to come back.
const OUTAGE_MAX: Duration = Duration::from_secs(600);
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
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
            let error = Arc::new(Error::from(error));
            for seat in seats {
                give_up(&engine, seat, Arc::clone(&error));
            }
        }
    }
}

/// Reads a goal that somebody drives by a stretch, and runs it.
pub(super) async fn enter(engine: Engine, seat: Seat) {
    let found = engine.store().load(&seat.goal.tenant, &seat.goal.goal);
    let found = found.await;
    first(engine, seat, found).await;
}

/// Runs a goal from where its journal ends; where somebody else may still be at what it has in flight, only after that.
async fn first(engine: Engine, seat: Seat, found: Result<Option<Loaded>, store::Error>) {
    let begun = async {
        let loaded = found?.ok_or_else(|| seat.goal.missing())?;
        let mut runner = Runner::loaded(engine.store().clone(), seat.goal.clone(), loaded);
        if let Some(until) = runner.fenced_until(Timestamp::now()) {
            return Ok(Break(until));
        }
        runner.take_over();
        let input = [Input::Recover { jitter: jitter() }];
        match runner.turn(&input, leave(&engine, &seat)).await {
            Err(Error::Elsewhere(until)) => Ok(Break(until)),
            turned => Ok::<_, Error>(Continue((runner, turned?))),
        }
    };
    match begun.await {
        Ok(Continue((runner, turned))) => run(engine, seat, runner, turned).await,
        Ok(Break(until)) => leave_until(&engine, seat, Some(until), Left::Fenced(until)),
        Err(error) => give_up(&engine, seat, error),
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
            None => match still_held(&engine, &turned).await {
                Ok(true) => match engine.stand_up(seat, &runner, &turned) {
                    Ok(()) => return,
                    Err(stayed) => {
                        seat = stayed;
                        Vec::new()
                    }
                },
                Ok(false) => Vec::new(),
                Err(error) => return give_up(&engine, seat, error),
            },
        };
        let holds = !(news.is_empty() && under_way.is_empty());
        if engine.shared.seats.was_rung(&seat.goal)
            && let Err(error) = read_inbox(&mut runner, holds).await
        {
            return abandon(&engine, seat, under_way, error).await;
        }
        turned = match turn(&engine, &seat, &mut runner, (&news, holds)).await {
            Ok(turned) => turned,
            Err(error) => return abandon(&engine, seat, under_way, error).await,
        };
    }
}

/// Whether a goal that others say when to run rests for good reason: where controls hold it, they are looked at again, for
/// whoever let it go may have done so in another process a moment ago.
async fn still_held(engine: &Engine, turned: &Turned) -> Result<bool, Error> {
    if !turned.kept.held || engine.shared.port.is_none() || engine.draining() {
        return Ok(true);
    }
    let gate = engine.store().look_at_controls().await?;
    Ok(gate.generation() == turned.generation)
}

/// Reads what people want of a goal; where the store fails while the goal `holds` what nobody else knows, again and again.
async fn read_inbox(runner: &mut Runner, holds: bool) -> Result<(), Error> {
    let begun = Instant::now();
    let mut read = runner.read_inbox().await;
    while let Err(error) = &read
        && error.may_pass()
        && holds
        && begun.elapsed() < OUTAGE_MAX
    {
        tokio::time::sleep(OUTAGE_PAUSE).await;
        read = runner.read_inbox().await;
    }
    read
}

/// A turn; where the store fails while the goal `holds` what nobody else knows, again and again: the end of an effect that
/// was not written is a doubt, and a person's work.
async fn turn(
    engine: &Engine,
    seat: &Seat,
    runner: &mut Runner,
    (news, holds): (&[Input], bool),
) -> Result<Turned, Error> {
    let begun = Instant::now();
    let mut turned = runner.turn(news, leave(engine, seat)).await;
    while let Err(error) = &turned
        && error.may_pass()
        && holds
        && begun.elapsed() < OUTAGE_MAX
    {
        tracing::warn!(goal = %seat.goal.goal, "cannot write what has ended, which is tried again: {error}");
        tokio::time::sleep(OUTAGE_PAUSE).await;
        turned = match runner.reload().await {
            Ok(()) => runner.turn(news, leave(engine, seat)).await,
            Err(error) => Err(error),
        };
    }
    turned
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
        .filter(|_| !turned.kept.starved && !engine.draining());
    // Who has no timer of its own for it waits for room where it sits.
    let crowded = turned.kept.crowded && seat.bell.is_driven() && !engine.draining();
    let stays = crowded || !under_way.is_empty();
    let nap = nap.filter(|nap| stays || *nap <= engine.nap(seat));
    if under_way.is_empty() && nap.is_none() && !crowded {
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
        let mut left = true;
        while left {
            left = false;
            for goal in self.floor().next_in_line() {
                match self.shared.port {
                    None => self.wake(&goal),
                    // Who is not here any more leaves the room to the next.
                    Some(_) => left |= !self.shared.seats.ring(&goal),
                }
            }
        }
    }

    /// How long a seated goal sleeps rather than give its seat up.
    fn nap(&self, seat: &Seat) -> SignedDuration {
        match (&self.shared.port, seat.bell.is_driven()) {
            (None, _) => NAP,
            (Some(_), true) => NAP_DRIVEN,
            (Some(_), false) => SignedDuration::ZERO,
        }
    }

    /// Leaves the seat, with a timer where the goal waits for a time.
    fn stand_up(&self, seat: Seat, runner: &Runner, turned: &Turned) -> Result<(), Seat> {
        let goal = seat.goal.clone();
        let wake_at = if turned.kept.starved {
            Some(soon())
        } else {
            turned.wake_at
        };
        // Before the seat is given up, so that whoever has it next is not overruled.
        match wake_at {
            _ if self.shared.port.is_some() => {}
            Some(at) => self.shared.timers.set(goal, at),
            None => self.shared.timers.clear(&goal),
        }
        let cut = turned.kept.cut && !turned.kept.starved;
        let rest = Stretched::resting(&runner.saga, wake_at, cut);
        self.shared.seats.stand_up(seat, Some(Left::Rest(rest)))?;
        self.shared.stood_up.notify_one();
        Ok(())
    }
}

/// The store failed us for too long: what is under way ends unrecorded and will be found as interrupted.
async fn abandon(engine: &Engine, seat: Seat, mut under_way: UnderWay, error: Error) {
    while let Some((tool, _)) = under_way.next().await {
        engine.floor().give_back(&tool);
    }
    engine.call_next_in_line();
    give_up(engine, seat, error);
}

/// Leaves a goal that cannot be run now; it is tried again later unless its record is damaged.
fn give_up(engine: &Engine, seat: Seat, error: impl Into<Arc<Error>>) {
    let error = error.into();
    let goal = seat.goal.clone();
    let damaged = error.is_damage();
    let cause = std::error::Error::source(&*error)
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(tenant = %goal.tenant, goal = %goal.goal, damaged, "cannot run the goal: {error}: {cause}");
    leave_until(engine, seat, (!damaged).then(soon), Left::Failed(error));
}

/// Leaves the seat of a goal that is not run before a time, whatever the bell announces until then.
fn leave_until(engine: &Engine, seat: Seat, until: Option<Timestamp>, left: Left) {
    let goal = seat.goal.clone();
    let mut seat = seat;
    while let Err(stayed) = engine.shared.seats.stand_up(seat, Some(left.clone())) {
        engine.shared.seats.was_rung(&goal);
        seat = stayed;
    }
    if let Some(until) = until
        && engine.shared.port.is_none()
    {
        engine.shared.timers.set(goal, until);
    }
    engine.shared.stood_up.notify_one();
}

fn soon() -> Timestamp {
    Timestamp::now()
        .saturating_add(LATER)
        .unwrap_or(Timestamp::MAX)
}

fn leave<'a>(engine: &'a Engine, seat: &Seat) -> Leave<'a> {
    let drives = match &engine.shared.port {
        Some(_) => seat.bell.is_driven(),
        None => engine.leads(),
    };
    engine.leave(!engine.draining() && drives)
}
