//! The dispatcher: tells the port what the queue holds, and what the sweep finds.
//!
//! A row leaves the queue after the port was told, so that a crash between loses nothing; telling twice is harmless.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use store::{OpenGoal, Queued};

use super::Engine;
use crate::error::Error;
use crate::port::{Port, Told};

/// Goals taken from the queue at once.
const PIECE: u32 = 128;
/// How long nobody else takes them; after that those are told again that could not be.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// How many the port is told of at a time.
const AT_ONCE: usize = 16;
/// How often the queue is looked at although nothing was put into it here.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often where it is left to those who drive: they may all be gone.
const LEFT_EVERY: Duration = Duration::from_millis(1_500);
/// The pause after the port or the store failed.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);
/// How long a goal's time may have passed before the sweep takes it for one that nobody drives.
const LATE: SignedDuration = SignedDuration::from_secs(10);
/// How long before it is also woken, whoever is said to drive it: what sleeps may have been told too long a time.
const STRANDED: SignedDuration = SignedDuration::from_secs(60);
/// How often that is done at most, in seconds: a goal whose effect takes long looks like it, and being woken costs.
const STRANDED_EVERY: i64 = 600;
/// Open goals read at once.
const PAGE: u32 = 1_000;

/// Which open goals a sweep tells the port of, beside those with wishes that were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sweep {
    /// Whose time has passed by a while: nobody drives them.
    Late,
    /// Whose time has passed, which may be waiting for the controls that have changed.
    Released,
    /// All that wait for a time: another process led before, or another driver.
    Taken,
}

/// What the dispatcher remembers between rounds.
struct Book {
    /// Rows that are to leave the queue.
    told: Vec<u64>,
    /// When they last did.
    emptied: Instant,
    /// When the queue was last found to hold no more; `None`: others say that it does.
    looked: Option<Instant>,
}

/// Tells the port what the queue holds, for ever; ends with the engine. `here`: goals are driven in this process, too, and
/// sooner if it is this one that tells of them.
pub(super) async fn run(engine: Engine, port: Arc<dyn Port>, here: bool) {
    let mut book = Book {
        told: Vec::new(),
        emptied: Instant::now(),
        looked: None,
    };
    let mut hints = engine.store().queue_hints();
    loop {
        let queued = engine.shared.queued.notified();
        let next = match port.trouble().is_none() && !engine.draining() {
            true => book.round(&engine, &port).await,
            false => {
                book.empty(&engine).await;
                Some(LOOK_EVERY)
            }
        };
        // All arms only wait: dropping one loses nothing but a hint.
        tokio::select! {
            () = queued, if next.is_some() => {}
            Ok(()) = hints.changed(), if here && next.is_some() => book.looked = None,
            () = tokio::time::sleep(next.unwrap_or(TROUBLE_PAUSE)) => {}
        }
    }
}

impl Book {
    /// Tells what this process has queued, and now and then a piece of what others have; returns how long nothing more is
    /// to be done, `None` where something failed.
    async fn round(&mut self, engine: &Engine, port: &Arc<dyn Port>) -> Option<Duration> {
        let fresh = engine.store().take_fresh(PIECE);
        let mut more = is_piece(&fresh);
        let mut told = self.tell(fresh, port).await;
        let every = match engine.store().leaves_queue() {
            true => LEFT_EVERY,
            false => LOOK_EVERY,
        };
        let rest = |at: Instant| every.saturating_sub(at.elapsed());
        let mut pause = self.looked.map_or(Duration::ZERO, rest);
        if more || self.emptied.elapsed() >= LOOK_EVERY {
            self.empty(engine).await;
        }
        if pause.is_zero() {
            let found = match engine.store().take_queued(PIECE, LEASE).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!("cannot read the queue: {error}");
                    return None;
                }
            };
            match is_piece(&found) {
                true => more = true,
                false => (self.looked, pause) = (Some(Instant::now()), every),
            }
            told &= self.tell(found, port).await;
        }
        told.then_some(if more { Duration::ZERO } else { pause })
    }

    /// Tells the port; `false`: some could not be told, and are tried again.
    async fn tell(&mut self, queued: Vec<Queued>, port: &Arc<dyn Port>) -> bool {
        let tellings = queued.into_iter().map(|queued| {
            let telling = port.tell(of(&queued));
            async move { telling.await.map(|()| queued.id) }
        });
        let mut tellings = stream::iter(tellings).buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(told) = tellings.next().await {
            match told {
                Ok(row) => self.told.push(row),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = &failed {
            tracing::warn!("cannot have goals driven, which is tried again: {error}");
        }
        failed.is_none()
    }

    /// Takes out of the queue what was told. Rows that stay are told again, which is harmless.
    async fn empty(&mut self, engine: &Engine) {
        let told = std::mem::take(&mut self.told);
        self.emptied = Instant::now();
        if !told.is_empty()
            && let Err(error) = engine.store().told(&told).await
        {
            tracing::warn!("cannot empty the queue: {error}");
        }
    }
}

/// Whether there may be more of the same.
fn is_piece(queued: &[Queued]) -> bool {
    u32::try_from(queued.len()).is_ok_and(|taken| taken >= PIECE)
}

fn of(queued: &Queued) -> Told {
    Told {
        tenant: queued.tenant.clone(),
        goal: queued.goal.clone(),
        wakes: queued.accepted,
        key: format!("queue-{}", queued.id),
    }
}

/// Tells the port of open goals that nobody seems to drive; `false`: of some it could not be told.
pub(super) async fn sweep(
    engine: &Engine,
    port: &Arc<dyn Port>,
    sweep: Sweep,
) -> Result<bool, Error> {
    let mut after = 0;
    loop {
        let page = engine.store().open_goals(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(true);
        };
        after = last.cursor;
        let (gate, now) = (engine.store().gate(), Timestamp::now());
        let told = page.into_iter().flat_map(|open| {
            let held = gate.holding(&open.tenant, &open.goal).is_some();
            tellings(open, held, sweep, now)
        });
        let tellings = told.map(|told| port.tell(told));
        let mut tellings = stream::iter(tellings).buffer_unordered(AT_ONCE);
        while let Some(told) = tellings.next().await {
            if let Err(error) = told {
                tracing::warn!(
                    "cannot look for goals that nobody drives, which is tried again: {error}"
                );
                return Ok(false);
            }
        }
    }
}

/// What the port is told of an open goal.
fn tellings(open: OpenGoal, held: bool, sweep: Sweep, now: Timestamp) -> Vec<Told> {
    let due = open.wake_at.filter(|_| !held);
    let passed_by = |by| {
        let moment = now.saturating_sub(by).unwrap_or(Timestamp::MIN);
        due.is_some_and(|wake_at| wake_at <= moment)
    };
    let told = |wakes, key| Told {
        tenant: open.tenant.clone(),
        goal: open.goal.clone(),
        wakes,
        key,
    };
    let (wakes, starts) = match sweep {
        Sweep::Late => (false, passed_by(LATE)),
        Sweep::Released => (passed_by(SignedDuration::ZERO), false),
        // Who let them go may have told nobody.
        Sweep::Taken => (passed_by(LATE), due.is_some()),
    };
    let wakes = wakes || open.wished;
    let key = format!("sweep-{}-{}", open.goal, now.as_microsecond());
    let mut tellings = Vec::new();
    if wakes || starts {
        tellings.push(told(wakes, key));
    }
    if !wakes && passed_by(STRANDED) {
        let due = due.map_or(0, Timestamp::as_microsecond);
        let round = now.as_second().div_euclid(STRANDED_EVERY);
        tellings.push(told(true, format!("stranded-{}-{due}-{round}", open.goal)));
    }
    tellings
}

#[cfg(test)]
mod tests {
    use domain::goal::GoalStatus;

    use super::*;

    /// What is told of a goal whose time has passed by so many seconds, a letter each.
    fn told(sweep: Sweep, passed: Option<i64>, (wished, held): (bool, bool)) -> String {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let open = OpenGoal {
            cursor: 1,
            tenant: "acme".to_owned().try_into().unwrap(),
            goal: "goal-g".to_owned().try_into().unwrap(),
            wake_at: passed.map(|passed| now - SignedDuration::from_secs(passed)),
            status: GoalStatus::Running,
            wished,
        };
        let told = tellings(open, held, sweep, now);
        told.iter()
            .map(|told| if told.wakes { 'w' } else { 's' })
            .collect()
    }

    #[test]
    fn a_sweep_starts_whom_nobody_drives_and_wakes_whom_somebody_left_sleeping() {
        use Sweep::{Late, Released, Taken};
        let times = [None, Some(-5), Some(5), Some(30), Some(90)];
        let row = |sweep, state| times.map(|passed| told(sweep, passed, state));
        let (idle, wished, held) = ((false, false), (true, false), (false, true));
        assert_eq!(row(Late, idle), ["", "", "", "s", "sw"]);
        assert_eq!(row(Taken, idle), ["", "s", "s", "w", "w"]);
        assert_eq!(row(Released, idle), ["", "", "w", "w", "w"]);
        for sweep in [Late, Taken, Released] {
            assert_eq!(row(sweep, wished), ["w"; 5], "{sweep:?}");
            assert_eq!(row(sweep, held), [""; 5], "{sweep:?}");
        }
    }

    #[test]
    fn who_sleeps_is_woken_once_in_a_while_and_started_each_time() {
        let open = |wake_at| OpenGoal {
            cursor: 1,
            tenant: "acme".to_owned().try_into().unwrap(),
            goal: "goal-g".to_owned().try_into().unwrap(),
            wake_at: Some(wake_at),
            status: GoalStatus::Running,
            wished: false,
        };
        let keys = |wake_at, now| {
            let told = tellings(open(wake_at), false, Sweep::Late, now);
            let keys: Vec<_> = told.into_iter().map(|told| told.key).collect();
            <[String; 2]>::try_from(keys).unwrap()
        };
        let at = |second| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let ([start, wake], [start_again, wake_again]) =
            (keys(at(-90), at(0)), keys(at(-90), at(30)));
        assert_ne!(start, start_again);
        assert_eq!(
            wake, wake_again,
            "Temporal takes the same key for the same signal"
        );
        assert_ne!(
            wake,
            keys(at(-90), at(STRANDED_EVERY))[1],
            "some minutes later"
        );
        assert_ne!(wake, keys(at(-80), at(0))[1], "after the goal has moved on");
    }
}
