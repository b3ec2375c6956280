//! The lead: of the processes that share a store one drives, and another takes over when it dies.
//!
//! A process leads as long as its lease runs by its own clock; after that it starts nothing, though it records what ends.
//! Whoever takes over waits for what others may have in flight before it doubts or repeats it ([`Engine::fenced_until`]).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use saga::Saga;
use store::Lead;

use super::{Engine, GoalRef};

/// How long the lead lasts without being renewed: another process takes over that long after the leader's death.
const LEASE: Duration = Duration::from_secs(6);
/// How often it is renewed or tried for; three failures in a row lose it.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How much earlier than the database the holder believes that its lease has run out.
const MARGIN: Duration = Duration::from_secs(1);
/// How often goals are taken from the queue of those that other processes changed.
const QUEUE_EVERY: Duration = Duration::from_millis(100);
/// Goals taken at once.
const QUEUE_PIECE: u32 = 1_000;
/// How often the leader looks at all open goals, for those that the queue has missed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How long after its event an effect may still begin: the commit lies between (DESIGN §5).
pub(super) const START_WITHIN: Duration = Duration::from_secs(5);
/// How far two processes' clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Whether this process leads, and since when.
#[derive(Default)]
pub(super) struct Leading {
    state: Mutex<Option<(Lead, Instant)>>,
}

impl Leading {
    /// The lead, while its lease runs.
    fn lead(&self) -> Option<Lead> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.and_then(|(lead, until)| (Instant::now() < until).then_some(lead))
    }

    fn set(&self, state: Option<(Lead, Instant)>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Engine {
    /// Whether this process drives.
    pub fn leads(&self) -> bool {
        !self.store().is_shared() || self.shared.leading.lead().is_some()
    }

    /// Until when somebody else may be at what a goal has in flight; `None`: nobody is.
    ///
    /// What this holder began itself, in this life or one before, is known to have ended with it.
    pub(super) fn fenced_until(&self, saga: &Saga, now: Timestamp) -> Option<Timestamp> {
        if !self.store().is_shared() {
            return None;
        }
        let slowest = saga.pending().map(|effect| effect.call.timeout_seconds);
        let slowest = Duration::from_secs(u64::from(slowest.max()?));
        let last = saga.times().1?;
        let since = self.shared.leading.lead()?.since;
        let until = (START_WITHIN + slowest + super::task::GRACE)
            .try_into()
            .ok()
            .and_then(|rest: SignedDuration| last.saturating_add(rest).ok())
            .and_then(|until| until.saturating_add(SKEW).ok())
            .unwrap_or(Timestamp::MAX);
        (last < since && until > now).then_some(until)
    }

    /// Tries for the lead, or renews it; whoever gets it looks at all open goals.
    pub(super) async fn try_to_lead(&self) {
        let asked = Instant::now();
        let before = self.shared.leading.lead();
        let lead = match self.store().lead(LEASE).await {
            Ok(lead) => lead,
            Err(error) => {
                let cause = cause(&error);
                tracing::warn!("cannot ask for the lead: {error}{cause}");
                return;
            }
        };
        self.shared
            .leading
            .set(lead.map(|lead| (lead, asked + LEASE - MARGIN)));
        self.store().set_driving(lead.is_some());
        match (before, lead) {
            (None, Some(lead)) => {
                tracing::info!(epoch = lead.epoch, "this process drives");
                self.sweep().await;
            }
            (Some(_), None) => tracing::warn!("another process drives now"),
            _ => {}
        }
    }

    /// Looks at all open goals, for those that have something to do.
    async fn sweep(&self) {
        if let Err(error) = self.recover().await {
            let cause = cause(&error);
            tracing::warn!("cannot look at the open goals: {error}{cause}");
        }
    }

    /// Wakes the goals that other processes changed.
    async fn take_queued(&self) {
        // What cannot be read now is found by the sweep.
        let queued = self.store().take_queued(QUEUE_PIECE).await;
        for (tenant, goal) in queued.unwrap_or_default() {
            self.wake(&GoalRef { tenant, goal });
        }
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!(": {source}"),
        None => String::new(),
    }
}

/// Keeps trying for the lead, and looks for work while it has it; ends with the engine.
pub(super) async fn run(engine: Engine) {
    let (mut renewed, mut swept) = (Instant::now(), Instant::now());
    let mut gate = engine.store().gate().generation();
    loop {
        tokio::time::sleep(QUEUE_EVERY).await;
        if renewed.elapsed() >= RENEW_EVERY {
            renewed = Instant::now();
            engine.try_to_lead().await;
        }
        if engine.leads() && !engine.draining() {
            engine.take_queued().await;
            // What others let go is to go on at once.
            let newest = engine.store().gate().generation();
            if swept.elapsed() >= SWEEP_EVERY || newest != gate {
                gate = newest;
                swept = Instant::now();
                engine.sweep().await;
            }
        }
    }
}
