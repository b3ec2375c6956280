//! The readers: a few connections that only read, each used by one blocking thread at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::shared::Shared;
use crate::sqlite::connection;

/// Reads at once: more would only take the processors from the writer.
const READERS_MAX: usize = 4;

/// What a read reads with; everything it sees is of one moment.
pub(crate) struct Reading<'a> {
    /// The connection, inside a read transaction.
    pub(crate) conn: &'a Connection,
    /// What readers and writer share.
    pub(crate) shared: &'a Shared,
}

/// The pool of connections.
pub(crate) struct Readers {
    path: PathBuf,
    shared: Arc<Shared>,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    /// Makes a pool that opens its connections as they are needed.
    pub(crate) fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        Self {
            path,
            shared,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(READERS_MAX),
        }
    }

    /// Reads with one of the connections, on a blocking thread.
    ///
    /// # Cancel safety
    /// A read that nobody waits for any more is finished and its answer dropped.
    pub(crate) async fn run<T, R>(self: &Arc<Self>, read: R) -> Result<T, Error>
    where
        T: Send + 'static,
        R: FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    {
        let permit = self.permits.acquire().await.map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || readers.read(read)).await;
        drop(permit);
        done.map_err(|error| match error.is_panic() {
            true => Error::Lost("a read failed in a way it never should".to_owned()),
            false => Error::Closed,
        })?
    }

    fn read<T>(&self, read: impl FnOnce(&Reading<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let conn = match idle {
            Some(conn) => conn,
            None => connection::open_reader(&self.path)?,
        };
        let answer = in_transaction(&conn, &self.shared, read);
        // A connection that did not leave its transaction is not used again.
        if conn.is_autocommit() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(conn);
        }
        answer
    }
}

fn in_transaction<T>(
    conn: &Connection,
    shared: &Shared,
    read: impl FnOnce(&Reading<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let answer = read(&Reading { conn, shared });
    conn.prepare_cached("COMMIT")?.execute([])?;
    answer
}
