//! SIGTERM and SIGINT: the first one asks the process to stop, the second ends it at once.

use std::process;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The exit code of a process that was ended rather than asked (128 + SIGINT, as shells have it).
const ENDED: i32 = 130;

/// Takes signals from now on; becomes true with the first.
///
/// # Errors
/// The system gives no signals.
pub(crate) fn watch() -> Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let (stop, stopping) = watch::channel(false);
    // It lives as long as the process: there is nothing to await.
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        stop.send_replace(true);
        next(&mut terminate, &mut interrupt).await;
        tracing::warn!("ended by a second signal");
        process::exit(ENDED);
    });
    Ok(stopping)
}

/// Waits until the process is asked to stop.
pub(crate) async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender lives in a task that never ends before the process does.
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    // Both arms are cancel safe: a signal that was not taken is not lost.
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
