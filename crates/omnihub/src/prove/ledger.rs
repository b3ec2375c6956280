//! What the proof itself remembers: every goal it submitted, what was answered, and what it found.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};

use domain::approval::Decision;
use jiff::Timestamp;

use super::effect::EffectId;
use super::judge::{Finding, Wrong};
use super::plot::{Part, Plot};

/// The proof's memory. One task uses it, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Ledger(RefCell<Notes>);

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Every goal, by its number.
    pub(crate) goals: Vec<Entry>,
    /// Decisions that were answered 200, by the approval's id.
    pub(crate) decisions: BTreeMap<String, Decision>,
    /// Doubts that a person ended.
    pub(crate) doubts_settled: u32,
    /// Goals that were stuck and tried again.
    pub(crate) retried: u32,
    /// When the server was killed, in order.
    pub(crate) kills: Vec<Timestamp>,
    /// Which kills hit a running effect.
    pub(crate) hits: BTreeSet<usize>,
    /// How often a server was started again.
    pub(crate) restarts: u32,
    /// Every broken promise, once.
    findings: Vec<Finding>,
}

/// One goal.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// Its id.
    pub(crate) id: String,
    /// What its steps do.
    pub(crate) parts: Vec<Part>,
    /// Whether its acceptance was answered.
    pub(crate) accepted: bool,
    /// Whether its cancellation was answered.
    pub(crate) cancelled: bool,
    /// Whether it waits for a person who settles its doubts.
    pub(crate) parked: bool,
    /// Whether it is gone.
    pub(crate) gone: bool,
    /// Effects of which a person said that they did not happen, with how often they had arrived by then.
    pub(crate) settled: BTreeMap<EffectId, usize>,
    /// Effects that a person had tried again.
    pub(crate) tried_again: BTreeSet<EffectId>,
}

impl Ledger {
    /// Reads.
    pub(crate) fn read(&self) -> Ref<'_, Notes> {
        self.0.borrow()
    }

    /// Writes.
    pub(crate) fn write(&self) -> RefMut<'_, Notes> {
        self.0.borrow_mut()
    }

    /// Takes the next goal's number with the plot that is made for it.
    pub(crate) fn open(&self, plot: impl FnOnce(u32) -> Plot) -> Plot {
        let mut notes = self.write();
        let plot = plot(u32::try_from(notes.goals.len()).unwrap_or(u32::MAX));
        let id = plot
            .submission
            .trace_id
            .as_deref()
            .map(|trace| format!("goal-{trace}"))
            .unwrap_or_default();
        let parts = plot.parts.clone();
        notes.goals.push(Entry {
            id,
            parts,
            ..Entry::default()
        });
        plot
    }

    /// Changes a goal's entry.
    pub(crate) fn goal<T>(&self, goal: u32, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let at = usize::try_from(goal).ok()?;
        self.write().goals.get_mut(at).map(change)
    }

    /// Numbers of the goals that fit.
    pub(crate) fn goals(&self, fits: impl Fn(&Entry) -> bool) -> Vec<u32> {
        let notes = self.read();
        (0..)
            .zip(&notes.goals)
            .filter(|(_, entry)| fits(entry))
            .map(|(goal, _)| goal)
            .collect()
    }

    /// A goal's id.
    pub(crate) fn id(&self, goal: u32) -> String {
        self.goal(goal, |entry| entry.id.clone())
            .unwrap_or_default()
    }

    /// Notes a broken promise, once.
    pub(crate) fn find(&self, finding: Finding) {
        let findings = &mut self.write().findings;
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    /// Notes that something of a whole goal was lost.
    pub(crate) fn lost(&self, goal: u32, text: impl Into<String>) {
        self.find(Finding {
            wrong: Wrong::Lost,
            goal,
            effect: None,
            text: text.into(),
        });
    }
}

impl Notes {
    /// Every broken promise.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many of one kind.
    pub(crate) fn count(&self, wrong: Wrong) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.wrong == wrong)
            .count()
    }

    /// Notes which kill an interrupted write met: the first after it started.
    pub(crate) fn write_was_hit(&mut self, started: Timestamp) {
        let kill = self.kills.partition_point(|kill| *kill < started);
        if kill < self.kills.len() {
            self.hits.insert(kill);
        }
    }
}
