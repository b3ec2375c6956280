//! `omnihub prove …`: a guarantee, run against this very binary.
//!
//! `crash` keeps many goals in flight on real child processes, kills them at random moments (SIGKILL), and holds what the
//! goals say at the end against the books of a receiver that logs every arrival before any deduplication, and against a
//! database that logs its own changes. Only `judge` decides; it shares no code with what it judges.

mod books;
mod child;
mod court;
mod crew;
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
mod run;
mod sabotage;
mod script;
mod shop;

use std::collections::BTreeMap;

use anyhow::Result;
use tokio::time::Instant;

pub(crate) use self::report::Report;
pub(crate) use self::sabotage::Sabotage;

use self::effect::EffectId;
use self::ground::Ground;
use self::judge::{Finding, Wrong};
use self::ledger::Ledger;
use self::line::Line;
use self::plot::Places;
use self::progress::Progress;
use self::receiver::Receiver;
use self::run::{Outcome, Run};

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
    /// The empty database that the store is to be in; `None`: it is in the data directory.
    pub(crate) database: Option<String>,
    /// The Temporal cluster that drives goals; `None`: the process does.
    pub(crate) cluster: Option<Cluster>,
    /// Keep the folder also where all is well.
    pub(crate) keep: bool,
}

impl Crash {
    /// What the servers' settings say of where facts are and who drives.
    fn facts(&self) -> String {
        let text = serde_json::Value::from;
        let store = self
            .database
            .as_deref()
            .map_or_else(String::new, |url| format!("[store]\nurl = {}\n", text(url)));
        let engine = self.cluster.as_ref().map_or_else(String::new, |cluster| {
            let (host, queue) = (text(cluster.host.as_str()), format!("prove-{}", self.seed));
            format!(
                "[engine]\ndriver = \"temporal\"\n\n[temporal]\nhost = {host}\ntask_queue = \"{queue}\"\n"
            )
        });
        format!("{store}\n{engine}")
    }
}

/// A Temporal cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// `host:port` of its frontend.
    pub(crate) host: String,
}

/// Runs the proof. Dropping the future kills the server.
///
/// # Errors
/// The proof itself could not be run; the folder is kept and named.
pub(crate) async fn crash(crash: &Crash) -> Result<Report> {
    let receiver = Receiver::start(crash.seed).await?;
    let places = Places::of(&receiver);
    let mut ground = Ground::lay_out(places, &crash.facts())?;
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
                std::fs::write(ground.file("findings.txt"), findings(&ledger, &receiver))?;
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

/// Every broken promise with what the receiver's books say of its effect.
fn findings(ledger: &Ledger, receiver: &Receiver) -> String {
    let told = |finding: &Finding| {
        let effect = finding.effect.as_ref().and_then(|path| path.parse().ok());
        let arrivals = effect.map(|effect: EffectId| receiver.books.page(effect).arrivals);
        let arrivals = arrivals.into_iter().flatten();
        let arrivals: String = arrivals
            .map(|arrival| format!("    {arrival:?}\n"))
            .collect();
        format!("{finding}\n{arrivals}")
    };
    ledger.read().findings().iter().map(told).collect()
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
        kills_that_hit: notes.hits.union(&receiver.books.gone()).count(),
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
