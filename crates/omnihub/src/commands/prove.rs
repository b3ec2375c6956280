//! `omnihub prove …`: run a guarantee against this very binary and print the figures. Exit 1 if it was broken.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::footing::{Footing, FootingArgs};
use crate::context::Context;
use crate::failure::{self, Usage};
use crate::prove::{self, Sabotage};

/// Run a guarantee against this very binary and print the figures
#[derive(Debug, Subcommand)]
pub(crate) enum Prove {
    /// Kill servers at random moments, many goals in flight, and count what was doubled, lost or hidden
    Crash(Crash),
}

/// What is killed how often.
#[derive(Debug, Args)]
pub(crate) struct Crash {
    /// How often a server is killed (SIGKILL)
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    kills: u32,
    /// Kills a second, on average
    #[arg(long, default_value_t = 3.0, value_parser = rate)]
    rate: f64,
    /// Goals in flight
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    goals: u32,
    /// What everything random follows from [default: drawn, and printed]
    #[arg(long)]
    seed: Option<u32>,
    /// Break a guarantee on purpose, to see the proof notice
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
    #[command(flatten)]
    footing: FootingArgs,
    /// Keep the folder also where all is well
    #[arg(long)]
    keep: bool,
}

impl Prove {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Self::Crash(crash) = self;
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(crash.run(context))
    }
}

impl Crash {
    async fn run(self, context: &Context) -> Result<()> {
        let Self {
            kills,
            rate,
            goals,
            sabotage,
            footing,
            keep,
            seed,
        } = self;
        let Footing { database, temporal } = footing.read()?;
        if sabotage.is_some() && database.is_some() {
            let one =
                "--sabotage breaks one server on SQLite: leave --database and --temporal away";
            return Err(Usage(one.to_owned()).into());
        }
        let seed = u64::from(seed.map_or_else(drawn, Ok)?);
        let crash = prove::Crash {
            kills,
            rate,
            goals,
            seed,
            sabotage,
            database,
            cluster: temporal.map(|host| prove::Cluster { host }),
            keep,
        };
        let mut terminated = signal(SignalKind::terminate())?;
        // Dropping the proof kills its server; the other arms are cancel safe.
        let report = tokio::select! {
            report = prove::crash(&crash) => report?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted; the seed was {seed}"),
            _ = terminated.recv() => bail!("terminated; the seed was {seed}"),
        };
        let told = report.print(context.output).map_err(anyhow::Error::from);
        failure::judged(report.kept, told)
    }
}

fn drawn() -> Result<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(u32::from_le_bytes(bytes))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.01..=100.0).contains(rate));
    rate.ok_or_else(|| format!("{text:?} is no number from 0.01 to 100"))
}
