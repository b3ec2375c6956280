//! How often each input met a goal in each situation.

use std::fmt::Write as _;

use domain::approval::Decision;
use domain::goal::GoalStatus;
use domain::outcome::{Answer, FailureKind, Outcome};
use saga::event::Settlement;
use saga::input::Wish;
use saga::machine::Phase;
use saga::{Input, Saga};

pub(crate) const SITUATIONS: [&str; 19] = [
    "new",
    "accepted",
    "accepted, paused",
    "accepted, cancel requested",
    "running",
    "running past a doubt",
    "waiting for approval",
    "waiting in doubt",
    "paused",
    "paused with a failure",
    "failed, not yet unwinding",
    "unwinding",
    "undoing",
    "unwinding, waiting",
    "stuck",
    "stuck by contradiction",
    "completed",
    "failed",
    "cancelled",
];

const INPUTS: [&str; 33] = [
    "accept",
    "adopt",
    "continue",
    "start",
    "start undo",
    "succeeded",
    "transient",
    "permanent",
    "unknown",
    "answer happened",
    "answer did not happen",
    "answer unknown",
    "undo succeeded",
    "undo transient",
    "undo permanent",
    "undo unknown",
    "undo answer happened",
    "undo answer did not happen",
    "undo answer unknown",
    "recover",
    "tick",
    "pause",
    "resume",
    "cancel",
    "cancel in an emergency",
    "retry",
    "grant",
    "refuse",
    "decide another digest",
    "settle happened",
    "settle did not happen",
    "settle undone",
    "settle try again",
];

/// Pairs that cannot be met, with the reason: `situation | input / input | reason`, each a name or a beginning and `*`.
const IMPOSSIBLE: &str = include_str!("impossible.txt");

/// Counts by situation and input.
pub(crate) struct Coverage {
    counts: Vec<[u64; INPUTS.len()]>,
}

impl Coverage {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![[0; INPUTS.len()]; SITUATIONS.len()],
        }
    }

    pub(crate) fn note(&mut self, saga: &Saga, input: &Input) {
        self.counts[situation(saga)][kind(input)] += 1;
    }

    /// The whole table as text.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for (situation, counts) in SITUATIONS.iter().zip(&self.counts) {
            let total: u64 = counts.iter().sum();
            writeln!(table, "{situation}: {total}").unwrap();
            for (input, count) in INPUTS.iter().zip(counts).filter(|(_, count)| **count > 0) {
                writeln!(table, "    {count:>10} {input}").unwrap();
            }
        }
        table
    }

    /// Pairs that were never met and are not impossible, and those that are called impossible and were met.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (situation, counts) in SITUATIONS.iter().zip(&self.counts) {
            for (input, count) in INPUTS.iter().zip(counts) {
                match (*count, impossible(situation, input)) {
                    (0, false) => complaints.push(format!("never met: {situation} | {input}")),
                    (1.., true) => {
                        complaints.push(format!("not impossible: {situation} | {input}"))
                    }
                    _ => {}
                }
            }
        }
        complaints
    }
}

fn impossible(situation: &str, input: &str) -> bool {
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    };
    let lines = IMPOSSIBLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .any(|parts| {
            let [for_situation, for_input, reason] = parts.as_slice() else {
                panic!("{parts:?}")
            };
            assert!(!reason.is_empty(), "an impossible pair needs its reason");
            fits(for_situation, situation)
                && for_input.split(" / ").any(|pattern| fits(pattern, input))
        })
}

/// The situation that a goal is in, by what anybody can see of it.
fn situation(saga: &Saga) -> usize {
    let paused = saga.status() == GoalStatus::Paused;
    let waiting = saga.status() == GoalStatus::Waiting;
    let failing = saga.reason().is_some();
    let doubtful = saga.doubts().next().is_some();
    let name = match saga.phase() {
        Phase::New => "new",
        Phase::Accepted if paused => "accepted, paused",
        Phase::Accepted if failing => "accepted, cancel requested",
        Phase::Accepted => "accepted",
        Phase::Running if paused && failing => "paused with a failure",
        Phase::Running if paused => "paused",
        Phase::Running if failing => "failed, not yet unwinding",
        Phase::Running if waiting && doubtful => "waiting in doubt",
        Phase::Running if waiting => "waiting for approval",
        Phase::Running if doubtful => "running past a doubt",
        Phase::Running => "running",
        Phase::Unwinding if waiting => "unwinding, waiting",
        Phase::Unwinding if saga.pending().any(|effect| effect.undo) => "undoing",
        Phase::Unwinding => "unwinding",
        Phase::Stuck
            if saga
                .reason()
                .is_some_and(|reason| reason.code == "outcome.contradicts") =>
        {
            "stuck by contradiction"
        }
        Phase::Stuck => "stuck",
        Phase::Ended(GoalStatus::Completed) => "completed",
        Phase::Ended(GoalStatus::Cancelled) => "cancelled",
        Phase::Ended(_) => "failed",
    };
    SITUATIONS
        .iter()
        .position(|situation| *situation == name)
        .unwrap()
}

/// The kind of an input, with whether it is about an undo.
fn kind(input: &Input) -> usize {
    let (undo, name) = match input {
        Input::Accept(_) => (false, "accept"),
        Input::AdoptPlan(_) => (false, "adopt"),
        Input::Continue => (false, "continue"),
        Input::Start(start) => (start.undo, "start"),
        Input::Outcome(ended) => match &ended.result {
            Outcome::Succeeded { .. } => (ended.undo, "succeeded"),
            Outcome::Failed {
                kind: FailureKind::Transient,
                ..
            } => (ended.undo, "transient"),
            Outcome::Failed {
                kind: FailureKind::Permanent,
                ..
            } => (ended.undo, "permanent"),
            Outcome::Unknown { .. } => (ended.undo, "unknown"),
        },
        Input::Answer(ended) => match &ended.result {
            Answer::Happened { .. } => (ended.undo, "answer happened"),
            Answer::DidNotHappen => (ended.undo, "answer did not happen"),
            Answer::Unknown { .. } => (ended.undo, "answer unknown"),
        },
        Input::Recover { .. } => (false, "recover"),
        Input::Tick => (false, "tick"),
        Input::Person(person) => (false, wish(&person.wish)),
    };
    let fits = |input: &str| match (undo, name) {
        (true, "start") => input == "start undo",
        (true, name) => input.strip_prefix("undo ") == Some(name),
        (false, name) => input == name,
    };
    INPUTS.iter().position(|input| fits(input)).unwrap()
}

fn wish(wish: &Wish) -> &'static str {
    match wish {
        Wish::PauseGoal => "pause",
        Wish::ResumeGoal => "resume",
        Wish::CancelGoal { emergency: false } => "cancel",
        Wish::CancelGoal { emergency: true } => "cancel in an emergency",
        Wish::RetryGoal => "retry",
        Wish::Decide { digest, .. } if digest.as_bytes() == &[0; 32] => "decide another digest",
        Wish::Decide {
            decision: Decision::Grant,
            ..
        } => "grant",
        Wish::Decide {
            decision: Decision::Refuse,
            ..
        } => "refuse",
        Wish::Settle {
            result: Settlement::Happened,
            ..
        } => "settle happened",
        Wish::Settle {
            result: Settlement::DidNotHappen,
            ..
        } => "settle did not happen",
        Wish::Settle {
            result: Settlement::Undone,
            ..
        } => "settle undone",
        Wish::Settle {
            result: Settlement::TryAgain,
            ..
        } => "settle try again",
    }
}
