//! The lead: of the processes that share a store one drives, and another takes over when it dies.
//!
//! A process leads as long as its lease runs by its own clock; after that it starts nothing, though it records what ends.
//! Whoever takes over waits for what others may have in flight before it doubts or repeats it
//! (`Runner::fenced_until`). Where a port has goals driven, the leader only looks for those that nobody drives.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::Lead;
use tokio::task::JoinSet;

use super::dispatch::{self, Sweep};
use super::{Engine, GoalRef};

/// How long the lead lasts without being renewed: another process takes over that long after the leader's death.
const LEASE: Duration = Duration::from_secs(6);
/// How often it is renewed or tried for; three failures in a row lose it.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How much earlier than the database the holder believes that its lease has run out.
const MARGIN: Duration = Duration::from_secs(1);
/// How often goals are taken from the queue of those that other processes changed, where no hint comes earlier.
const QUEUE_EVERY: Duration = Duration::from_millis(100);
/// Goals taken at once.
const QUEUE_PIECE: u32 = 1_000;
/// The pause before a sweep that was cut short is begun again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whether this process leads.
#[derive(Default)]
pub(super) struct Leading {
    state: Mutex<Option<(Lead, Instant)>>,
    /// Terms so far. A new one begins also where the lease ran out although nobody else took it: what was accepted in
    /// between was left to whoever leads next.
    terms: AtomicU64,
}

impl Leading {
    /// The lead, while its lease runs.
    fn lead(&self) -> Option<Lead> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.and_then(|(lead, until)| (Instant::now() < until).then_some(lead))
    }

    fn set(&self, state: Option<(Lead, Instant)>) {
        if state.is_some() && self.lead().is_none() {
            self.terms.fetch_add(1, Ordering::SeqCst);
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Engine {
    /// Whether this process drives.
    pub fn leads(&self) -> bool {
        !self.store().is_shared() || self.shared.leading.lead().is_some()
    }

    /// Tries for the lead, or renews it.
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
            (None, Some(lead)) => tracing::info!(epoch = lead.epoch, "this process leads"),
            (Some(_), None) => tracing::warn!("another process leads now"),
            _ => {}
        }
    }

    /// Looks at all open goals, for those that have something to do; `false`: not at all of them.
    async fn sweep(self, sweep: Sweep) -> bool {
        let swept = match &self.shared.port {
            None => self.recover().await.map(|()| true),
            Some(port) if port.trouble().is_none() => dispatch::sweep(&self, port, sweep).await,
            Some(_) => Ok(false),
        };
        swept.unwrap_or_else(|error| {
            let cause = cause(&error);
            tracing::warn!("cannot look at the open goals: {error}{cause}");
            false
        })
    }

    /// Wakes the goals that other processes changed.
    async fn take_queued(&self) {
        let queued = self.store().take_queued(QUEUE_PIECE, QUEUE_EVERY).await;
        let queued = queued.unwrap_or_default();
        if queued.is_empty() {
            return;
        }
        let rows: Vec<_> = queued.iter().map(|queued| queued.id).collect();
        for store::Queued { tenant, goal, .. } in queued {
            self.wake(&GoalRef { tenant, goal });
        }
        // What cannot be read or written now is found by the sweep, or again.
        self.store().told(&rows).await.unwrap_or_default();
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
    let mut renewed = Instant::now();
    let mut duty = Duty::new(&engine);
    let mut queued = engine.store().queue_hints();
    loop {
        let takes = engine.shared.port.is_none() && engine.leads();
        // Both arms only wait.
        tokio::select! {
            Ok(()) = queued.changed(), if takes => {}
            () = tokio::time::sleep(QUEUE_EVERY) => {}
        }
        if renewed.elapsed() >= RENEW_EVERY {
            renewed = Instant::now();
            engine.try_to_lead().await;
        }
        if duty.term != engine.shared.leading.terms.load(Ordering::SeqCst) {
            duty = Duty::new(&engine);
        }
        if engine.leads() && !engine.draining() {
            if engine.shared.port.is_none() {
                engine.take_queued().await;
            }
            duty.attend(&engine);
        } else {
            duty = Duty::new(&engine);
        }
    }
}

/// The sweeps that whoever leads owes: one at a time, beside the renewals, and again where one was cut short. Dropped, it
/// sweeps no more.
struct Duty {
    term: u64,
    /// None stands for another: one wakes, the other starts.
    owed: BTreeSet<Sweep>,
    /// What is owed now and then. What was let go just before the lead changed hands may be found only the second time.
    regular: Sweep,
    /// The controls by which was swept.
    gate: u64,
    /// When the last sweep began, and when the next may.
    begun: Instant,
    not_before: Instant,
    under_way: JoinSet<(Sweep, bool)>,
}

impl Duty {
    /// What somebody owes who has not led until now.
    fn new(engine: &Engine) -> Self {
        Self {
            term: engine.shared.leading.terms.load(Ordering::SeqCst),
            owed: BTreeSet::from([Sweep::Taken]),
            regular: Sweep::Taken,
            gate: engine.store().gate().generation(),
            begun: Instant::now(),
            not_before: Instant::now(),
            under_way: JoinSet::new(),
        }
    }

    fn attend(&mut self, engine: &Engine) {
        match self.under_way.try_join_next() {
            None if !self.under_way.is_empty() => return,
            None | Some(Ok((_, true))) => {}
            Some(cut) => {
                self.owed
                    .insert(cut.map_or(Sweep::Taken, |(sweep, _)| sweep));
                self.not_before = Instant::now() + AGAIN_AFTER;
            }
        }
        // What others let go is to go on at once.
        let newest = engine.store().gate().generation();
        if newest != self.gate {
            self.gate = newest;
            self.owed.insert(Sweep::Released);
        }
        if self.begun.elapsed() >= engine.shared.sweep_every {
            self.owed.insert(self.regular);
            self.regular = Sweep::Late;
        }
        if Instant::now() >= self.not_before
            && let Some(sweep) = self.owed.pop_last()
        {
            self.begun = Instant::now();
            let sweeping = engine.clone().sweep(sweep);
            self.under_way.spawn(async move { (sweep, sweeping.await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_ran_out_begins_a_new_term_although_the_lead_never_changed() {
        let leading = Leading::default();
        let terms = || leading.terms.load(Ordering::SeqCst);
        let lead = Lead { epoch: 1 };
        let hour = Duration::from_secs(3_600);
        leading.set(Some((lead, Instant::now() + hour)));
        leading.set(Some((lead, Instant::now() + hour)));
        assert_eq!(terms(), 1, "renewed in time");
        leading.set(Some((lead, Instant::now())));
        leading.set(Some((lead, Instant::now() + hour)));
        assert_eq!(terms(), 2, "renewed too late");
        leading.set(None);
        assert_eq!(terms(), 2);
        leading.set(Some((lead, Instant::now() + hour)));
        assert_eq!(terms(), 3, "given back");
    }
}
