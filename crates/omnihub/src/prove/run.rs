//! One run of the proof: killing with goals in flight, judging, helping every goal to its end, judging again.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

use super::Crash;
use super::child::Child;
use super::court::{Court, Sitting};
use super::crew;
use super::evidence::{self, Verified};
use super::fleet::Fleet;
use super::ground::Ground;
use super::killer::Killer;
use super::ledger::Ledger;
use super::line::Line;
use super::people::People;
use super::plot::Places;
use super::progress::Progress;
use super::receiver::Receiver;

/// Longest wait for the goals in flight to rest once nobody kills any more.
const REST_MAX: Duration = Duration::from_secs(120);
/// Longest wait for every goal's end once people help.
const END_MAX: Duration = Duration::from_secs(300);
/// Longest wait for all that comes after the killing.
const AFTER_MAX: Duration = Duration::from_secs(1_800);
/// Kills before the early export: some, and before the evidence is too long for a short life.
const EARLY_KILLS_MAX: u32 = 20;
/// Pause between two rounds of help.
const HELP_AGAIN: Duration = Duration::from_millis(100);
/// How much longer than planned the killing may take.
const SLOWER: f64 = 10.0;
/// Longest wait of either kind for servers that break a guarantee on purpose.
const SABOTAGED_MAX: Duration = Duration::from_secs(15);

/// What a run consists of.
pub(super) struct Run<'a> {
    pub(super) crash: &'a Crash,
    pub(super) ground: &'a Ground,
    pub(super) receiver: &'a Receiver,
    pub(super) line: &'a Line,
    pub(super) ledger: &'a Ledger,
    pub(super) progress: &'a Progress,
}

/// What a run saw.
pub(super) struct Outcome {
    pub(super) killing: Duration,
    pub(super) parked: Sitting,
    pub(super) ended: Sitting,
    pub(super) unfinished: u32,
    pub(super) verified: Verified,
}

impl Run<'_> {
    /// The whole of it.
    ///
    /// # Errors
    /// The proof itself could not be run.
    pub(super) async fn whole(&self) -> Result<Outcome> {
        let people = self.people();
        let (crew, early, killing) = self.under_fire(&people).await?;
        let after = tokio::time::timeout(AFTER_MAX, self.afterwards(&people, &early)).await;
        let after = after.context("what comes after the killing takes too long")??;
        self.line.down();
        for child in crew {
            child.stop().await?;
        }
        Ok(Outcome { killing, ..after })
    }

    /// Judges, helps every goal to its end, judges again and verifies the evidence.
    async fn afterwards(&self, people: &People<'_>, early: &Path) -> Result<Outcome> {
        let court = self.court();
        self.progress.say("judging what is at rest");
        let parked = court.sit().await?;
        self.progress
            .say("settling doubts, repairing what is stuck");
        let unfinished = self.end_all(people).await?;
        self.progress.say("judging the ends");
        let ended = court.sit().await?;
        for started in &ended.writes_interrupted {
            self.ledger.write().write_was_hit(*started);
        }
        court.hear_decisions().await?;
        self.progress.say("verifying the evidence");
        let verified = evidence::verify(self.ground, self.line, early).await?;
        Ok(Outcome {
            killing: Duration::ZERO,
            parked,
            ended,
            unfinished,
            verified,
        })
    }

    /// Kills with goals in flight; returns the last servers, an early export and how long the killing took.
    async fn under_fire(&self, people: &People<'_>) -> Result<(Vec<Child>, PathBuf, Duration)> {
        let begun = Instant::now();
        let enough = Cell::new(false);
        let (seed, line, ledger) = (self.crash.seed, self.line, self.ledger);
        let places = Places::of(self.receiver);
        let fleet = Fleet {
            seed,
            places,
            line,
            ledger,
            enough: &enough,
        };
        let mut flying = pin!(fleet.fly(self.crash.goals));
        let mut attending = pin!(people.attend());
        let planned = f64::from(self.crash.kills) / self.crash.rate;
        let most = Duration::from_secs_f64(planned * SLOWER) + self.patience(REST_MAX);
        let killed = async { tokio::try_join!(self.kill_all(), self.export_early()) };
        // Neither of the last two ends by itself before it is enough; both are dropped only on the way out.
        let (crew, early) = tokio::select! {
            killed = tokio::time::timeout(most, killed) => killed.context("the killing takes too long")??,
            flown = &mut flying => bail!("nothing is in flight any more: {flown:?}"),
            attended = &mut attending => bail!("nobody attends any more: {attended:?}"),
        };
        let killing = begun.elapsed();
        enough.set(true);
        self.progress.say("waiting for the goals in flight");
        // Goals that do not come to rest are not lost sight of: they are counted when everything was done for them.
        tokio::select! {
            flown = tokio::time::timeout(self.patience(REST_MAX), &mut flying) => flown.unwrap_or(Ok(()))?,
            attended = &mut attending => bail!("nobody attends any more: {attended:?}"),
        }
        Ok((crew, early, killing))
    }

    /// How long something is waited for: a server that breaks a guarantee need not come to an end.
    fn patience(&self, most: Duration) -> Duration {
        if self.crash.sabotage.is_some() {
            most.min(SABOTAGED_MAX)
        } else {
            most
        }
    }

    async fn kill_all(&self) -> Result<Vec<Child>> {
        let Crash {
            kills,
            rate,
            seed,
            sabotage,
            ..
        } = *self.crash;
        let (ground, line, receiver, ledger) = (self.ground, self.line, self.receiver, self.ledger);
        Killer {
            seed,
            kills,
            rate,
            sabotage,
            posts: crew::posts(ground, self.crash.cluster.as_ref()),
            ground,
            line,
            receiver,
            ledger,
        }
        .kill_all(self.progress)
        .await
    }

    /// An export that later evidence must extend: nothing that was once signed may be taken back by a crash.
    async fn export_early(&self) -> Result<PathBuf> {
        let file = self.ground.file("audit-early.jsonl");
        let before = usize::try_from(EARLY_KILLS_MAX.min(self.crash.kills / 4)).unwrap_or(0);
        while self.ledger.read().kills.len() < before {
            tokio::time::sleep(HELP_AGAIN).await;
        }
        evidence::export(self.line, &file).await?;
        Ok(file)
    }

    /// Helps every goal that has not ended until it has; returns how many have not in time.
    async fn end_all(&self, people: &People<'_>) -> Result<u32> {
        let begun = Instant::now();
        let mut open = self.ledger.goals(|entry| entry.accepted && !entry.gone);
        loop {
            people.decide_all().await?;
            open = people.help_all(open).await?;
            if open.is_empty() || begun.elapsed() > self.patience(END_MAX) {
                return Ok(u32::try_from(open.len()).unwrap_or(u32::MAX));
            }
            tokio::time::sleep(HELP_AGAIN).await;
        }
    }

    fn people(&self) -> People<'_> {
        let (seed, shop) = (self.crash.seed, &self.ground.shop);
        People {
            seed,
            line: self.line,
            ledger: self.ledger,
            receiver: self.receiver,
            shop,
        }
    }

    fn court(&self) -> Court<'_> {
        Court {
            line: self.line,
            ledger: self.ledger,
            receiver: self.receiver,
            shop: &self.ground.shop,
        }
    }
}
