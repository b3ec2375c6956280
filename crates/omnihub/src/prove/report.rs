//! What a proof found, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::judge::Finding;
use super::sabotage::Sabotage;
use crate::output::{Output, Tone};

/// Findings that are told one by one.
const FINDINGS_TOLD_MAX: usize = 20;

/// What a proof found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether every promise was kept.
    pub(crate) kept: bool,
    /// The run's seed.
    pub(crate) seed: u64,
    /// Which guarantee was broken on purpose.
    pub(crate) sabotage: Option<Sabotage>,
    /// SIGKILLs.
    pub(crate) kills: u32,
    /// How many of them met an effect under way: one that had arrived and was not answered, or a write.
    pub(crate) kills_that_hit: usize,
    /// SIGKILLs a second.
    pub(crate) kills_per_second: f64,
    /// Servers started after a kill.
    pub(crate) restarts: u32,
    /// Goals by how they ended.
    pub(crate) goals: BTreeMap<&'static str, u32>,
    /// Goals that did not end although everything was done for them.
    pub(crate) unfinished: u32,
    /// Changes applied by receiver and shop.
    pub(crate) effects: u64,
    /// Requests that reached the receiver.
    pub(crate) arrivals: u64,
    /// Effects that were in doubt when the killing ended.
    pub(crate) doubts: u32,
    /// Doubts that people ended.
    pub(crate) doubts_settled: u32,
    /// Stuck goals that people repaired and tried again.
    pub(crate) retried: u32,
    /// Decisions on approvals that were answered.
    pub(crate) decisions: usize,
    /// Broken promises of each kind.
    pub(crate) doubled: usize,
    /// Said to be done or undone, and was not; or answered and gone.
    pub(crate) lost: usize,
    /// Applied or maybe applied, and not said.
    pub(crate) hidden_doubt: usize,
    /// Audit entries that were verified.
    pub(crate) audit_entries: u64,
    /// What the audit's verifier found wrong.
    pub(crate) audit_wrong: Vec<String>,
    /// How long the run took, in seconds.
    pub(crate) seconds: f64,
    /// The first broken promises, one by one.
    pub(crate) findings: Vec<Finding>,
    /// Where everything is kept; `None`: it was as it should be, and is gone.
    pub(crate) kept_in: Option<PathBuf>,
}

impl Report {
    /// Prints it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn print(&self, output: Output) -> io::Result<()> {
        if output.is_json() {
            return output.json(self);
        }
        let goals = self
            .goals
            .iter()
            .map(|(status, count)| format!("{count} {status}"))
            .collect::<Vec<_>>()
            .join(", ");
        let duration = Duration::from_secs_f64(self.seconds);
        let mut rows = vec![
            row(
                "kills",
                format!(
                    "{} (SIGKILL, {:.2} a second)",
                    self.kills, self.kills_per_second
                ),
            ),
            row("that hit a running effect", self.kills_that_hit),
            row("restarts", self.restarts),
            row("goals", goals),
            row("effects applied", self.effects),
            row("arrivals at the receiver", self.arrivals),
            row("decisions on approvals", self.decisions),
            row("doubts when the killing ended", self.doubts),
            row("doubts settled by people", self.doubts_settled),
            row("stuck goals repaired", self.retried),
            row("audit entries verified", self.audit_entries),
            row("duration", format!("{duration:.1?}")),
            row("seed", self.seed),
        ];
        rows.extend(
            self.sabotage
                .map(|sabotage| row("broken on purpose", sabotage.as_str())),
        );
        output.table(["what", "how many"], rows, "nothing")?;
        output.line("")?;
        for (what, count) in [
            ("doubled", self.doubled),
            ("lost", self.lost),
            ("hidden doubt", self.hidden_doubt),
            (
                "goals without an end",
                usize::try_from(self.unfinished).unwrap_or(usize::MAX),
            ),
            ("audit chains that do not verify", self.audit_wrong.len()),
        ] {
            let (sign, tone) = if count == 0 {
                ("✓", Tone::Good)
            } else {
                ("✗", Tone::Bad)
            };
            output.line(output.paint(tone, &format!("  {sign} {what}: {count}")))?;
        }
        for finding in self.findings.iter().take(FINDINGS_TOLD_MAX) {
            output.line(format!("    {finding}"))?;
        }
        for wrong in &self.audit_wrong {
            output.line(format!("    {wrong}"))?;
        }
        if let Some(folder) = &self.kept_in {
            output.line(format!("\neverything is kept in {}", folder.display()))?;
        }
        Ok(())
    }
}

fn row(what: &str, value: impl ToString) -> [String; 2] {
    [what.to_owned(), value.to_string()]
}
