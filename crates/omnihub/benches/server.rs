//! The server under measure: a child process on a fresh directory.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;

/// Microseconds in a tick of `/proc/PID/stat`: Linux counts a hundred a second.
const TICK_US: f64 = 10_000.0;

pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) ready_after: Duration,
    child: Child,
    dir: tempfile::TempDir,
    settings: Vec<(String, String)>,
}

impl Server {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        // Beside the build, not under /tmp, which may be memory: what is measured syncs to a disk.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let notes = rusqlite::Connection::open(dir.path().join("notes.db")).unwrap();
        notes
            .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
            .unwrap();
        drop(notes);
        std::fs::write(dir.path().join("omnihub.toml"), SETTINGS).unwrap();
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::spawn(dir, settings.chain(database()).collect()).await
    }

    async fn spawn(dir: tempfile::TempDir, settings: Vec<(String, String)>) -> Self {
        let begun = Instant::now();
        let mut child = command(&dir, &settings)
            .args(["serve", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.path().join("server.log")).unwrap())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        let mut probe = Client::connect(&address, "").await;
        let (status, _) = probe.send("GET", "/health/ready", "", "").await;
        assert_eq!(status, 200);
        let ready_after = begun.elapsed();
        let minted = command(&dir, &settings)
            .args(["token", "mint", "--subject", "bench", "--role", "admin"])
            .output()
            .unwrap();
        let token = String::from_utf8(minted.stdout).unwrap().trim().to_owned();
        Self {
            address,
            token,
            ready_after,
            child,
            dir,
            settings,
        }
    }

    /// Ends the process at once, as a crash would, and starts it on the same directory.
    pub(crate) async fn restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::spawn(self.dir, self.settings).await
    }

    pub(crate) async fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Holds every effect of the tenant, or lets them go.
    pub(crate) async fn hold(&self, on: bool) {
        let mode = if on { "hold" } else { "off" };
        let body =
            format!(r#"{{"scope":"all","target":null,"mode":"{mode}","reason":"benchmark"}}"#);
        let mut client = Client::connect(&self.address, &self.token).await;
        let (status, answer) = client
            .send("PUT", "/api/v1/admin/emergency_controls", "", &body)
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Waits until no more goals are open than have not ended of so many.
    pub(crate) async fn until_ended(&self, goals: usize) {
        let db = rusqlite::Connection::open_with_flags(
            self.dir.path().join("data/omnihub.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let db = db.unwrap();
        loop {
            let ended: i64 = db
                .query_row(
                    "SELECT count(*) FROM goals WHERE finished_at IS NOT NULL",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            if ended >= goals as i64 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until no goal is in memory and none waits for its turn.
    pub(crate) async fn until_idle(&self) {
        loop {
            let figures = self.figures().await;
            let count = |name: &str| figure(&figures, name) as u64;
            if count("omnihub_goals_active") + count("omnihub_goals_queued") == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The seconds spent in commits so far.
    pub(crate) async fn commit_seconds(&self) -> f64 {
        figure(&self.figures().await, "omnihub_commit_duration_seconds_sum")
    }

    async fn figures(&self) -> String {
        let mut client = Client::connect(&self.address, &self.token).await;
        client.send("GET", "/metrics", "", "").await.1
    }

    pub(crate) fn resident_mb(&self) -> f64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<f64>()
            .unwrap()
            / 1_024.0
    }

    /// CPU time of the process so far, user and system, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * TICK_US
    }

    /// Bytes that the process gave to the disk so far.
    pub(crate) fn written_bytes(&self) -> f64 {
        let io = self.proc("io");
        let line = io
            .lines()
            .find(|line| line.starts_with("write_bytes:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

const SETTINGS: &str = r#"
data_dir = "data"
[log]
level = "error"
[databases.notes]
url = "sqlite:notes.db"
[databases.notes.tables.notes]
key = "id"
columns = ["id", "text"]
writable = ["text"]
insert = true
delete = true
"#;

/// The setting that names an empty database of a real PostgreSQL, where that is what is to be measured.
fn database() -> Option<(String, String)> {
    std::env::var_os("BENCH_ON_POSTGRES")?;
    let url = servers::Postgres::shared().unwrap().database().unwrap();
    Some(("DATABASE_URL".to_owned(), url))
}

fn command(dir: &tempfile::TempDir, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnihub"));
    command.arg("--config").arg(dir.path().join("omnihub.toml"));
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// The value of one of `/metrics`.
fn figure(figures: &str, name: &str) -> f64 {
    let value = figures
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}
