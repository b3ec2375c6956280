//! A server as a child process of this very binary.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::future::select_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::desk::Desk;
use super::services::Services;
use crate::{lifeline, wiring};

/// Longest wait for the line that says where it listens: longer than it waits for its database, so that it can say so.
const START_MAX: Duration = wiring::PATIENCE.saturating_add(Duration::from_secs(15));
/// Longest wait for its end after SIGTERM: the drain's time and some.
const STOP_MAX: Duration = Duration::from_secs(20);
/// What begins the line that says where it listens.
const LISTENING: &str = "listening on ";

/// Processes of a cluster beside the one that answers.
const WORKERS: [&str; 2] = ["worker-1", "worker-2"];
/// What they share of a data directory: the keys, and the outbox, which is a person's to look into.
const KEYS: &str = "keys";
const OUTBOX: &str = "outbox";

/// Where the facts are and who drives, past one machine.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The URL of an empty database.
    pub database: String,
    /// `host:port` of Temporal's frontend.
    pub temporal: String,
}

/// The running servers: one that answers and, in a cluster, workers beside it.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where the first listens.
    pub address: String,
    /// How long it took from the first one's start to the last one's line.
    pub ready_after: Duration,
    processes: Vec<Process>,
    cluster: Option<Cluster>,
}

/// A process; it is killed when this is dropped.
#[derive(Debug)]
struct Process {
    name: &'static str,
    child: Child,
    /// Dropped after the child, which is killed before it could see its input end.
    _lifeline: Option<ChildStdin>,
}

impl Server {
    /// Starts the desk's server on a free port; in a cluster, an api and two workers.
    ///
    /// # Errors
    /// One ends or stays silent; its log is named.
    pub(crate) async fn start(
        desk: &Desk,
        services: &Services,
        cluster: Option<&Cluster>,
    ) -> Result<Self> {
        let begun = Instant::now();
        let first = match cluster {
            None => ("server", "all", desk.data_dir()),
            Some(_) => ("server", "api", desk.data_dir()),
        };
        let (process, address) = start((desk, services), cluster, first).await?;
        let mut processes = vec![process];
        for name in WORKERS.into_iter().filter(|_| cluster.is_some()) {
            let dir = desk.file(name);
            share(&desk.data_dir(), &dir).context("a worker's data directory")?;
            let (process, _) = start((desk, services), cluster, (name, "worker", dir)).await?;
            processes.push(process);
        }
        Ok(Self {
            address,
            ready_after: begun.elapsed(),
            processes,
            cluster: cluster.cloned(),
        })
    }

    /// This very binary, as it finds the facts of the server.
    ///
    /// # Errors
    /// The binary's path cannot be found.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = command()?;
        if let Some(cluster) = &self.cluster {
            command.env("DATABASE_URL", &cluster.database);
        }
        Ok(command)
    }

    /// How many processes it is.
    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Ends it as an operator would, and waits until it has.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub(crate) async fn stop(self) -> Result<()> {
        for mut process in self.processes {
            let (name, child) = (process.name, &mut process.child);
            let pid = child.id().and_then(|id| i32::try_from(id).ok());
            let pid = pid.and_then(Pid::from_raw);
            let pid = pid.with_context(|| format!("{name} has ended by itself"))?;
            kill_process(pid, Signal::TERM)
                .with_context(|| format!("{name} could not be told to stop"))?;
            let status = tokio::time::timeout(STOP_MAX, child.wait()).await;
            let status = status.with_context(|| format!("{name} did not stop in time"))??;
            if !status.success() {
                bail!("{name} ended with {status}");
            }
        }
        Ok(())
    }

    /// Kills what is left of it, and waits until nobody writes to the desk's folder any more.
    ///
    /// # Errors
    /// A process cannot be killed.
    pub(crate) async fn kill(self) -> Result<()> {
        for mut process in self.processes {
            process.child.kill().await?;
        }
        Ok(())
    }

    /// Waits until one of the processes ends by itself; says which, and how.
    ///
    /// # Errors
    /// The state of one cannot be read.
    ///
    /// # Cancel safety
    /// It may be dropped and called again.
    pub(crate) async fn ended(&mut self) -> Result<String> {
        let ends = self.processes.iter_mut().map(|process| {
            Box::pin(async {
                let status = process.child.wait().await?;
                Ok(format!("{} ended with {status}", process.name))
            })
        });
        select_all(ends).await.0
    }
}

/// Gives another process the first one's keys, and lets it put mails where the first one does.
fn share(first: &Path, other: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(other.join(KEYS))?;
    for key in std::fs::read_dir(first.join(KEYS))? {
        let key = key?;
        std::fs::copy(key.path(), other.join(KEYS).join(key.file_name()))?;
    }
    std::fs::create_dir_all(first.join(OUTBOX))?;
    std::os::unix::fs::symlink(first.join(OUTBOX), other.join(OUTBOX))
}

/// Starts a process of the desk and waits for the line that says where it listens.
async fn start(
    (desk, services): (&Desk, &Services),
    cluster: Option<&Cluster>,
    (name, role, data_dir): (&'static str, &str, PathBuf),
) -> Result<(Process, String)> {
    let log = desk.file(&format!("{name}.log"));
    let mut command = command()?;
    command
        .current_dir(desk.folder())
        .args(["serve", "--port", "0", "--role", role, "--config"])
        .arg(desk.settings())
        .arg("--data-dir")
        .arg(data_dir)
        .env("PAYMENT_TOKEN", &services.token);
    if let Some(cluster) = cluster {
        // Nobody else's goals are on a queue that is named by the desk's own folder.
        let queue = desk.folder().file_name().unwrap_or_default();
        command
            .env("DATABASE_URL", &cluster.database)
            .env("OMNIHUB_ENGINE", "temporal")
            .env("TEMPORAL_HOST", &cluster.temporal)
            .env("TEMPORAL_TASK_QUEUE", queue);
    }
    lifeline::tie(&mut command, desk.folder());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        // A Ctrl-C of the terminal reaches the demo alone, which then ends the server in good order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("the server could not be started")?;
    let stdout = child.stdout.take();
    let process = Process {
        name,
        _lifeline: child.stdin.take(),
        child,
    };
    let stdout = stdout.context("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(START_MAX, async {
        while let Some(line) = lines.next_line().await? {
            if let Some((_, address)) = line.split_once(LISTENING) {
                return Ok(address.trim().to_owned());
            }
        }
        bail!("the server ended at its start:\n{}", last_lines(&log))
    });
    let address = line
        .await
        .with_context(|| format!("the server says nothing:\n{}", last_lines(&log)))??;
    Ok((process, address))
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
        let families = ["OMNIHUB_", "TEMPORAL_"];
        if families.iter().any(|family| name.starts_with(family)) || ours.contains(&&*name) {
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
