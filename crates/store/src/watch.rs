//! Watching goals: who waits for a goal's next event is told after its COMMIT.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::{GoalId, TenantId};
use tokio::sync::watch;

type Watched = HashMap<(TenantId, GoalId), watch::Sender<u64>>;

/// Everybody who watches.
#[derive(Default)]
pub(crate) struct Watchers {
    goals: Mutex<Watched>,
}

impl Watchers {
    /// Watches a goal; the value is the sequence of its newest committed event, 0 until the next one is known.
    pub(crate) fn watch(&self, tenant: &TenantId, goal: &GoalId) -> watch::Receiver<u64> {
        let mut goals = self.lock();
        // Those that nobody watches any more go when the next watcher comes, so that the map is as small as its use.
        if goals.len() >= goals.capacity() {
            goals.retain(|_, sender| sender.receiver_count() > 0);
        }
        goals
            .entry((tenant.clone(), goal.clone()))
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    /// The goals that somebody watches.
    pub(crate) fn watched(&self) -> Vec<(TenantId, GoalId)> {
        let goals = self.lock();
        let watched = goals
            .iter()
            .filter(|(_, sender)| sender.receiver_count() > 0);
        watched.map(|(goal, _)| goal.clone()).collect()
    }

    /// Of goals that are said to have reached a sequence those that somebody watches who was not told so.
    pub(crate) fn untold(
        &self,
        said: impl IntoIterator<Item = ((TenantId, GoalId), u64)>,
    ) -> Vec<(TenantId, GoalId)> {
        let goals = self.lock();
        let is_untold = |goal: &(TenantId, GoalId), sequence| {
            let sender = goals.get(goal);
            sender.is_some_and(|sender| sender.receiver_count() > 0 && *sender.borrow() < sequence)
        };
        said.into_iter()
            .filter_map(|(goal, sequence)| is_untold(&goal, sequence).then_some(goal))
            .collect()
    }

    /// Tells the watchers of each goal its newest sequence.
    pub(crate) fn tell(&self, news: &[(TenantId, GoalId, u64)]) {
        if news.is_empty() {
            return;
        }
        let goals = self.lock();
        if goals.is_empty() {
            return;
        }
        for (tenant, goal, sequence) in news {
            if let Some(sender) = goals.get(&(tenant.clone(), goal.clone())) {
                sender.send_if_modified(|newest| raise(newest, *sequence));
            }
        }
    }

    /// Tells the watchers of one goal what was read of it.
    pub(crate) fn tell_read(&self, tenant: &TenantId, goal: &GoalId, sequence: u64) {
        if let Some(sender) = self.lock().get(&(tenant.clone(), goal.clone())) {
            sender.send_if_modified(|newest| raise(newest, sequence));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        // The map is whole at every point where a thread could have panicked.
        self.goals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn raise(newest: &mut u64, sequence: u64) -> bool {
    let raised = sequence > *newest;
    *newest = sequence.max(*newest);
    raised
}
