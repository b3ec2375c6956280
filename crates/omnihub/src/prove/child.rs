//! The server under proof: a child process of this very binary, that is killed where it stands.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child as Process, ChildStdin, ChildStdout};

use super::ground::Ground;
use super::sabotage::Sabotage;
use crate::demo::server::command;
use crate::lifeline;

/// Longest wait for the line that says where it listens: recovery of a hundred thousand goals, and some.
const READY_MAX: Duration = Duration::from_secs(60);
/// Longest wait for its end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(30);
/// What begins the address in the line that says where it listens.
const LISTENING: &str = "listening on ";
/// Lines of its log that are shown when it fails.
const LOG_LINES: usize = 8;

/// A server; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    /// Dropped after the process, which is killed before it could see its input end.
    _lifeline: Option<ChildStdin>,
    /// Held open: a server that speaks to a closed pipe is another test.
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    is_ready: bool,
}

impl Child {
    /// Starts it on the ground's settings and a free port, as something with a data directory.
    ///
    /// # Errors
    /// The system starts no process.
    pub(crate) fn start(
        ground: &Ground,
        (role, data_dir): (&str, &Path),
        sabotage: Option<Sabotage>,
    ) -> Result<Self> {
        let log = ground.file("server.log");
        let mut command = command()?;
        command
            .args(["serve", "--port", "0", "--config"])
            .arg(ground.settings());
        command.args(["--role", role, "--data-dir"]).arg(data_dir);
        command.args(
            sabotage
                .iter()
                .flat_map(|sabotage| ["--sabotage", sabotage.as_str()]),
        );
        lifeline::tie(&mut command, ground.folder());
        let process = command
            .stdout(Stdio::piped())
            .stderr(appended(&log)?)
            .kill_on_drop(true)
            .spawn();
        let mut process = process.context("the server could not be started")?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let lifeline = process.stdin.take();
        Ok(Self {
            process,
            _lifeline: lifeline,
            lines: BufReader::new(stdout).lines(),
            log,
            is_ready: false,
        })
    }

    /// Waits until it listens; returns its address.
    ///
    /// # Errors
    /// It ended or stays silent; what it said last is told.
    ///
    /// # Cancel safety
    /// It may be dropped and called again.
    pub(crate) async fn ready(&mut self) -> Result<String> {
        let (lines, log) = (&mut self.lines, &self.log);
        let address = tokio::time::timeout(READY_MAX, async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(LISTENING) {
                    return Ok(address.trim().to_owned());
                }
            }
            bail!("the server ended at its start:\n{}", last_lines(log))
        });
        let address = address
            .await
            .with_context(|| format!("the server says nothing:\n{}", last_lines(log)))??;
        self.is_ready = true;
        Ok(address)
    }

    /// Whether it was heard to listen.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Kills it where it stands (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// It was gone before: it crashed by itself.
    pub(crate) async fn kill(mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!(
                "the server ended by itself with {status}:\n{}",
                last_lines(&self.log)
            );
        }
        self.process.start_kill()?;
        self.process.wait().await?;
        Ok(())
    }

    /// Ends it as an operator would (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let pid = pid.context("the server has ended by itself")?;
        kill_process(pid, Signal::TERM).context("the server could not be told to stop")?;
        let status = tokio::time::timeout(STOP_MAX, self.process.wait()).await;
        let status = status.context("the server did not stop in time")??;
        if !status.success() {
            bail!("the server ended with {status}:\n{}", last_lines(&self.log));
        }
        Ok(())
    }
}

fn appended(log: &Path) -> Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .context("the server's log")
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(LOG_LINES)..)
        .unwrap_or_default()
        .join("\n")
}
