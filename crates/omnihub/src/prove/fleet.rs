//! The goals in flight: as many at once as wanted, each submitted until its acceptance is answered and followed until it
//! rests, over every kill.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Result, bail};
use api::client::{SubmitOptions, Wish};
use api::code::Code;
use futures_util::future::try_join_all;

use super::judge::Seen;
use super::ledger::Ledger;
use super::line::Line;
use super::plot::{Places, Plot, plot};

/// Seconds that the server is asked to wait for a goal's end.
const WAIT_SECONDS: u32 = 2;
/// Pause before a goal that waits for a person is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// The goals in flight.
pub(crate) struct Fleet<'a> {
    /// The run's seed.
    pub(crate) seed: u64,
    /// Where effects happen.
    pub(crate) places: Places,
    /// The line to the server.
    pub(crate) line: &'a Line,
    /// What is remembered.
    pub(crate) ledger: &'a Ledger,
    /// Set when no new goal is to begin.
    pub(crate) enough: &'a Cell<bool>,
}

impl Fleet<'_> {
    /// Keeps so many goals in flight until it is enough; returns when the last of them rests.
    ///
    /// # Errors
    /// The server refuses what it may not refuse.
    pub(crate) async fn fly(&self, at_once: u32) -> Result<()> {
        try_join_all((0..at_once).map(|_| self.slot()))
            .await
            .map(|_| ())
    }

    async fn slot(&self) -> Result<()> {
        while !self.enough.get() {
            let plot = self.ledger.open(|goal| plot(self.seed, goal, self.places));
            self.submit(&plot).await?;
            if let Some(patience) = plot.cancel_after {
                // Dropping the call that waits leaves nothing behind.
                match tokio::time::timeout(patience, self.follow(plot.goal)).await {
                    Ok(rested) => {
                        rested?;
                        continue;
                    }
                    Err(_) => self.cancel(plot.goal).await?,
                }
            }
            self.follow(plot.goal).await?;
        }
        Ok(())
    }

    /// Submits a goal until its acceptance is answered.
    async fn submit(&self, plot: &Plot) -> Result<()> {
        let options = SubmitOptions::default();
        let answer = self
            .line
            .ask(async |clients| clients.owner.submit(&plot.submission, &options).await)
            .await?;
        match answer.result {
            Ok(_) => {}
            // One of the calls that nobody answered was heard.
            Err(problem)
                if problem.code == Code::GoalAlreadyStarted.as_str() && answer.unanswered > 0 => {}
            Err(problem) => bail!(
                "goal {} was refused: {}: {} {:?}",
                plot.goal,
                problem.code,
                problem.detail,
                problem.errors
            ),
        }
        self.ledger.goal(plot.goal, |entry| entry.accepted = true);
        Ok(())
    }

    async fn cancel(&self, goal: u32) -> Result<()> {
        let id = self.ledger.id(goal);
        let answer = self
            .line
            .ask(async |clients| clients.owner.wish(&id, Wish::Cancel).await)
            .await?;
        match answer.result {
            Ok(_) => drop(self.ledger.goal(goal, |entry| entry.cancelled = true)),
            Err(problem) if problem.status == 409 => {}
            Err(problem) if problem.status == 404 => self.gone(goal),
            Err(problem) => bail!(
                "goal {goal} could not be cancelled: {}: {}",
                problem.code,
                problem.detail
            ),
        }
        Ok(())
    }

    /// Follows a goal until it rests.
    async fn follow(&self, goal: u32) -> Result<()> {
        let id = self.ledger.id(goal);
        loop {
            let answer = self
                .line
                .ask(async |clients| clients.owner.goal(&id, Some(WAIT_SECONDS)).await)
                .await?;
            match answer.result {
                Ok(view) => {
                    let seen = Seen::of(&view);
                    if seen.is_at_rest() {
                        self.ledger
                            .goal(goal, |entry| entry.parked = !view.status.is_end());
                        return Ok(());
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(problem) if problem.status == 404 => {
                    self.gone(goal);
                    return Ok(());
                }
                Err(problem) => bail!(
                    "goal {goal} is not shown: {}: {}",
                    problem.code,
                    problem.detail
                ),
            }
        }
    }

    /// A goal whose acceptance was answered is not there.
    fn gone(&self, goal: u32) {
        self.ledger.goal(goal, |entry| entry.gone = true);
        self.ledger
            .lost(goal, "its acceptance was answered, and it is gone");
    }
}
