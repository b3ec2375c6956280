//! Kills servers at seeded random moments while a command runs, and starts each again. One is down at a time, and all are
//! up when it ends.

use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use servers::Error;

use crate::random::Random;
use crate::started::Server;

/// How long a server stays down.
const DOWN_MIN: Duration = Duration::from_millis(200);
const DOWN_MAX: Duration = Duration::from_secs(2);
/// How often it is seen whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One kill.
#[derive(Debug, PartialEq)]
struct Kill<'a, T> {
    /// When, counted from the kill before.
    after: Duration,
    /// How long all are left alone at least, where that moment has passed by the time that they are up.
    rest: Duration,
    /// Which server.
    server: &'a T,
    /// How long it stays down.
    down: Duration,
}

/// Kills servers until the command ends; returns how it ended, and how many kills there were.
///
/// # Errors
/// [`Error`] where a server cannot be killed or does not come back; the command may run on then.
pub(crate) fn kill_meanwhile(
    command: &mut Child,
    servers: &[Server],
    (every, seed): (Duration, u64),
) -> Result<(ExitStatus, u64), Error> {
    let mut last = Instant::now();
    let mut kills = 0;
    for kill in plan(seed, every, servers) {
        let moment = (last + kill.after).max(Instant::now() + kill.rest);
        if let Some(ended) = ended_before(moment, command)? {
            return Ok((ended, kills));
        }
        last = Instant::now();
        kill.server.kill()?;
        kills += 1;
        let (name, down) = (kill.server.name(), kill.down.as_secs_f64());
        eprintln!("servers: kill {kills}: {name}, for {down:.2} s");
        sleep(kill.down);
        kill.server.start_again()?;
    }
    Ok((command.wait()?, kills))
}

/// The kills of a seed, without an end; none where there are no servers.
fn plan<T>(seed: u64, every: Duration, servers: &[T]) -> impl Iterator<Item = Kill<'_, T>> {
    let mut random = Random::new(seed);
    std::iter::from_fn(move || {
        Some(Kill {
            after: random.time(Duration::ZERO, every * 2),
            rest: random.time(Duration::ZERO, every / 4),
            server: random.one_of(servers)?,
            down: random.time(DOWN_MIN, DOWN_MAX),
        })
    })
}

/// How the command ended; `None`: it runs at that moment.
///
/// # Errors
/// Its state cannot be read.
pub(crate) fn ended_before(
    moment: Instant,
    command: &mut Child,
) -> Result<Option<ExitStatus>, Error> {
    loop {
        let ended = command.try_wait()?;
        let left = moment.saturating_duration_since(Instant::now());
        if ended.is_some() || left.is_zero() {
            return Ok(ended);
        }
        sleep(left.min(LOOK_EVERY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_kills_and_another_does_not() {
        let every = Duration::from_secs(10);
        let kills = |seed| plan(seed, every, &["a", "b"]).take(20).collect::<Vec<_>>();
        assert_eq!(kills(7), kills(7));
        assert_ne!(kills(7), kills(8));
    }

    #[test]
    fn kills_come_as_often_as_wanted_on_average_and_to_every_server() {
        let every = Duration::from_secs(10);
        let kills: Vec<_> = plan(1, every, &["a", "b", "c"]).take(3_000).collect();
        let mean = kills.iter().map(|kill| kill.after).sum::<Duration>() / 3_000;
        assert!((9..11).contains(&mean.as_secs()), "{mean:?}");
        for server in ["a", "b", "c"] {
            let times = kills.iter().filter(|kill| *kill.server == server).count();
            assert!((800..1_200).contains(&times), "{server}: {times}");
        }
        for kill in kills {
            assert!(kill.rest < every / 4);
            assert!((DOWN_MIN..DOWN_MAX).contains(&kill.down));
        }
    }

    #[test]
    fn nothing_is_killed_where_there_is_no_server() {
        assert_eq!(plan::<Server>(1, DOWN_MAX, &[]).count(), 0);
    }
}
