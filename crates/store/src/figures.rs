//! What was written and hinted so far, for metrics and benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::store::Store;

/// What this process has written, and hinted to others, since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Groups that were committed.
    pub groups: u64,
    /// Requests in them.
    pub requests: u64,
    /// Time spent in COMMIT, most of it waiting for the disk.
    pub committing: Duration,
    /// The longest COMMIT.
    pub longest: Duration,
    /// Hints to other processes that Redis took.
    pub hints_sent: u64,
    /// Hints that were dropped: Redis was away, or too slow.
    pub hints_dropped: u64,
    /// Hints of other processes that were heard.
    pub hints_heard: u64,
}

/// The same, as it is counted.
#[derive(Default)]
pub(crate) struct Counters {
    groups: AtomicU64,
    requests: AtomicU64,
    nanoseconds: AtomicU64,
    longest: AtomicU64,
    hints_sent: AtomicU64,
    hints_dropped: AtomicU64,
    hints_heard: AtomicU64,
}

impl Counters {
    /// Counts one group.
    pub(crate) fn count(&self, requests: usize, commit: Duration) {
        let nanoseconds = u64::try_from(commit.as_nanos()).unwrap_or(u64::MAX);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    /// Counts hints that Redis took.
    pub(crate) fn hints_sent(&self, hints: usize) {
        self.hints_sent.fetch_add(hints as u64, Ordering::Relaxed);
    }

    /// Counts hints that were dropped.
    pub(crate) fn hints_dropped(&self, hints: usize) {
        self.hints_dropped
            .fetch_add(hints as u64, Ordering::Relaxed);
    }

    /// Counts a hint that was heard.
    pub(crate) fn hint_heard(&self) {
        self.hints_heard.fetch_add(1, Ordering::Relaxed);
    }
}

impl Store {
    /// What this process has written and hinted so far.
    pub fn figures(&self) -> Figures {
        let counters = &self.shared().counters;
        let duration = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        Figures {
            groups: counters.groups.load(Ordering::Relaxed),
            requests: counters.requests.load(Ordering::Relaxed),
            committing: duration(&counters.nanoseconds),
            longest: duration(&counters.longest),
            hints_sent: counters.hints_sent.load(Ordering::Relaxed),
            hints_dropped: counters.hints_dropped.load(Ordering::Relaxed),
            hints_heard: counters.hints_heard.load(Ordering::Relaxed),
        }
    }
}
