//! The store, opened from the settings; a database server that is still starting is waited for.

use std::time::Duration;

use anyhow::{Context as _, Result};
use store::{Error, Location, Store};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{parts, signals};
use crate::config::Loaded;
use crate::prove::Sabotage;

/// How long a server that cannot be reached is waited for: what a Postgres that was killed takes to recover, and some.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Opens the store; `None`: the process was asked to stop before it was.
///
/// # Errors
/// It cannot be opened; of a server that cannot be reached this is said after [`PATIENCE`], of anything else at once.
pub(super) async fn open(
    loaded: &Loaded,
    sabotage: Option<Sabotage>,
    stopping: watch::Receiver<bool>,
) -> Result<Option<Store>> {
    let mut location = parts::store_location(&loaded.settings);
    if let Location::Directory(config) = &mut location {
        config.proof.sabotage_journal = sabotage == Some(Sabotage::Journal);
    }
    let opened = tokio::select! {
        opened = patiently(|| location.clone().open()) => opened,
        () = signals::stopped(stopping) => return Ok(None),
    };
    match opened {
        Err(error @ Error::Url(_)) => Err(loaded.blame("store.url", error).into()),
        Err(error @ Error::RedisUrl(_)) => Err(loaded.blame("redis.url", error).into()),
        opened => opened
            .map(Some)
            .with_context(|| format!("the store in {location} cannot be opened")),
    }
}

/// Tries until the server can be reached, or patience ends.
async fn patiently<T>(open: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    let started = Instant::now();
    let mut is_told = false;
    loop {
        match open().await {
            Err(Error::Unreachable(reason)) if started.elapsed() < PATIENCE => {
                if !is_told {
                    let seconds = PATIENCE.as_secs();
                    tracing::warn!(%reason, seconds, "waiting for the database server");
                    is_told = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn opened_after(failures: u32, error: fn() -> Error) -> (u32, Result<(), Error>) {
        let attempts = Cell::new(0);
        let opened = patiently(async || {
            attempts.set(attempts.get() + 1);
            if attempts.get() > failures {
                return Ok(());
            }
            Err(error())
        });
        let opened = opened.await;
        (attempts.get(), opened)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_cannot_be_reached_is_waited_for_and_not_for_ever() {
        let away = || Error::Unreachable("starting up".to_owned());
        let (attempts, opened) = opened_after(3, away).await;
        assert!(opened.is_ok() && attempts == 4, "{attempts} {opened:?}");
        let began = Instant::now();
        let (_, opened) = opened_after(u32::MAX, away).await;
        assert!(
            matches!(opened, Err(Error::Unreachable(_))) && began.elapsed() < PATIENCE + PAUSE,
            "{opened:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_else_is_wrong_is_said_at_once() {
        let (attempts, opened) = opened_after(u32::MAX, || Error::NoSchema).await;
        assert!(matches!(opened, Err(Error::NoSchema)) && attempts == 1);
    }
}
