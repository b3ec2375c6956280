//! Sends what the store's outbox holds: approval asked, step in doubt, goal stuck, goal ended.
//!
//! A notice leaves the outbox when it was delivered, when no attempt can help, or after its last attempt; a repeat carries
//! the same key. At most a few deliveries run at once; nothing else waits for them.

use std::time::Duration;

use agent::notify::{Notice, Notifier};
use agent::{Failure, Stage};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{DueNotice, Store};
use tokio::sync::watch;

use super::signals;

/// Notices read at once.
const BATCH: u32 = 64;
/// Deliveries at once: enough to hide a slow receiver, too few to flood it.
const AT_ONCE: usize = 8;
/// Attempts of one notice: with the backoff below, for about eleven hours.
const ATTEMPTS_MAX: u32 = 24;
/// First pause before another attempt, doubled each time.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause before another attempt.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Pause after the outbox could not be read or written.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);
/// Pause while another process of the store sends.
const ELSEWHERE_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait without looking: clocks may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Sends notices until the process stops.
pub(crate) async fn run(store: Store, notifier: Notifier, stopping: watch::Receiver<bool>) {
    // Dropping a delivery is as a crash: the notice stays in the outbox and is sent again under its key.
    tokio::select! {
        () = send(&store, &notifier) => {}
        () = signals::stopped(stopping) => {}
    }
}

async fn send(store: &Store, notifier: &Notifier) {
    let mut written = store.watch_notices();
    loop {
        written.mark_unchanged();
        if !store.is_driving() {
            // Whoever drives sends.
            tokio::time::sleep(ELSEWHERE_PAUSE).await;
            continue;
        }
        let pause = match round(store, notifier).await {
            Ok(Some(pause)) => pause,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(%error, "the outbox of notices cannot be worked on");
                TROUBLE_PAUSE
            }
        };
        // Both arms are cancel safe; the sender lives as long as the store.
        tokio::select! {
            changed = written.changed() => drop(changed),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sends what is due; returns how long nothing more will be, `None`: look again at once.
async fn round(store: &Store, notifier: &Notifier) -> Result<Option<Duration>, store::Error> {
    let due = store.due_notices(Timestamp::now(), BATCH).await?;
    if due.is_empty() {
        let next = store.next_notice().await?;
        let wait = next.map(|at| {
            Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
        });
        return Ok(Some(wait.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)));
    }
    let deliveries = due.into_iter().map(|due| deliver(store, notifier, due));
    let mut deliveries = futures_util::stream::iter(deliveries).buffer_unordered(AT_ONCE);
    while let Some(delivered) = deliveries.next().await {
        delivered?;
    }
    Ok(None)
}

async fn deliver(store: &Store, notifier: &Notifier, due: DueNotice) -> Result<(), store::Error> {
    let delivered = if notifier.is_silent() {
        Ok(())
    } else {
        notifier.deliver(&notice(store, &due)).await
    };
    let Err(Failure { stage, error }) = delivered else {
        return store.notice_done(&due.tenant, due.id).await;
    };
    let (code, kind, id) = (&error.code, &due.notice.kind, due.id);
    if stage == Stage::Refused || due.attempts + 1 >= ATTEMPTS_MAX {
        tracing::error!(
            code,
            kind,
            id,
            "nobody could be told; the notice is given up"
        );
        return store.notice_done(&due.tenant, due.id).await;
    }
    let pause = PAUSE_MIN
        .saturating_mul(1 << due.attempts.min(16))
        .min(PAUSE_MAX);
    tracing::warn!(
        code,
        kind,
        id,
        seconds = pause.as_secs(),
        "a notice could not be delivered; tried again later"
    );
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    let later = Timestamp::now()
        .saturating_add(pause)
        .unwrap_or(Timestamp::MAX);
    store.notice_later(&due.tenant, due.id, later).await
}

fn notice(store: &Store, due: &DueNotice) -> Notice {
    let text = |name: &str| {
        due.notice
            .data
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let goal = text("workflowId");
    let subject = match due.notice.kind.as_str() {
        "approval.asked" => format!("{goal}: step {} waits for a person", text("step")),
        "step.in_doubt" => format!("{goal}: step {} is in doubt", text("step")),
        "goal.stuck" => format!("{goal} is stuck"),
        "goal.ended" => format!("{goal} has ended: {}", text("status")),
        other => format!("{goal}: {other}"),
    };
    let mut payload = due.notice.data.clone();
    if let Value::Object(payload) = &mut payload {
        payload.insert("type".to_owned(), json!(due.notice.kind));
        payload.insert("tenant".to_owned(), json!(due.tenant.as_str()));
        payload.insert("at".to_owned(), json!(due.at));
    }
    Notice {
        // A restored store gives the numbers again that it gave after its backup.
        key: format!(
            "notice-{}-{}-{}",
            store.installation(),
            store.epoch(),
            due.id
        ),
        subject,
        payload,
    }
}
