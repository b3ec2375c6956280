//! Servers that end with the process that started them, however that ends: a demo or a proof that is killed leaves nothing.
//!
//! Such a server's standard input is a pipe whose other end its parent alone has, so that the kernel closes it with the
//! parent. Law: a folder is removed only where it holds the marker, which only the demo and proofs write.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// The file that says that a folder is thrown away with the process that made it.
const MARKER: &str = "throw-away";
/// Removes a folder to which others may still write for a moment, who then do the same.
const REMOVE: &str =
    r#"for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.1; done"#;

/// What a server hangs on.
#[derive(Debug)]
pub(crate) struct Lifeline {
    is_cut: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Says that a folder is thrown away.
///
/// # Errors
/// It cannot be written to.
pub(crate) fn mark(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(MARKER), "")
}

/// Has a server end with this process and remove the folder then. It lives as long as its standard input is held: that is
/// to be taken from it and dropped after it, since whoever waits for a child closes what is left of its input.
pub(crate) fn tie(server: &mut Command, folder: &Path) {
    server.arg("--throw-away").arg(folder).stdin(Stdio::piped());
}

/// Ends this process when its standard input ends, and removes the folder. Nobody needs what is in flight then.
///
/// # Errors
/// The folder is not one that is thrown away.
pub(crate) fn watch(folder: PathBuf) -> Result<Lifeline> {
    if !folder.join(MARKER).is_file() {
        bail!(
            "--throw-away is for the demo and proofs only: {} is not theirs",
            folder.display()
        );
    }
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let wait = move || {
        // What cannot be read has ended too.
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        cut.store(true, Ordering::SeqCst);
        become_removal(&folder);
    };
    let thread = std::thread::Builder::new().name("lifeline".to_owned());
    let thread = thread.spawn(wait).context("no thread for the lifeline")?;
    Ok(Lifeline { is_cut, thread })
}

impl Lifeline {
    /// Lets the process end as it was going to, or with its parent where that has ended; `closed`: another of its pipes was
    /// closed, so that the parent has ended or is about to.
    pub(crate) fn end(self, closed: bool) {
        if closed || self.is_cut.load(Ordering::SeqCst) {
            drop(self.thread.join());
        }
    }
}

/// Puts the removal in this process's place: with it all threads are gone that could write to the folder meanwhile.
fn become_removal(folder: &Path) {
    let mut removal = std::process::Command::new("sh");
    let error = removal.args(["-c", REMOVE, "sh"]).arg(folder).exec();
    eprintln!("{} is left behind: {error}", folder.display());
    std::process::exit(1);
}
