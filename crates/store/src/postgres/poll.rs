//! Polling: what other processes commit, for those who watch goals, follow the controls or send notices here.
//!
//! Every look is two short reads however many watch; what this process commits is told at once and needs none.

use std::sync::Weak;
use std::time::Duration;

use domain::id::{GoalId, TenantId};

use super::connection::As;
use super::{Inner, Postgres, controls};
use crate::error::Error;

/// How often other processes' commits are looked for: an event of a goal is seen that late at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Goals that are looked at together.
const GOALS_AT_ONCE: usize = 1_000;

/// The generation of the controls, and the newest notice.
const NEWEST: &str =
    "SELECT generation, (SELECT coalesce(max(id), 0) FROM omnihub.outbox) FROM omnihub.gate";

/// Looks until the store is dropped.
pub(super) fn start(store: &Postgres) {
    let store = std::sync::Arc::downgrade(&store.inner);
    tokio::spawn(async move {
        let mut noticed = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(store) = upgrade(&store) else {
                return;
            };
            // A database that cannot be reached is looked at again; whoever uses it is told by its own request.
            drop(look(&store, &mut noticed).await);
        }
    });
}

fn upgrade(store: &Weak<Inner>) -> Option<Postgres> {
    store.upgrade().map(|inner| Postgres { inner })
}

async fn look(store: &Postgres, noticed: &mut i64) -> Result<(), Error> {
    let rows = store.read_one(As::Driver, NEWEST, []).await?;
    let newest = u64::try_from(controls::generation(&rows)?).unwrap_or(0);
    let notice = rows.first().map(|row| row.try_get(1)).transpose()?;
    if notice != Some(*noticed) {
        *noticed = notice.unwrap_or(0);
        let notices = &store.inner.shared.notices;
        notices.send_modify(|count| *count += 1);
    }
    if newest > store.inner.shared.gate.borrow().generation() {
        controls::refresh(store).await?;
    }
    let watchers = &store.inner.shared.watchers;
    let watched: Vec<(TenantId, GoalId)> = watchers.watched();
    for some in watched.chunks(GOALS_AT_ONCE) {
        watchers.tell(&store.sequences(some).await?);
    }
    Ok(())
}
