//! The writer: one thread owns the connection that writes, and commits in groups.
//!
//! Requests come by a bounded channel. The thread takes what is queued, runs each in a savepoint of its own, commits once
//! and only then answers and lets the world see anything; there is no waiting window. A request that fails is rolled
//! back to its savepoint alone. After a failed COMMIT nobody knows what the disk holds: the process ends.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::copier::Copier;
use super::space::Space;
use super::state::{Staged, State};
use crate::ending::end_process;
use crate::error::{Error, Failure, again};
use crate::fault;
use crate::lock::Lock;
use crate::shared::Shared;

/// Requests that may wait for the thread; senders past it wait for room.
const QUEUE_MAX: usize = 4_096;
/// Requests in one commit: past some hundreds a larger group saves nothing and only makes the first wait.
const GROUP_MAX: usize = 512;
/// How long the thread looks for a next request before it sleeps.
const ATTENTION: Duration = Duration::from_micros(200);
/// How long a sabotaged writer lets answers stand uncommitted: long enough for a kill to fall into.
const SABOTAGE_DELAY: Duration = Duration::from_millis(50);

/// What a request writes with.
pub(crate) struct Writing<'a> {
    /// The connection, inside the request's savepoint.
    pub(crate) conn: &'a Connection,
    /// What the writer remembers, with this request's changes to it.
    pub(crate) staged: Staged<'a>,
    /// What readers and writer share.
    pub(crate) shared: &'a Shared,
    /// The time of this group.
    pub(crate) now: Timestamp,
    /// Whether free space has fallen below the reserve.
    pub(crate) space_is_low: bool,
}

/// Something to be done by the writer.
trait Request: Send {
    /// Does it; `false`: it failed, and nothing of it may stay.
    fn run(&mut self, writing: &mut Writing<'_>) -> bool;
    /// Answers; `lost`: the whole group was rolled back.
    fn answer(self: Box<Self>, lost: Option<Error>);
}

/// The handle of the writer's thread; dropping it ends the thread after what is queued.
pub(crate) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is started with.
pub(crate) struct Start {
    pub(crate) copier: Copier,
    pub(crate) conn: Connection,
    pub(crate) state: State,
    pub(crate) shared: Arc<Shared>,
    pub(crate) space: Space,
    pub(crate) _lock: Lock,
    pub(crate) sabotage: bool,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let (requests, queue) = mpsc::channel(QUEUE_MAX);
        let spawned = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let _whole = EndsWithPanic;
                start.run(queue);
            });
        let thread = spawned.map_err(Error::file("start", "the writer's thread"))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Runs some work in the writer's next group.
    ///
    /// # Cancel safety
    /// Once the request is queued it is done, whether or not anybody waits for the answer.
    pub(crate) async fn run<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        let (request, answer) = Work::new(work);
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        requests.send(request).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// The same on a thread that may block.
    pub(crate) fn run_blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        let (request, answer) = Work::new(work);
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        requests.blocking_send(request).map_err(|_| Error::Closed)?;
        answer.blocking_recv().map_err(|_| Error::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests.take();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has ended the process.
            drop(thread.join());
        }
    }
}

/// Ends the process where the writer's thread panics: a server that takes goals and cannot write them is worse than none.
struct EndsWithPanic;

impl Drop for EndsWithPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the store's writer failed in a way it never should, so the process ends");
            std::process::abort();
        }
    }
}

struct Work<W, T, E> {
    work: Option<W>,
    result: Option<Result<T, E>>,
    sender: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Work<W, T, E> {
    fn new(work: W) -> (Box<Self>, oneshot::Receiver<Result<T, E>>) {
        let (sender, answer) = oneshot::channel();
        let request = Box::new(Self {
            work: Some(work),
            result: None,
            sender,
        });
        (request, answer)
    }
}

impl<W, T, E> Request for Work<W, T, E>
where
    T: Send,
    E: Failure,
    W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, writing: &mut Writing<'_>) -> bool {
        self.result = self.work.take().map(|work| work(writing));
        if let Some(Err(failure)) = &self.result
            && let Some(error) = failure.of_store().filter(|error| is_io(error))
        {
            end_process(error);
        }
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, lost: Option<Error>) {
        // A failed request stays failed, also where the group was lost.
        let result = match (self.result, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(error.into()),
            (Some(Ok(answer)), None) => Ok(answer),
            (None, None) => Err(Error::Closed.into()),
        };
        // Whoever asked may have gone; the work is done all the same.
        drop(self.sender.send(result));
    }
}

impl Start {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Request>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while take(&mut queue, &mut group) {
            if self.sabotage {
                self.sabotaged(&mut group);
                continue;
            }
            let lost = self.write(&mut group).err();
            match lost {
                None => {
                    self.state.publish(&self.shared);
                    fault::hit("committed");
                    group.drain(..).for_each(|request| request.answer(None));
                    self.copier.committed(&self.conn);
                }
                Some(error) => self.lose(&mut group, &error),
            }
        }
    }

    /// Runs and commits one group.
    fn write(&mut self, group: &mut [Box<dyn Request>]) -> Result<(), Error> {
        let requests = group.len();
        fault::hit("begin");
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let (now, space_is_low) = (Timestamp::now(), self.space.is_low());
        for request in group {
            self.conn.prepare_cached("SAVEPOINT request")?.execute([])?;
            let (conn, shared) = (&self.conn, &*self.shared);
            let staged = self.state.stage();
            let mut writing = Writing {
                conn,
                staged,
                shared,
                now,
                space_is_low,
            };
            if request.run(&mut writing) {
                let changes = writing.staged.finish();
                self.state.merge(changes);
            } else if self.conn.is_autocommit() {
                // SQLite gave up the whole transaction: for want of space, or for something worse.
                return Err(if self.space.is_low_now() {
                    Error::NoSpace
                } else {
                    Error::GivenUp
                });
            } else {
                self.conn
                    .prepare_cached("ROLLBACK TO request")?
                    .execute([])?;
            }
            self.conn.prepare_cached("RELEASE request")?.execute([])?;
        }
        self.state.write_heads(&self.conn)?;
        fault::hit("commit");
        let start = Instant::now();
        match self
            .conn
            .prepare_cached("COMMIT")?
            .execute([])
            .map_err(Error::from)
        {
            Ok(_) => {
                self.shared.counters.count(requests, start.elapsed());
                Ok(())
            }
            Err(Error::NoSpace) => Err(Error::NoSpace),
            Err(error) => end_process(&error),
        }
    }

    /// Gives up a group: nothing of it was kept, and everybody is told.
    fn lose(&mut self, group: &mut Vec<Box<dyn Request>>, error: &Error) {
        if is_io(error) {
            end_process(error);
        }
        let rolled_back = self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok();
        let state = if rolled_back {
            State::read(&self.conn)
        } else {
            Err(Error::Closed)
        };
        match state {
            Ok(state) => self.state = state,
            Err(error) => end_process(&error),
        }
        for request in group.drain(..) {
            request.answer(Some(again(error)));
        }
    }

    /// Answers first and commits later: what `prove crash --sabotage journal` has to notice.
    fn sabotaged(&mut self, group: &mut Vec<Box<dyn Request>>) {
        let mut waiting = std::mem::take(group);
        if let Err(error) = self.write_late(&mut waiting) {
            self.lose(&mut waiting, &error);
        }
    }

    fn write_late(&mut self, group: &mut Vec<Box<dyn Request>>) -> Result<(), Error> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let now = Timestamp::now();
        for mut request in group.drain(..) {
            self.conn.execute_batch("SAVEPOINT request")?;
            let staged = self.state.stage();
            let mut writing = Writing {
                conn: &self.conn,
                staged,
                shared: &self.shared,
                now,
                space_is_low: false,
            };
            if request.run(&mut writing) {
                let changes = writing.staged.finish();
                self.state.merge(changes);
            } else {
                self.conn.execute_batch("ROLLBACK TO request")?;
            }
            self.conn.execute_batch("RELEASE request")?;
            request.answer(None);
        }
        self.state.write_heads(&self.conn)?;
        std::thread::sleep(SABOTAGE_DELAY);
        fault::hit("sabotage");
        self.conn.execute_batch("COMMIT")?;
        self.state.publish(&self.shared);
        Ok(())
    }
}

/// Takes what is queued, or waits for something; `false`: nothing comes any more.
///
/// Whoever was just answered often comes back at once with the next step of a goal, and waking a thread that sleeps costs
/// as much as writing the step: so the thread looks for a while before it sleeps, and lets everybody else run meanwhile.
fn take(queue: &mut mpsc::Receiver<Box<dyn Request>>, group: &mut Vec<Box<dyn Request>>) -> bool {
    let begun = Instant::now();
    while queue.is_empty() && begun.elapsed() < ATTENTION {
        std::thread::yield_now();
    }
    queue.blocking_recv_many(group, GROUP_MAX) > 0
}

fn is_io(error: &Error) -> bool {
    matches!(error, Error::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure))
}

#[cfg(test)]
mod tests;
