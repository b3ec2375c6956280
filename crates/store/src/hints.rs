//! Hints between processes that share a store on Postgres, by Redis: a goal has news, the controls changed, the driver's
//! queue has rows.
//!
//! Law: a hint is never believed. Whoever hears one looks at the database sooner; whoever hears none looks all the same
//! (`postgres/poll.rs`). Nothing that commits, asks or reads ever waits for Redis.

mod frame;
mod heard;
mod link;
mod message;
mod server;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, watch};

use crate::error::Error;
use crate::figures::Counters;
use crate::store::{Kind, Store};

pub use server::RedisConfig;
pub use state::HintState;

pub(crate) use heard::{Heard, News};
pub(crate) use message::Hint;
pub(crate) use server::Server;

/// Hints that may wait to be said: some seconds' worth of groups; past it they are dropped.
const QUEUE_MAX: usize = 1_024;

/// What a store hints and hears; dropping it ends the connection.
pub(crate) struct Hints {
    queue: mpsc::Sender<Hint>,
    missed: Arc<AtomicBool>,
    heard: Arc<Heard>,
    state: watch::Receiver<HintState>,
    counters: Arc<Counters>,
}

impl Hints {
    /// Begins to connect, and goes on with it for as long as the store is there.
    pub(crate) fn start(server: Server, installation: &str, counters: Arc<Counters>) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (state, watched) = watch::channel(HintState::Dialling);
        let (heard, missed) = (Arc::<Heard>::default(), Arc::<AtomicBool>::default());
        let link = link::Link {
            server,
            channel: format!("omnihub:{installation}:hints"),
            by: uuid::Uuid::now_v7().to_string().into(),
            queue: queued,
            missed: Arc::clone(&missed),
            heard: Arc::clone(&heard),
            state,
            counters: Arc::clone(&counters),
        };
        // It ends with the queue.
        tokio::spawn(link.run());
        Self {
            queue,
            missed,
            heard,
            state: watched,
            counters,
        }
    }

    /// Says something to the others, or drops it. Never waits.
    pub(crate) fn say(&self, hint: Hint) {
        if self.queue.try_send(hint).is_err() {
            self.missed.store(true, Ordering::Relaxed);
            self.counters.hints_dropped(1);
        }
    }

    /// Whether hints come and go.
    pub(crate) fn are_live(&self) -> bool {
        *self.state.borrow() == HintState::Live
    }

    /// What the others say.
    pub(crate) fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }
}

impl RedisConfig {
    /// Connects once and asks for an answer, as a store does.
    ///
    /// # Errors
    /// [`Error::RedisUrl`] or [`Error::File`], which keep a store from being opened; [`Error::Redis`], which does not.
    pub async fn reach(&self) -> Result<(), Error> {
        link::reach(&Server::of(self)?).await.map_err(Error::Redis)
    }
}

impl Store {
    /// Follows whether hints come and go; `None`: the store has no Redis.
    pub fn watch_hints(&self) -> Option<watch::Receiver<HintState>> {
        match &self.kind {
            Kind::Sqlite(_) => None,
            Kind::Postgres(postgres) => postgres.hints().map(|hints| hints.state.clone()),
        }
    }

    /// Changes when others say that they put rows into the driver's queue. Only a hint: rows may be there without it, and
    /// none with it.
    pub fn queue_hints(&self) -> watch::Receiver<u64> {
        self.shared().queued.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use tokio::sync::{mpsc, watch};

    use super::{HintState, Hints, QUEUE_MAX};
    use crate::hints::Hint;

    #[test]
    fn what_the_queue_has_no_room_for_is_dropped_and_remembered() {
        let (queue, mut queued) = mpsc::channel(QUEUE_MAX);
        let hints = Hints {
            queue,
            missed: Arc::default(),
            heard: Arc::default(),
            state: watch::channel(HintState::Live).1,
            counters: Arc::default(),
        };
        for _ in 0..QUEUE_MAX {
            hints.say(Hint::queued());
        }
        assert!(!hints.missed.load(Ordering::Relaxed));
        hints.say(Hint::queued());
        assert!(hints.missed.load(Ordering::Relaxed));
        assert!(queued.try_recv().is_ok());
    }
}
