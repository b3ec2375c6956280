//! The threads that work on one database, and the queues to them.
//!
//! The writer takes what waits, does it in one transaction, each piece in a savepoint of its own, and answers after
//! COMMIT: many writes share one sync of the disk. Where a transaction is lost as a whole, each piece is done again
//! alone. Law: whatever is answered as failed was rolled back; where that cannot be known the answer is unknown.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::{timeout, timeout_at};

use super::file::OpenedFile;
use super::refusal::Refusal;

/// Most calls that wait for one database's writer or readers: some seconds of work; more are told to come back.
const QUEUE_MAX: usize = 1_024;
/// Most writes that share a transaction: enough to hide the sync, few enough that none waits long for the others.
const BATCH_MAX: usize = 64;
/// Longest wait for somebody else's lock: while the writer waits, nobody's write goes on.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long after its deadline a call that has begun is still waited for: its statement is interrupted at the
/// deadline, and what follows is a rollback or a sync of the disk.
const GRACE: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS_PER_LOOK: i32 = 1_000;

/// What a worker is asked to do; it may be done again after a rollback.
pub(crate) type Work = Box<dyn FnMut(&Connection) -> Result<Value, Refusal> + Send>;

type Answer = Result<Value, Refusal>;

struct Job {
    deadline: Instant,
    /// Set by whoever comes first: the worker that begins it, or the caller that gives it up.
    claimed: Arc<AtomicBool>,
    work: Work,
    reply: oneshot::Sender<Answer>,
}

/// Threads that share a queue.
#[derive(Debug)]
pub(super) struct Pool {
    /// `None` only while it is being dropped.
    sender: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// One thread that writes through a connection.
    pub(super) fn writer(
        name: &str,
        connection: Connection,
        file: &Arc<OpenedFile>,
    ) -> std::io::Result<Self> {
        let (sender, jobs) = sync_channel(QUEUE_MAX);
        let mut worker = Worker::new(connection, Arc::clone(file));
        let thread = std::thread::Builder::new().name(format!("write {name}"));
        Ok(Self {
            sender: Some(sender),
            threads: vec![thread.spawn(move || worker.write_all(&jobs))?],
        })
    }

    /// One thread that reads for each connection.
    pub(super) fn readers(
        name: &str,
        connections: Vec<Connection>,
        file: &Arc<OpenedFile>,
    ) -> std::io::Result<Self> {
        let (sender, jobs) = sync_channel(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = connections.into_iter().map(|connection| {
            let mut worker = Worker::new(connection, Arc::clone(file));
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name(format!("read {name}"));
            thread.spawn(move || worker.read_all(&jobs))
        });
        Ok(Self {
            sender: Some(sender),
            threads: threads.collect::<Result<_, _>>()?,
        })
    }

    /// Has something done before a deadline.
    pub(super) async fn ask(&self, deadline: Instant, work: Work) -> Answer {
        let claimed = Arc::new(AtomicBool::new(false));
        let (reply, mut answer) = oneshot::channel();
        let job = Job {
            deadline,
            claimed: Arc::clone(&claimed),
            work,
            reply,
        };
        let sent = self.sender.as_ref().map(|sender| sender.try_send(job));
        match sent {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => {
                return Err(Refusal::transient(
                    "database.busy",
                    "too many calls wait for the database",
                ));
            }
            Some(Err(TrySendError::Disconnected(_))) | None => {
                return Err(Refusal::transient(
                    "database.closed",
                    "the database is closed",
                ));
            }
        }
        let lost = || {
            Refusal::unknown(
                "database.lost",
                "the database's thread ended without an answer",
            )
        };
        if let Ok(answer) = timeout_at(deadline.into(), &mut answer).await {
            return answer.unwrap_or_else(|_| Err(lost()));
        }
        if !claimed.swap(true, Ordering::AcqRel) {
            return Err(never_began());
        }
        match timeout(GRACE, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(lost())),
            Err(_) => Err(Refusal::unknown(
                "database.timeout",
                "the database did not answer in time",
            )),
        }
    }
}

/// Ends the threads once the queue is empty, so that every connection is closed properly.
impl Drop for Pool {
    fn drop(&mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a database thread panicked");
            }
        }
    }
}

struct Worker {
    connection: Connection,
    file: Arc<OpenedFile>,
    clock: Clock,
}

/// The moment at which the running statement is interrupted.
struct Clock {
    start: Instant,
    /// Milliseconds after `start`.
    limit: Arc<AtomicU64>,
}

impl Clock {
    fn set(&self, deadline: Instant) {
        let millis = deadline.saturating_duration_since(self.start).as_millis();
        self.limit
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn clear(&self) {
        self.limit.store(u64::MAX, Ordering::Release);
    }
}

/// Why a transaction as a whole was not committed.
enum Lost {
    /// It was rolled back, for a reason that holds for everything in it.
    Together(Refusal),
    /// It was rolled back because of one of its pieces.
    ByOne(Refusal),
    /// Whether it was committed cannot be known.
    Unknown(String),
}

impl Worker {
    fn new(mut connection: Connection, file: Arc<OpenedFile>) -> Self {
        let clock = Clock {
            start: Instant::now(),
            limit: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let (start, limit) = (clock.start, Arc::clone(&clock.limit));
        let late = move || {
            let limit = limit.load(Ordering::Acquire);
            limit != u64::MAX && start.elapsed().as_millis() >= limit.into()
        };
        if let Err(error) = connection.progress_handler(STEPS_PER_LOOK, Some(late)) {
            tracing::error!(%error, "statements of a database cannot be interrupted");
        }
        Self {
            connection,
            file,
            clock,
        }
    }

    fn read_all(&mut self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            let Some(mut job) = begin(job) else { continue };
            self.wait_for_locks(job.deadline);
            self.clock.set(job.deadline);
            let answer = match self.file.check() {
                Ok(()) => (job.work)(&self.connection),
                Err(refusal) => Err(refusal),
            };
            self.clock.clear();
            send(job.reply, answer);
        }
    }

    fn write_all(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let waiting = jobs.try_iter().take(BATCH_MAX - 1);
            let mut batch = std::iter::once(first)
                .chain(waiting)
                .filter_map(begin)
                .collect::<Vec<_>>();
            let answers = match self.write(&mut batch) {
                Ok(answers) => answers,
                Err(Lost::ByOne(_)) if batch.len() > 1 => {
                    batch.iter_mut().map(|job| self.write_alone(job)).collect()
                }
                Err(lost) => batch.iter().map(|_| Err(lost.refusal())).collect(),
            };
            batch
                .into_iter()
                .zip(answers)
                .for_each(|(job, answer)| send(job.reply, answer));
        }
    }

    fn write_alone(&mut self, job: &mut Job) -> Answer {
        if job.deadline <= Instant::now() {
            return Err(timed_out());
        }
        match self.write(std::slice::from_mut(job)) {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(never_began())),
            Err(lost) => Err(lost.refusal()),
        }
    }

    /// Does each job in one transaction, all before the first of their deadlines.
    fn write(&mut self, batch: &mut [Job]) -> Result<Vec<Answer>, Lost> {
        let Some(deadline) = batch.iter().map(|job| job.deadline).min() else {
            return Ok(Vec::new());
        };
        self.file.check().map_err(Lost::Together)?;
        self.wait_for_locks(deadline);
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(|error| Lost::Together(error.into()))?;
        self.clock.set(deadline);
        let answers = batch
            .iter_mut()
            .map(|job| in_savepoint(&self.connection, &mut job.work))
            .collect();
        self.clock.clear();
        match answers {
            Ok(answers) => self.commit().map(|()| answers),
            Err(refusal) => {
                self.roll_back();
                Err(Lost::ByOne(refusal))
            }
        }
    }

    fn commit(&self) -> Result<(), Lost> {
        // Once more, since a transaction may take long.
        if let Err(replaced) = self.file.check() {
            self.roll_back();
            return Err(Lost::Together(replaced));
        }
        let Err(error) = self.connection.execute_batch("COMMIT") else {
            return Ok(());
        };
        self.roll_back();
        // Only these two are found before anything is written for good.
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Err(Lost::Together(error.into()))
            }
            Some(ErrorCode::ConstraintViolation) => Err(Lost::ByOne(error.into())),
            _ => Err(Lost::Unknown(error.to_string())),
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a database could not roll back; its next write will fail");
        }
    }

    fn wait_for_locks(&self, deadline: Instant) {
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .min(LOCK_WAIT_MAX);
        if let Err(error) = self.connection.busy_timeout(wait) {
            tracing::warn!(%error, "a database does not wait for locks");
        }
    }
}

impl Lost {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Together(refusal) | Self::ByOne(refusal) => refusal.clone(),
            Self::Unknown(error) => Refusal::unknown(
                "database.commit",
                format!("the database could not say whether it kept the change: {error}"),
            ),
        }
    }
}

/// Takes a job off the queue, unless its caller gave it up or its time is over.
fn begin(job: Job) -> Option<Job> {
    if job.claimed.swap(true, Ordering::AcqRel) || job.reply.is_closed() {
        return None;
    }
    if job.deadline <= Instant::now() {
        send(job.reply, Err(never_began()));
        return None;
    }
    Some(job)
}

/// Does one piece of a transaction and takes it back where it failed.
///
/// The outer error means that the transaction is lost, which SQLite does of itself after an interrupt, a full disk or a
/// trigger's `RAISE(ROLLBACK)`.
fn in_savepoint(connection: &Connection, work: &mut Work) -> Result<Answer, Refusal> {
    connection.execute_batch("SAVEPOINT effect")?;
    let answer = work(connection);
    if connection.is_autocommit() {
        return Err(answer
            .err()
            .unwrap_or_else(|| Refusal::transient("database.lost", "the transaction was lost")));
    }
    connection.execute_batch(if answer.is_ok() {
        "RELEASE effect"
    } else {
        "ROLLBACK TO effect; RELEASE effect"
    })?;
    Ok(answer)
}

/// A caller that is gone needs no answer.
fn send(reply: oneshot::Sender<Answer>, answer: Answer) {
    drop(reply.send(answer));
}

fn never_began() -> Refusal {
    Refusal::transient(
        "database.busy",
        "the call's time was over before the database came to it",
    )
}

fn timed_out() -> Refusal {
    Refusal::transient(
        "database.timeout",
        "the database did not finish in time; nothing was changed",
    )
}
