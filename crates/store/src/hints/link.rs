//! The one task that has the connection: it dials, says what is queued and hears what others say, until the store is gone.
//!
//! While there is no connection it throws away what is queued. Whoever was away, or had to drop something, tells the
//! others to look at everything, and does so itself: nobody knows what was not said.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, Msg, PushInfo};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::frame::Bounded;
use super::heard::Heard;
use super::message::Hint;
use super::server::Server;
use super::state::HintState;
use crate::figures::Counters;

/// How long Redis may take for one command: a hint that comes later than the poll looks is worth nothing.
const DEADLINE: Duration = Duration::from_millis(100);
/// How long it may take to connect, names, encryption and greeting included. Nobody waits for it.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connection that has nothing to say is tried.
const PING_EVERY: Duration = Duration::from_secs(5);
/// First pause before it is dialled again, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause before it is dialled again.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A connection that lived so long is dialled again after the first pause.
const STEADY: Duration = Duration::from_secs(10);
/// Characters of an answer that are told.
const REASON_MAX: usize = 200;
/// Hints that are said together.
const BATCH: usize = 64;

/// What the task works with.
pub(super) struct Link {
    pub(super) server: Server,
    /// The channel of the installation.
    pub(super) channel: String,
    /// Who speaks.
    pub(super) by: Arc<str>,
    pub(super) queue: mpsc::Receiver<Hint>,
    /// Whether something was dropped for want of room.
    pub(super) missed: Arc<AtomicBool>,
    pub(super) heard: Arc<Heard>,
    pub(super) state: watch::Sender<HintState>,
    pub(super) counters: Arc<Counters>,
}

/// Why there is no connection any more.
enum End {
    /// The store is gone.
    Store,
    /// Redis is, or was never there.
    Lost(String),
}

impl From<redis::RedisError> for End {
    fn from(error: redis::RedisError) -> Self {
        Self::Lost(reason(&error))
    }
}

/// What an error says, which may quote whatever was answered.
fn reason(error: &redis::RedisError) -> String {
    let said = error.to_string();
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(REASON_MAX).collect()
}

/// What an error of the greeting says. A server may answer with what it was sent, and that names user and password: of its
/// own words only the code is told.
fn refusal(error: &redis::RedisError) -> String {
    if matches!(error.kind(), ErrorKind::Io | ErrorKind::RESP3NotSupported) {
        return reason(error);
    }
    let code = error.code().unwrap_or_default();
    let is_code = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    match !code.is_empty() && code.chars().all(is_code) {
        true => format!("it refused the greeting (HELLO): {code}"),
        false => format!("it did not greet (HELLO): {}", error.category()),
    }
}

impl Link {
    /// Runs until the store is gone.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let dialled = Instant::now();
            let End::Lost(reason) = self.live().await else {
                return;
            };
            self.state.send_if_modified(|state| state.lose(reason));
            if dialled.elapsed() > STEADY {
                pause = PAUSE_MIN;
            }
            // Both arms lose nothing but hints that nobody could be told.
            tokio::select! {
                () = drop_all(&mut self.queue, &self.counters) => return,
                () = sleep(pause) => {}
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// One connection, from the first try to its end.
    async fn live(&mut self) -> End {
        let heard = hearing(Arc::clone(&self.heard), &self.by, &self.counters);
        let dialled = tokio::select! {
            () = drop_all(&mut self.queue, &self.counters) => return End::Store,
            dialled = dial(&self.server, heard) => dialled,
        };
        let (conn, driver) = match dialled {
            Ok(dialled) => dialled,
            Err(reason) => return End::Lost(reason),
        };
        // Whichever ends first ends the connection. What carries it comes first: an answer that is there is taken in before
        // anybody is found to have waited for it too long, such as after this process stood still.
        tokio::select! {
            biased;
            why = driver => End::Lost(why.to_owned()),
            end = self.talk(conn) => match end {
                Ok(()) => End::Store,
                Err(end) => end,
            }
        }
    }

    /// Says what there is to say until the store is gone.
    async fn talk(&mut self, mut conn: MultiplexedConnection) -> Result<(), End> {
        conn.subscribe(&self.channel).await?;
        self.heard.hear(Hint::everything());
        self.say(&mut conn, vec![Hint::everything()]).await?;
        self.state.send_replace(HintState::Live);
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            // Both arms are cancel safe.
            tokio::select! {
                count = self.queue.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return Ok(());
                    }
                    if self.missed.swap(false, Ordering::Relaxed) {
                        batch.push(Hint::everything());
                    }
                    self.say(&mut conn, std::mem::take(&mut batch)).await?;
                }
                _ = pings.tick() => redis::cmd("PING").exec_async(&mut conn).await?,
            }
        }
    }

    async fn say(&self, conn: &mut MultiplexedConnection, hints: Vec<Hint>) -> Result<(), End> {
        let count = hints.len();
        let mut publish = redis::pipe();
        for hint in hints {
            let message = hint.encode(&self.by);
            let command = publish.cmd("PUBLISH").arg(&self.channel).arg(message);
            command.ignore();
        }
        let said = publish.exec_async(conn).await;
        match said {
            Ok(()) => self.counters.hints_sent(count),
            Err(_) => self.counters.hints_dropped(count),
        }
        Ok(said?)
    }
}

/// Drops what is queued until the store is gone.
async fn drop_all(queue: &mut mpsc::Receiver<Hint>, counters: &Counters) {
    while queue.recv().await.is_some() {
        counters.hints_dropped(1);
    }
}

/// What takes in the messages of others. Never waits: it runs where the connection is read.
fn hearing(
    heard: Arc<Heard>,
    by: &Arc<str>,
    counters: &Arc<Counters>,
) -> impl Fn(PushInfo) -> Result<(), Infallible> + Send + Sync + 'static {
    let (by, counters) = (Arc::clone(by), Arc::clone(counters));
    move |push| {
        let hint =
            Msg::from_push_info(push).and_then(|message| Hint::decode(message.get_payload_bytes()));
        if let Some(hint) = hint
            && *hint.by != *by
        {
            counters.hint_heard();
            heard.hear(hint);
        }
        Ok(())
    }
}

/// Connects and greets once; on failure says why.
pub(super) async fn reach(server: &Server) -> Result<(), String> {
    let (mut conn, driver) = dial(server, |_| Ok(())).await?;
    let ping = async { redis::cmd("PING").exec_async(&mut conn).await };
    // Whichever ends first ends the connection.
    tokio::select! {
        biased;
        why = driver => Err(why.to_owned()),
        pinged = ping => pinged.map_err(|error| reason(&error)),
    }
}

/// Connects and greets, or says why not; the future beside the connection carries it, and ends with it, saying why.
async fn dial(
    server: &Server,
    heard: impl Fn(PushInfo) -> Result<(), Infallible> + Send + Sync + 'static,
) -> Result<(MultiplexedConnection, BoxFuture<'static, &'static str>), String> {
    let overlong = Arc::<AtomicBool>::default();
    let dialling = async {
        let stream = server.connect().await.map_err(|error| error.to_string())?;
        let stream = Bounded::new(stream, Arc::clone(&overlong));
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(DEADLINE))
            .set_push_sender(heard);
        let dialled = MultiplexedConnection::new_with_config(&server.user, stream, config);
        dialled.await.map_err(|error| refusal(&error))
    };
    match timeout(DIAL_TIMEOUT, dialling).await {
        Ok(dialled) => dialled.map(|(conn, driver)| {
            let why = move |()| match overlong.load(Ordering::Relaxed) {
                true => "it sent more at once than any message has",
                false => "the connection was closed",
            };
            (conn, driver.map(why).boxed())
        }),
        Err(_) => Err(format!("no answer within {} s", DIAL_TIMEOUT.as_secs())),
    }
}

#[cfg(test)]
mod tests;
