//! Copies the write-ahead log into the database (SQLite calls it a checkpoint), beside the writer.
//!
//! Left to itself, SQLite does it inside a COMMIT, which then takes tens of milliseconds, and passes over an error of
//! the disk. Here a second thread copies nearly all of it while commits go on; the writer copies the few pages that
//! came meanwhile, and the log begins anew. An error of the disk ends the process, as in a COMMIT.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::ending::end_process;
use crate::error::Error;
use crate::fault;

/// Pages in the log before it is copied: 16 MiB, past which a longer log saved nothing more.
pub(crate) const LOG_PAGES: u32 = 4_096;

/// The writer's side.
pub(crate) struct Copier {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    /// Pages from which on the log is to be copied.
    due: u32,
    step: u32,
    /// Whether the thread was asked and the writer has not finished it yet.
    asked: bool,
    nearly_done: Arc<AtomicBool>,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Copier {
    /// Starts the thread on a connection of its own, and counts the pages of the writer's commits.
    pub(crate) fn start(
        writer: &mut Connection,
        own: Connection,
        log_pages: u32,
    ) -> Result<Self, Error> {
        let pages = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, count: i32| {
            counted.store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let nearly_done = Arc::new(AtomicBool::new(false));
        let (ask, asked) = sync_channel(1);
        let done = Arc::clone(&nearly_done);
        let spawned = std::thread::Builder::new()
            .name("store-copier".to_owned())
            .spawn(move || serve(&own, &asked, &done));
        let thread = spawned.map_err(Error::file("start", "the copier's thread"))?;
        Ok(Self {
            pages,
            due: log_pages,
            step: log_pages,
            asked: false,
            nearly_done,
            ask: Some(ask),
            thread: Some(thread),
        })
    }

    /// Does what is due after a commit.
    pub(crate) fn committed(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if self.asked {
            if self.nearly_done.swap(false, Ordering::Acquire) {
                copy(writer);
                self.asked = false;
                // Where somebody still reads from the log it cannot begin anew; then later.
                self.due = pages.saturating_add(self.step / 4);
            }
        } else if pages < self.step {
            self.due = self.step;
        } else if pages >= self.due
            && let Some(ask) = &self.ask
        {
            self.asked = ask.try_send(()).is_ok();
        }
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.ask.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so; there is nothing to add.
            drop(thread.join());
        }
    }
}

fn serve(own: &Connection, asked: &Receiver<()>, nearly_done: &AtomicBool) {
    while asked.recv().is_ok() {
        fault::hit("copy");
        // The second time copies what came during the first, so that little is left for the writer.
        copy(own);
        copy(own);
        fault::hit("copied");
        nearly_done.store(true, Ordering::Release);
    }
}

/// Copies what can be copied without anybody waiting.
fn copy(conn: &Connection) {
    let copied = conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)");
    let copied = copied
        .and_then(|mut copy| copy.query_row([], |_| Ok(())))
        .map_err(Error::from);
    match copied {
        // Too little space is nothing new to the writer: it is tried again.
        Ok(()) | Err(Error::NoSpace) => {}
        Err(error) => end_process(&error),
    }
}
