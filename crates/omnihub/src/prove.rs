//! `omnihub prove …`: a guarantee, run against this very binary.
//!
//! `crash` keeps many goals in flight on real child processes, kills them at random moments (SIGKILL), and holds what the
//! goals say at the end against the books of a receiver that logs every arrival before any deduplication, and against a
//! database that logs its own changes. Only `judge` decides; it shares no code with what it judges.

mod books;
mod child;
mod court;
mod effect;
mod evidence;
mod fleet;
mod ground;
mod judge;
mod killer;
mod ledger;
mod line;
mod people;
mod plot;
mod progress;
mod random;
mod receiver;
mod report;
mod sabotage;
mod script;
mod shop;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

pub(crate) use self::report::Report;
pub(crate) use self::sabotage::Sabotage;

use self::child::Child;
use self::court::{Court, Sitting};
use self::evidence::Verified;
use self::fleet::Fleet;
use self::ground::Ground;
use self::judge::Wrong;
use self::killer::Killer;
use self::ledger::Ledger;
use self::line::Line;
use self::people::People;
use self::plot::Places;
use self::progress::Progress;
use self::receiver::Receiver;

/// Longest wait for the goals in flight to rest once nobody kills any more.
const REST_MAX: Duration = Duration::from_secs(120);
/// Longest wait for every goal's end once people help.
const END_MAX: Duration = Duration::from_secs(300);
/// Pause between two rounds of help.
const HELP_AGAIN: Duration = Duration::from_millis(100);
/// How much longer than planned the killing may take.
const SLOWER: f64 = 10.0;
/// Longest wait of either kind for servers that break a guarantee on purpose.
const SABOTAGED_MAX: Duration = Duration::from_secs(15);

/// How a proof is run.
#[derive(Debug, Clone)]
pub(crate) struct Crash {
    /// How often the server is killed.
    pub(crate) kills: u32,
    /// Kills a second, on average.
    pub(crate) rate: f64,
    /// Goals in flight.
    pub(crate) goals: u32,
    /// What everything random follows from.
    pub(crate) seed: u64,
    /// Which guarantee is broken on purpose.
    pub(crate) sabotage: Option<Sabotage>,
    /// Keep the folder also where all is well.
    pub(crate) keep: bool,
}

/// What a run consists of.
struct Run<'a> {
    crash: &'a Crash,
    ground: &'a Ground,
    receiver: &'a Receiver,
    line: &'a Line,
    ledger: &'a Ledger,
    progress: &'a Progress,
}

/// What a run saw.
struct Outcome {
    killing: Duration,
    parked: Sitting,
    ended: Sitting,
    unfinished: u32,
    verified: Verified,
}

/// Runs the proof. Dropping the future kills the server.
///
/// # Errors
/// The proof itself could not be run; the folder is kept and named.
pub(crate) async fn crash(crash: &Crash) -> Result<Report> {
    let receiver = Receiver::start(crash.seed).await?;
    let places = Places::of(&receiver);
    let mut ground = Ground::lay_out(places)?;
    let tokens = [
        ground.token("owner:authenticated")?,
        ground.token("operator:operator")?,
        ground.token("auditor:auditor")?,
    ];
    let (line, ledger, progress) = (
        Line::new(tokens),
        Ledger::default(),
        Progress::new(crash.kills),
    );
    let begun = Instant::now();
    let run = Run {
        crash,
        ground: &ground,
        receiver: &receiver,
        line: &line,
        ledger: &ledger,
        progress: &progress,
    };
    let outcome = run.whole().await;
    progress.done();
    match outcome {
        Ok(outcome) => {
            let mut report = report(crash, &ledger, &receiver, outcome);
            report.seconds = begun.elapsed().as_secs_f64();
            if !report.kept || crash.keep {
                let all: Vec<_> = ledger
                    .read()
                    .findings()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                std::fs::write(ground.file("findings.txt"), all.join("\n"))?;
                report.kept_in = Some(ground.keep().to_owned());
            }
            Ok(report)
        }
        Err(error) => {
            let found = ledger.read().findings().len();
            let folder = ground.keep();
            Err(error.context(format!(
                "the proof (seed {}, {found} promises broken so far) is kept in {}",
                crash.seed,
                folder.display()
            )))
        }
    }
}

impl Run<'_> {
    async fn whole(&self) -> Result<Outcome> {
        let (people, court) = (self.people(), self.court());
        let (child, early, killing) = self.under_fire(&people).await?;
        self.progress.say("judging what is at rest");
        let parked = court.sit().await?;
        self.progress
            .say("settling doubts, repairing what is stuck");
        let unfinished = self.end_all(&people).await?;
        self.progress.say("judging the ends");
        let ended = court.sit().await?;
        court.hear_decisions().await?;
        self.progress.say("verifying the evidence");
        let verified = evidence::verify(self.ground, self.line, Some(&early)).await?;
        self.line.down();
        child.stop().await?;
        Ok(Outcome {
            killing,
            parked,
            ended,
            unfinished,
            verified,
        })
    }

    /// Kills with goals in flight; returns the last server, an early export and how long the killing took.
    async fn under_fire(&self, people: &People<'_>) -> Result<(Child, PathBuf, Duration)> {
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
        let (child, early) = tokio::select! {
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
        Ok((child, early, killing))
    }

    /// How long something is waited for: a server that breaks a guarantee need not come to an end.
    fn patience(&self, most: Duration) -> Duration {
        if self.crash.sabotage.is_some() {
            most.min(SABOTAGED_MAX)
        } else {
            most
        }
    }

    async fn kill_all(&self) -> Result<Child> {
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
        while self.ledger.read().kills.len() * 4
            < usize::try_from(self.crash.kills).unwrap_or(usize::MAX)
        {
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

fn report(crash: &Crash, ledger: &Ledger, receiver: &Receiver, outcome: Outcome) -> Report {
    let notes = ledger.read();
    let [doubled, lost, hidden_doubt] =
        [Wrong::Doubled, Wrong::Lost, Wrong::HiddenDoubt].map(|wrong| notes.count(wrong));
    let Outcome {
        killing,
        parked,
        ended,
        unfinished,
        verified,
    } = outcome;
    let goals: BTreeMap<_, _> = ended
        .statuses
        .iter()
        .map(|(status, count)| (status.as_str(), *count))
        .collect();
    let kept = notes.findings().is_empty() && unfinished == 0 && verified.wrong.is_empty();
    Report {
        kept,
        seed: crash.seed,
        sabotage: crash.sabotage,
        kills: crash.kills,
        kills_that_hit: notes.hits.len(),
        kills_per_second: f64::from(crash.kills) / killing.as_secs_f64(),
        restarts: notes.restarts,
        goals,
        unfinished,
        effects: ended.applied,
        arrivals: receiver.books.arrivals(),
        doubts: parked.doubts,
        doubts_settled: notes.doubts_settled,
        retried: notes.retried,
        decisions: notes.decisions.len(),
        doubled,
        lost,
        hidden_doubt,
        audit_entries: verified.entries,
        audit_wrong: verified.wrong,
        seconds: 0.0,
        findings: notes.findings().to_vec(),
        kept_in: None,
    }
}
