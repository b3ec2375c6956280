//! Polling: what other processes commit, for those who watch goals, follow the controls or send notices here.
//!
//! Every look is two short reads however many watch; what this process commits is told at once and needs none. A hint of
//! another process (`hints.rs`) makes a look come earlier, and is smaller: only at what it names. What is told is always
//! what was read.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::id::{GoalId, TenantId};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_postgres::Row;

use super::connection::{As, Life};
use super::{Inner, Postgres, controls};
use crate::ending::end_process;
use crate::error::Error;
use crate::hints::{Heard, Hints, News};

/// The pause after a look that was hinted: however much others say, hints cost no more than a hundred looks a second.
const HINTED_PAUSE: Duration = Duration::from_millis(10);
/// Goals that are looked at together.
const GOALS_AT_ONCE: usize = 1_000;

/// The generation of the controls, the newest notice, and the store's newest epoch.
const NEWEST: &str = "SELECT generation, (SELECT coalesce(max(id), 0) FROM omnihub.outbox), number, since
    FROM omnihub.gate LEFT JOIN omnihub.epochs ON number = (SELECT max(number) FROM omnihub.epochs)";

/// Looks until the store is dropped.
pub(super) fn start(store: &Postgres, every: Duration) {
    let heard = store.hints().map(Hints::heard);
    let store = Arc::downgrade(&store.inner);
    tokio::spawn(async move {
        let mut noticed = 0;
        let mut looks = interval_at(Instant::now() + every, every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Both arms are cancel safe.
            let hinted = tokio::select! {
                _ = looks.tick() => None,
                news = next(heard.as_deref()) => Some(news),
            };
            let Some(store) = upgrade(&store) else {
                return;
            };
            // A database that cannot be reached is looked at again; whoever uses it is told by its own request.
            match hinted {
                None => drop(look(&store, &mut noticed).await),
                Some(news) => {
                    drop(look_at(&store, &mut noticed, news).await);
                    drop(store);
                    sleep(HINTED_PAUSE).await;
                }
            }
        }
    });
}

fn upgrade(store: &Weak<Inner>) -> Option<Postgres> {
    store.upgrade().map(|inner| Postgres { inner })
}

/// The next news of other processes; without Redis there are none.
async fn next(heard: Option<&Heard>) -> News {
    match heard {
        Some(heard) => heard.next().await,
        None => pending().await,
    }
}

/// Looks at everything.
async fn look(store: &Postgres, noticed: &mut i64) -> Result<(), Error> {
    look_at_newest(store, noticed).await?;
    look_at_goals(store, &store.inner.shared.watchers.watched()).await
}

/// Looks at what hints name, as far as anybody here cares.
async fn look_at(store: &Postgres, noticed: &mut i64, news: News) -> Result<(), Error> {
    let shared = &store.inner.shared;
    if news.queue || news.all {
        shared.queued.send_modify(|count| *count += 1);
    }
    if news.all {
        return look(store, noticed).await;
    }
    if news.notices || news.controls > shared.gate.borrow().generation() {
        look_at_newest(store, noticed).await?;
    }
    look_at_goals(store, &shared.watchers.untold(news.goals)).await
}

async fn look_at_newest(store: &Postgres, noticed: &mut i64) -> Result<(), Error> {
    let rows = store.read_one(As::Driver, NEWEST, []).await?;
    check_alive(store, &rows)?;
    let newest = u64::try_from(controls::generation(&rows)?).unwrap_or(0);
    let notice = rows.first().map(|row| row.try_get(1)).transpose()?;
    if notice != Some(*noticed) {
        *noticed = notice.unwrap_or(0);
        let notices = &store.inner.shared.notices;
        notices.send_modify(|count| *count += 1);
    }
    if newest != store.inner.shared.gate.borrow().generation() {
        controls::refresh(store).await?;
    }
    Ok(())
}

/// Ends the process where another store is in place of the one that was opened: whatever is known here, and whatever is in
/// flight, is of another past. Where there is none yet, whoever is about to bring it in is not anticipated: a process
/// that is started again would found one.
fn check_alive(store: &Postgres, rows: &[Row]) -> Result<(), Error> {
    let number = rows.first().map(|row| row.try_get(2)).transpose()?;
    let (Some(number), Some(row)) = (number.flatten(), rows.first()) else {
        return Err(Error::Restored);
    };
    let since = row.try_get(3)?;
    match store.inner.pool.life() == Some(Life { number, since }) {
        true => Ok(()),
        false => end_process(&Error::Restored),
    }
}

async fn look_at_goals(store: &Postgres, goals: &[(TenantId, GoalId)]) -> Result<(), Error> {
    for some in goals.chunks(GOALS_AT_ONCE) {
        let read = store.sequences(some).await?;
        store.inner.shared.watchers.tell(&read);
    }
    Ok(())
}
