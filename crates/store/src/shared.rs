//! What the parts of one store share, wherever the facts are.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::figures::Counters;
use crate::gate::Gate;
use crate::installation::Installation;
use crate::lead::Queued;
use crate::toolsets::Toolsets;
use crate::watch::Watchers;

/// Rows of the queue that a process keeps to itself; past it they are anybody's.
const FRESH_MAX: usize = 4_096;

/// What all parts of one store share.
pub(crate) struct Shared {
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// Who this installation is.
    pub(crate) installation: Installation,
    /// Toolsets that were read.
    pub(crate) toolsets: Toolsets,
    /// Who waits for goals.
    pub(crate) watchers: Watchers,
    /// The emergency controls.
    pub(crate) gate: watch::Sender<Gate>,
    /// How often notices were written.
    pub(crate) notices: watch::Sender<u64>,
    /// How often others said that the driver's queue has rows.
    pub(crate) queued: watch::Sender<u64>,
    /// Whether this process drives goals itself.
    pub(crate) driving: AtomicBool,
    /// Set where goals are driven by whoever is told by the queue.
    pub(crate) dispatched: OnceLock<Dispatched>,
    /// What it has queued so and not taken yet, oldest first, with when that was known.
    fresh: Mutex<VecDeque<(Instant, Queued)>>,
    /// What was written so far.
    pub(crate) counters: Arc<Counters>,
}

/// How the queue is told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dispatched {
    /// For how long this process keeps what it queues to itself, to tell of it at once.
    pub(crate) lease: Duration,
    /// Whether goals are driven in this process, too.
    pub(crate) here: bool,
}

/// Which goals that a process writes to are queued for whoever drives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queues {
    /// It drives them itself.
    Nothing,
    /// New ones, and those that whoever drives has to look at again: most of the time it is who writes.
    Accepted,
    /// All of them: somebody else drives, who has to look again.
    Everything,
}

impl Shared {
    /// Which goals are queued.
    pub(crate) fn queues(&self) -> Queues {
        match (
            self.dispatched.get().is_some(),
            self.driving.load(Ordering::SeqCst),
        ) {
            (true, _) => Queues::Accepted,
            (false, true) => Queues::Nothing,
            (false, false) => Queues::Everything,
        }
    }

    /// For how many seconds what is queued now is kept for this process; `None`: not at all.
    pub(crate) fn queue_lease(&self) -> Option<f64> {
        let lease = self.dispatched.get()?.lease;
        (self.lock_fresh().len() < FRESH_MAX).then_some(lease.as_secs_f64())
    }

    /// Keeps what was queued, once it is committed.
    pub(crate) fn queued(&self, fresh: impl IntoIterator<Item = Queued>) {
        let now = Instant::now();
        self.lock_fresh()
            .extend(fresh.into_iter().map(|queued| (now, queued)));
    }

    /// Takes the oldest that are kept, but for those that others are about to be given.
    pub(crate) fn take_fresh(&self, most: usize) -> Vec<Queued> {
        let lease = self.dispatched.get().map(|dispatched| dispatched.lease);
        let lease = lease.unwrap_or_default();
        let mut fresh = self.lock_fresh();
        while fresh
            .front()
            .is_some_and(|(since, _)| since.elapsed() > lease / 2)
        {
            fresh.pop_front();
        }
        let most = most.min(fresh.len());
        fresh.drain(..most).map(|(_, queued)| queued).collect()
    }

    fn lock_fresh(&self) -> MutexGuard<'_, VecDeque<(Instant, Queued)>> {
        // The list is whole at every point where a thread could have panicked.
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the parts of a new store share.
    pub(crate) fn new(dir: &Path, installation: Installation, gate: Gate) -> Self {
        Self {
            dir: dir.to_owned(),
            installation,
            toolsets: Toolsets::default(),
            watchers: Watchers::default(),
            gate: watch::Sender::new(gate),
            notices: watch::Sender::new(0),
            queued: watch::Sender::new(0),
            driving: AtomicBool::new(true),
            dispatched: OnceLock::new(),
            fresh: Mutex::default(),
            counters: Arc::default(),
        }
    }
}
