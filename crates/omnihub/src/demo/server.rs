//! A server as a child process of this very binary.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::desk::Desk;
use super::services::Services;

/// Longest wait for the line that says where it listens.
const START_MAX: Duration = Duration::from_secs(20);
/// Longest wait for its end after SIGTERM: the drain's time and some.
const STOP_MAX: Duration = Duration::from_secs(20);
/// What begins the line that says where it listens.
const LISTENING: &str = "listening on ";

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub address: String,
    /// How long it took from its start to that line.
    pub ready_after: Duration,
    child: Child,
}

impl Server {
    /// Starts the desk's server on a free port.
    ///
    /// # Errors
    /// It ends or stays silent; its log is named.
    pub(crate) async fn start(desk: &Desk, services: &Services) -> Result<Self> {
        let log = desk.file("server.log");
        let begun = Instant::now();
        let mut child = command()?
            .current_dir(desk.folder())
            .args(["serve", "--port", "0", "--config"])
            .arg(desk.settings())
            .env("PAYMENT_TOKEN", &services.token)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            // A Ctrl-C of the terminal reaches the demo alone, which then ends the server in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("the server could not be started")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START_MAX, async {
            while let Some(line) = lines.next_line().await? {
                if let Some(at) = line.find(LISTENING) {
                    return Ok(line
                        .get(at + LISTENING.len()..)
                        .unwrap_or_default()
                        .trim()
                        .to_owned());
                }
            }
            bail!("the server ended at its start:\n{}", last_lines(&log))
        });
        let address = line
            .await
            .with_context(|| format!("the server says nothing:\n{}", last_lines(&log)))??;
        Ok(Self {
            address,
            ready_after: begun.elapsed(),
            child,
        })
    }

    /// Ends it as an operator would, and waits until it has.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let pid = pid.context("the server has ended by itself")?;
        kill_process(pid, Signal::TERM).context("the server could not be told to stop")?;
        let status = tokio::time::timeout(STOP_MAX, self.child.wait()).await;
        let status: ExitStatus = status.context("the server did not stop in time")??;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }
}

/// This very binary, without settings from the environment that are not meant for it.
///
/// # Errors
/// The binary's path cannot be found.
pub(crate) fn command() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let ours = ["API_HOST", "API_PORT", "DATABASE_URL"];
        if name.starts_with("OMNIHUB_") || ours.contains(&&*name) {
            command.env_remove(&*name);
        }
    }
    Ok(command)
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
