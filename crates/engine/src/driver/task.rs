//! The task of a seated goal: effects under way, and a turn whenever one ends or something new comes.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use saga::Input;
use store::Loaded;
use tokio::sync::OwnedSemaphorePermit;

use super::stretch::{Left, Stretched};
use super::under_way::UnderWay;
use super::{Engine, Seat};
use crate::error::Error;
use crate::runner::{Leave, Runner, Turned, jitter};

/// A goal that sleeps no longer than this keeps its seat: reading it again would cost more.
const NAP: SignedDuration = SignedDuration::from_millis(250);
/// The same where others say when it is run, whose timers are coarse: a second on Temporal's development server.
const NAP_DRIVEN: SignedDuration = SignedDuration::from_secs(2);
/// How often the inbox of a goal is looked at that others drive while an effect of it is under way here: nobody rings for it.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it is tried to write what has ended, and the pause between: longer than a database takes to come back.
const OUTAGE_MAX: Duration = Duration::from_secs(600);
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);
/// The wait before a goal is run again that failed for lack of disk space, or because the store did.
const LATER: SignedDuration = SignedDuration::from_secs(5);
/// The same for one that others say when to run, that found no room and no place to wait for some; and by how much more it
/// may be, in milliseconds, so that not all come back at once.
const CROWDED: SignedDuration = SignedDuration::from_secs(20);
const CROWDED_MORE_MS: u32 = 40_000;

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
        let fenced = |runner: &Runner, until| {
            let seen = runner.saga.sequence();
            Break(Left::Fenced { until, seen })
        };
        if let Some(until) = runner.fenced_until(Timestamp::now()) {
            return Ok(fenced(&runner, until));
        }
        runner.take_over();
        let input = [Input::Recover { jitter: jitter() }];
        match runner.turn(&input, leave(&engine, &seat)).await {
            Err(Error::Elsewhere(until)) => Ok(fenced(&runner, until)),
            turned => Ok::<_, Error>(Continue((runner, turned?))),
        }
    };
    match begun.await {
        Ok(Continue((runner, turned))) => run(engine, seat, runner, turned).await,
        Ok(Break(left)) => leave_until(&engine, seat, left.until(), left),
        Err(error) => give_up(&engine, seat, error),
    }
}

/// Drives a seated goal until it has nothing to do.
pub(super) async fn run(engine: Engine, seat: Seat, mut runner: Runner, turned: Turned) {
    let mut under_way = UnderWay::default();
    let mut turned = turned;
    let mut seat = seat;
    loop {
        runner.tell();
        engine.call_next_in_line();
        for effect in std::mem::take(&mut turned.effects) {
            under_way.begin(&engine, effect, turned.decided);
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
        let turn = turn(&engine, &seat, (&mut runner, &mut under_way), &news);
        turned = match turn.await {
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

/// Reads what people want of a goal, and decides; where the store fails while the goal holds what nobody else knows, again
/// and again: the end of an effect that was not written is a doubt, and a person's work.
async fn turn(
    engine: &Engine,
    seat: &Seat,
    (runner, under_way): (&mut Runner, &mut UnderWay),
    news: &[Input],
) -> Result<Turned, Error> {
    let holds = !(news.is_empty() && under_way.is_empty());
    let begun = Instant::now();
    let mut turned = under_way.beside(attempt(engine, seat, runner, news)).await;
    let mut again = false;
    while let Err(error) = &turned
        && error.may_pass()
        && holds
        && begun.elapsed() < OUTAGE_MAX
    {
        tracing::warn!(goal = %seat.goal.goal, "cannot write what has ended, which is tried again: {error}");
        again = true;
        let attempt = async {
            tokio::time::sleep(OUTAGE_PAUSE).await;
            runner.reload().await?;
            attempt(engine, seat, runner, news).await
        };
        turned = under_way.beside(attempt).await;
    }
    let mut turned = turned?;
    if again {
        // An attempt whose answer was lost may have been written all the same, with starts that nobody was handed.
        for effect in std::mem::take(&mut turned.effects) {
            under_way.begin(engine, effect, turned.decided);
        }
        under_way.never_began(runner.in_flight_here());
    }
    Ok(turned)
}

async fn attempt(
    engine: &Engine,
    seat: &Seat,
    runner: &mut Runner,
    news: &[Input],
) -> Result<Turned, Error> {
    if engine.shared.seats.was_rung(&seat.goal)
        && let Err(error) = runner.read_inbox().await
    {
        // The next look is to be for the same.
        engine.shared.seats.ring(&seat.goal);
        return Err(error);
    }
    runner.turn(news, leave(engine, seat)).await
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
    // Who has no timer of its own for it waits for room where it sits; only so many, or they would be in everybody's way.
    let crowded = turned.kept.crowded && seat.bell.is_driven() && !engine.draining();
    let place = match crowded && under_way.is_empty() {
        true => engine.shared.crowd.try_acquire().ok(),
        false => None,
    };
    let stays = place.is_some() || !under_way.is_empty();
    let nap = nap.filter(|nap| stays || *nap <= engine.nap(seat));
    if !stays && nap.is_none() {
        return None;
    }
    let left = !drives(engine, seat);
    let nap = nap.map_or(Duration::from_secs(3_600), SignedDuration::unsigned_abs);
    let slept = tokio::time::sleep(if left { nap.min(LOOK_EVERY) } else { nap });
    // Every arm is cancel safe: an end that is kept, a `Notify` whose ring is also kept in the seat, and a sleep.
    tokio::select! {
        () = under_way.any() => {}
        () = seat.bell.rung.notified() => {}
        () = slept => {
            if left {
                engine.shared.seats.ring(&seat.goal);
            }
        }
    }
    drop(place);
    Some(under_way.take(engine))
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
        let port = self.shared.port.is_some();
        let wake_at = if turned.kept.starved {
            Some(after(LATER))
        } else if turned.kept.crowded && port {
            let back =
                after(CROWDED + SignedDuration::from_millis((jitter() % CROWDED_MORE_MS).into()));
            Some(turned.wake_at.map_or(back, |at| at.min(back)))
        } else {
            turned.wake_at
        };
        // Before the seat is given up, so that whoever has it next is not overruled.
        match wake_at {
            _ if port => {}
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
    while !under_way.is_empty() {
        under_way.any().await;
        drop(under_way.take(engine));
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
    leave_until(
        engine,
        seat,
        (!damaged).then(|| after(LATER)),
        Left::Failed(error),
    );
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

fn after(wait: SignedDuration) -> Timestamp {
    Timestamp::now()
        .saturating_add(wait)
        .unwrap_or(Timestamp::MAX)
}

/// Whether it is this process that drives the goal.
fn drives(engine: &Engine, seat: &Seat) -> bool {
    match &engine.shared.port {
        Some(_) => seat.bell.is_driven(),
        None => engine.leads(),
    }
}

fn leave<'a>(engine: &'a Engine, seat: &Seat) -> Leave<'a> {
    engine.leave(!engine.draining() && drives(engine, seat))
}
