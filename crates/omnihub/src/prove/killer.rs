//! The killer: SIGKILL at seeded random moments, also during a start; then the next server on the same directory.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio::time::Instant;

use super::child::Child;
use super::ground::Ground;
use super::ledger::Ledger;
use super::line::Line;
use super::progress::Progress;
use super::random::Random;
use super::receiver::Receiver;
use super::sabotage::Sabotage;

/// What the seed keeps apart here.
const MOMENT: u64 = 6;
/// How many servers in a hundred are killed at their start, or as they recover.
const YOUNG_PERCENT: u64 = 15;
/// How old they are then at most: a start with its recovery, and some.
const YOUNG_MAX: Duration = Duration::from_millis(250);

/// The killer.
pub(crate) struct Killer<'a> {
    /// The run's seed.
    pub(crate) seed: u64,
    /// How often it kills.
    pub(crate) kills: u32,
    /// Kills a second, on average.
    pub(crate) rate: f64,
    /// Which guarantee the servers break.
    pub(crate) sabotage: Option<Sabotage>,
    /// What the servers stand on.
    pub(crate) ground: &'a Ground,
    /// Who talks to them.
    pub(crate) line: &'a Line,
    /// Who sees what they do.
    pub(crate) receiver: &'a Receiver,
    /// What is remembered.
    pub(crate) ledger: &'a Ledger,
}

impl Killer<'_> {
    /// Kills as often as wanted, and returns the server that was started last and listens.
    ///
    /// # Errors
    /// A server does not start, or ends by itself.
    pub(crate) async fn kill_all(&self, progress: &Progress) -> Result<Child> {
        let mut random = Random::new(self.seed, &[MOMENT]);
        let mut died_young = false;
        for kill in 0..self.kills {
            let born = Instant::now();
            let mut child = self.start(kill)?;
            // Never two in a row: between the two nothing could have come to pass.
            died_young = !died_young && random.percent(YOUNG_PERCENT);
            if died_young {
                let moment = born + random.time(Duration::ZERO, YOUNG_MAX);
                if let Ok(address) = tokio::time::timeout_at(moment, child.ready()).await {
                    self.line.up(&address?)?;
                    tokio::time::sleep_until(moment).await;
                }
            } else {
                self.line.up(&child.ready().await?)?;
                tokio::time::sleep_until(self.moment(born, &mut random)).await;
            }
            self.kill(child).await?;
            progress.killed(self.ledger);
        }
        let mut child = self.start(self.kills)?;
        self.line.up(&child.ready().await?)?;
        Ok(child)
    }

    /// When a server that listens by now is killed: at a random moment of its life, so that the rate is kept.
    fn moment(&self, born: Instant, random: &mut Random) -> Instant {
        let mean = Duration::from_secs_f64(1.0 / self.rate);
        let life = random.time(Duration::ZERO, mean * 2);
        let late = Instant::now() + random.time(Duration::ZERO, mean / 4);
        (born + life).max(late)
    }

    fn start(&self, before: u32) -> Result<Child> {
        self.ledger.write().restarts = before;
        Child::start(self.ground, self.sabotage)
    }

    async fn kill(&self, child: Child) -> Result<()> {
        self.line.down();
        let unanswered = self.receiver.books.kill();
        {
            let mut notes = self.ledger.write();
            if unanswered > 0 {
                let kill = notes.kills.len();
                notes.hits.insert(kill);
            }
            notes.kills.push(Timestamp::now());
        }
        child.kill().await?;
        self.receiver.fence().await
    }
}
