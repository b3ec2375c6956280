//! A server's process, and the shell that ends it and removes its data when whoever started it is gone.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take until it accepts connections: many times what it takes on a slow machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Ends the server when it is told to, or when the server ends, and removes the folder. The server is told by SIGINT,
/// which is the fast way for PostgreSQL and the ordinary one for the others.
const WATCH: &str = r#"
dir=$1; shift
"$@" >"$dir/log" 2>&1 &
server=$!
trap 'kill -INT $server 2>/dev/null; wait $server; rm -rf "$dir"; exit 0' TERM INT
wait $server
rm -rf "$dir"
"#;

/// A server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its program is not on this machine.
    #[error("{program} is missing; {remedy}")]
    Missing {
        /// The program.
        program: &'static str,
        /// How it comes here.
        remedy: &'static str,
    },
    /// It was not ready in time, or ended.
    #[error("{program} did not start: {log}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// What it said.
        log: String,
    },
    /// A command that prepares it failed.
    #[error("{command}: {said}")]
    Failed {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// A file or process of it could not be made.
    #[error("cannot start a server")]
    Io(#[from] io::Error),
}

/// A server under way; dropping it ends the server.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// Dropped, it lets the thread end that the shell watches.
    _life: mpsc::Sender<()>,
}

/// A user that a server is run as: some refuse root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// The user of that name, where this process is root and has to become somebody else.
    pub(crate) fn instead_of_root(name: &'static str) -> Result<Option<Self>, Error> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd")?;
        let found = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_it = fields.next() == Some(name);
            let ids = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            is_it.then_some(ids)
        });
        let (uid, gid) = found.ok_or_else(|| io::Error::other(format!("no user {name}")))?;
        Ok(Some(Self { uid, gid }))
    }

    /// A command that runs as this user.
    pub(crate) fn command(user: Option<Self>, program: &Path) -> Command {
        match user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", user.uid));
                command.arg(format!("--regid={}", user.gid));
                command.arg("--init-groups").arg(program);
                command
            }
        }
    }
}

/// Makes a folder for a server, of the user that it runs as.
pub(crate) fn folder(program: &str, user: Option<User>) -> Result<PathBuf, Error> {
    let dir = tempfile::Builder::new()
        .prefix(&format!("omnihub-{program}-"))
        .tempdir()?
        .keep();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        chown(&dir, Some(user.uid), Some(user.gid))?;
    }
    Ok(dir)
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Failed {
        command: command.get_program().to_string_lossy().into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Starts a server that is then waited for until it accepts connections on a port.
pub(crate) fn start(
    program: &'static str,
    (dir, port): (&Path, u16),
    user: Option<User>,
    server: &[&str],
) -> Result<Process, Error> {
    let (life, dead) = mpsc::channel();
    let (told, tell) = mpsc::channel();
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.arg(format!("--reuid={}", user.uid));
        command.arg(format!("--regid={}", user.gid));
        command.arg("--init-groups");
    }
    command.args(["--pdeathsig", "TERM", "sh", "-c", WATCH, "sh"]);
    command.arg(dir).args(server).stdin(Stdio::null());
    // The kernel tells the shell when the thread ends that started it, so that thread lives as long as the server.
    let spawn = move || {
        let child = command.spawn();
        let _ = told.send(child.map(drop));
        let _: Result<(), mpsc::RecvError> = dead.recv();
    };
    std::thread::Builder::new()
        .name(program.to_owned())
        .spawn(spawn)?;
    tell.recv().map_err(io::Error::other)??;
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begun.elapsed() > READY_TIMEOUT || !dir.exists() {
            let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            return Err(Error::NotReady { program, log });
        }
        std::thread::sleep(TRY_EVERY);
    }
    Ok(Process {
        dir: dir.to_owned(),
        _life: life,
    })
}
