//! Tells the operator whether hints between processes come and go. What the store does about it is the store's.

use store::{HintState, Store};
use tokio::sync::watch;

use super::signals;
use crate::config::Settings;

/// Says that Redis is set where nobody is there to hear a hint.
pub(super) fn warn_of_sqlite(settings: &Settings) {
    if settings.redis.url.is_some() && settings.store.url.is_none() {
        tracing::warn!(
            "redis.url (REDIS_URL) means nothing here: only processes that share PostgreSQL (store.url, DATABASE_URL) \
             have something to tell each other"
        );
    }
}

/// Tells it until the process stops.
pub(super) async fn run(store: Store, stopping: watch::Receiver<bool>) {
    let Some(state) = store.watch_hints() else {
        return;
    };
    // Both arms only wait.
    tokio::select! {
        () = tell(state) => {}
        () = signals::stopped(stopping) => {}
    }
}

/// Tells every change, the first state included: a change that came before this began is one.
async fn tell(mut state: watch::Receiver<HintState>) {
    state.mark_changed();
    while state.changed().await.is_ok() {
        let now = state.borrow_and_update().clone();
        match now {
            HintState::Dialling => {}
            HintState::Live => tracing::info!("Redis is used for hints between processes"),
            HintState::Away(reason) => tracing::warn!(
                reason,
                "Redis cannot be used, which only makes other processes' news come later; tried again and again"
            ),
        }
    }
}
