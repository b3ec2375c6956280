//! The killer: SIGKILL at seeded random moments, also during a start; then the next server on the same directory.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio::time::Instant;

use super::child::Child;
use super::crew::{self, Post};
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
    /// The places of the servers.
    pub(crate) posts: Vec<Post>,
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
    /// Kills as often as wanted, and returns the servers that run in the end; the last kill's place is filled again.
    ///
    /// # Errors
    /// A server does not start, or ends by itself.
    pub(crate) async fn kill_all(&self, progress: &Progress) -> Result<Vec<Child>> {
        let mut random = Random::new(self.seed, &[MOMENT]);
        let mut crew: Vec<Option<Child>> = Vec::new();
        for post in &self.posts {
            let child = self.start(post, 0)?;
            crew.push(Some(self.ready(post, child).await?));
        }
        // Where the next server is killed, and whether it has just been started there.
        let (mut place, mut died_young) = (0, false);
        for kill in 0..self.kills {
            let born = Instant::now();
            let (Some(post), Some(at)) = (self.posts.get(place), crew.get_mut(place)) else {
                break;
            };
            let mut child = match at.take() {
                Some(child) => child,
                None => self.start(post, kill)?,
            };
            // Never two in a row: between the two nothing could have come to pass.
            died_young = !died_young && random.percent(YOUNG_PERCENT);
            if died_young {
                let moment = born + random.time(Duration::ZERO, YOUNG_MAX);
                if let Ok(address) = tokio::time::timeout_at(moment, child.ready()).await {
                    self.up(post, &address?)?;
                    tokio::time::sleep_until(moment).await;
                }
                self.kill(post, child).await?;
            } else {
                *at = Some(self.ready(post, child).await?);
                tokio::time::sleep_until(self.moment(born, &mut random)).await;
                place = usize::try_from(random.below(self.posts.len() as u64)).unwrap_or(0);
                if let (Some(post), Some(child)) = (
                    self.posts.get(place),
                    crew.get_mut(place).and_then(Option::take),
                ) {
                    self.kill(post, child).await?;
                }
            }
            progress.killed(self.ledger);
        }
        let mut whole = Vec::new();
        for (post, child) in self.posts.iter().zip(crew) {
            whole.push(match child {
                Some(child) => child,
                None => self.ready(post, self.start(post, self.kills)?).await?,
            });
        }
        Ok(whole)
    }

    /// When a server that listens by now is killed: at a random moment of its life, so that the rate is kept.
    fn moment(&self, born: Instant, random: &mut Random) -> Instant {
        let mean = Duration::from_secs_f64(1.0 / self.rate);
        let life = random.time(Duration::ZERO, mean * 2);
        let late = Instant::now() + random.time(Duration::ZERO, mean / 4);
        (born + life).max(late)
    }

    fn start(&self, post: &Post, before: u32) -> Result<Child> {
        self.ledger.write().restarts = before;
        crew::start(self.ground, post, self.sabotage)
    }

    /// Waits until a server listens, and lets clients know of one that answers them.
    async fn ready(&self, post: &Post, mut child: Child) -> Result<Child> {
        // Found a moment ago to listen, it says so no more.
        if !child.is_ready() {
            let address = child.ready().await?;
            self.up(post, &address)?;
        }
        Ok(child)
    }

    fn up(&self, post: &Post, address: &str) -> Result<()> {
        match post.answers() {
            true => self.line.up(address),
            false => Ok(()),
        }
    }

    async fn kill(&self, post: &Post, child: Child) -> Result<()> {
        if post.answers() {
            self.line.down();
        }
        let unanswered = self.receiver.books.kill();
        {
            let mut notes = self.ledger.write();
            // Where there are several, whose effects were cut is known when they are found to be gone.
            if unanswered > 0 && self.posts.len() == 1 {
                let kill = notes.kills.len();
                notes.hits.insert(kill);
            }
            notes.kills.push(Timestamp::now());
        }
        child.kill().await?;
        self.receiver.fence().await
    }
}
