//! How far a proof is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::judge::Wrong;
use super::ledger::Ledger;

/// Lines of a whole run where there is no terminal.
const LINES: u64 = 10;

/// The progress of a run.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Progress of so many kills.
    pub(crate) fn new(kills: u32) -> Self {
        let bar = ProgressBar::with_draw_target(Some(kills.into()), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} kills, {elapsed}  {msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// Another kill was made.
    pub(crate) fn killed(&self, ledger: &Ledger) {
        self.0.inc(1);
        let notes = ledger.read();
        let (hits, goals) = (notes.hits.len(), notes.goals.len());
        let wrong: usize = [Wrong::Doubled, Wrong::Lost, Wrong::HiddenDoubt]
            .iter()
            .map(|wrong| notes.count(*wrong))
            .sum();
        let told = format!("{hits} hit a running effect, {goals} goals, {wrong} promises broken");
        let (done, all) = (self.0.position(), self.0.length().unwrap_or(1));
        if self.0.is_hidden() && (done * LINES / all) != ((done - 1) * LINES / all) {
            eprintln!("{done}/{all} kills: {told}");
        }
        self.0.set_message(told);
    }

    /// Another part of the run begins.
    pub(crate) fn say(&self, what: &str) {
        if self.0.is_hidden() {
            eprintln!("{what}");
        }
        self.0.set_message(what.to_owned());
    }

    /// The run is over.
    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }
}
