//! Every form that the journal and the inbox were ever written in. The files are only ever added to, at their end.

use std::collections::BTreeSet;
use std::fmt::Debug;

use saga::input::{Person, Wish};
use saga::{Event, EventKind, Saga};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::scene::key;

const EVENTS: &str = include_str!("golden/events-v1.jsonl");
const INBOX: &str = include_str!("golden/inbox-v1.jsonl");

/// What was frozen: that many lines with this checksum. New lines go below them; then both numbers may grow.
const EVENTS_FROZEN: (usize, u64) = (51, 0x425a_e328_2c71_298f);
const INBOX_FROZEN: (usize, u64) = (11, 0x24dd_ee01_647a_9336);

#[test]
fn every_event_ever_written_is_read_and_written_the_same() {
    let events: Vec<Event> = same(EVENTS);
    assert_eq!(
        checksum(EVENTS, EVENTS_FROZEN.0),
        EVENTS_FROZEN.1,
        "lines of the journal's past were changed"
    );
    let found: BTreeSet<&str> = events.iter().map(|event| event_kind(&event.kind)).collect();
    let missing: Vec<_> = EVENT_KINDS
        .iter()
        .filter(|kind| !found.contains(*kind))
        .collect();
    assert!(missing.is_empty(), "kinds without a line: {missing:?}");
}

#[test]
fn every_wish_ever_posted_is_read_and_written_the_same() {
    let people: Vec<Person> = same(INBOX);
    assert_eq!(
        checksum(INBOX, INBOX_FROZEN.0),
        INBOX_FROZEN.1,
        "lines of the inbox's past were changed"
    );
    let found: BTreeSet<&str> = people
        .iter()
        .map(|person| wish_kind(&person.wish))
        .collect();
    let missing: Vec<_> = WISH_KINDS
        .iter()
        .filter(|kind| !found.contains(*kind))
        .collect();
    assert!(missing.is_empty(), "kinds without a line: {missing:?}");
}

#[test]
fn events_that_fit_no_state_only_count() {
    let mut saga = Saga::new(key());
    let events: Vec<Event> = same(EVENTS);
    events
        .iter()
        .chain(&events)
        .for_each(|event| saga.apply(event));
    assert_eq!(saga.sequence(), 2 * events.len() as u64);
}

/// Reads each line, and demands that writing it again gives the same JSON.
fn same<T: DeserializeOwned + Serialize + Debug>(lines: &str) -> Vec<T> {
    let read = |line: &str| {
        let expected: Value = serde_json::from_str(line).unwrap();
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_value(&value).unwrap(), expected, "{value:?}");
        value
    };
    lines.lines().map(read).collect()
}

/// FNV-1a of the first lines.
fn checksum(file: &str, lines: usize) -> u64 {
    assert!(file.lines().count() >= lines, "lines were taken away");
    let bytes = file
        .lines()
        .take(lines)
        .flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

const EVENT_KINDS: [&str; 24] = [
    "goal_accepted",
    "plan_adopted",
    "step_started",
    "step_succeeded",
    "step_failed",
    "step_skipped",
    "step_in_doubt",
    "step_settled",
    "approval_asked",
    "approval_granted",
    "approval_refused",
    "approval_expired",
    "goal_paused",
    "goal_resumed",
    "cancel_requested",
    "goal_cancelled",
    "retry_requested",
    "unwinding_started",
    "compensation_started",
    "compensation_succeeded",
    "compensation_failed",
    "goal_completed",
    "goal_failed",
    "goal_stuck",
];

/// Without a wildcard: a new kind does not compile before it has its place in [`EVENT_KINDS`].
fn event_kind(kind: &EventKind) -> &'static str {
    let place = match kind {
        EventKind::GoalAccepted { .. } => 0,
        EventKind::PlanAdopted { .. } => 1,
        EventKind::StepStarted { .. } => 2,
        EventKind::StepSucceeded { .. } => 3,
        EventKind::StepFailed { .. } => 4,
        EventKind::StepSkipped { .. } => 5,
        EventKind::StepInDoubt { .. } => 6,
        EventKind::StepSettled { .. } => 7,
        EventKind::ApprovalAsked { .. } => 8,
        EventKind::ApprovalGranted { .. } => 9,
        EventKind::ApprovalRefused { .. } => 10,
        EventKind::ApprovalExpired { .. } => 11,
        EventKind::GoalPaused { .. } => 12,
        EventKind::GoalResumed { .. } => 13,
        EventKind::CancelRequested { .. } => 14,
        EventKind::GoalCancelled {} => 15,
        EventKind::RetryRequested { .. } => 16,
        EventKind::UnwindingStarted { .. } => 17,
        EventKind::CompensationStarted { .. } => 18,
        EventKind::CompensationSucceeded { .. } => 19,
        EventKind::CompensationFailed { .. } => 20,
        EventKind::GoalCompleted { .. } => 21,
        EventKind::GoalFailed { .. } => 22,
        EventKind::GoalStuck { .. } => 23,
    };
    assert_eq!(kind.name(), EVENT_KINDS[place]);
    EVENT_KINDS[place]
}

const WISH_KINDS: [&str; 6] = [
    "pause_goal",
    "resume_goal",
    "cancel_goal",
    "retry_goal",
    "decide",
    "settle",
];

fn wish_kind(wish: &Wish) -> &'static str {
    WISH_KINDS[match wish {
        Wish::PauseGoal => 0,
        Wish::ResumeGoal => 1,
        Wish::CancelGoal { .. } => 2,
        Wish::RetryGoal => 3,
        Wish::Decide { .. } => 4,
        Wish::Settle { .. } => 5,
    }]
}
