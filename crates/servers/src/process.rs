//! A server's process, and the shell that ends it and removes its data when whoever started it is gone.
//!
//! Only processes that it started itself, and theirs, are ever killed.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::port::free_ports;

/// How long a server may take until it accepts connections: many times what it takes on a slow machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Ends the server when it is told to, or when the server ends, and removes the folder. Where the folder has the file
/// `make`, it is run before: that becomes `made`, and the server is started once the file `go` is there, or `not-made`,
/// which is kept until somebody has read the log. When a server has ended while the folder has the file `down`, all its
/// threads with it, that becomes `is-down`, and the server is started again as soon as that is gone.
const WATCH: &str = r#"
dir=$1; end=$2; shift 2
server=
gone() {
    # What is killed may have children, which write for a moment longer.
    tries=100
    while ! rm -rf "$dir" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.1; done 2>/dev/null
}
trap '[ -z "$server" ] || kill -$end $server 2>/dev/null; wait; gone; exit 0' TERM INT
if [ -e "$dir/make" ]; then
    told=$end; end=KILL
    sh "$dir/make" >>"$dir/log" 2>&1 &
    server=$!
    if wait $server; then mv "$dir/make" "$dir/made"; else mv "$dir/make" "$dir/not-made"; fi
    server=; end=$told
    while [ ! -e "$dir/go" ]; do sleep 0.05; done
fi
while :; do
    "$@" >>"$dir/log" 2>&1 &
    server=$!
    echo $server >"$dir/server"
    wait $server 2>/dev/null
    server=
    [ -e "$dir/down" ] || break
    mv "$dir/down" "$dir/is-down"
    while [ -e "$dir/is-down" ]; do sleep 0.05; done
done
gone
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

impl Error {
    /// The same, for another who asks.
    pub(crate) fn again(&self, program: &'static str) -> Self {
        match self {
            Self::Missing { program, remedy } => Self::Missing { program, remedy },
            error => Self::NotReady {
                program,
                log: error.to_string(),
            },
        }
    }
}

/// How a server is told to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// By SIGINT, which is the fast way for PostgreSQL and the ordinary one for the others.
    Told,
    /// By SIGKILL: told, it would take seconds, or ten where what it stands on has ended, and nobody needs what it saves.
    Killed,
}

/// A server under way; dropping it ends the server.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its folder.
    pub(crate) dir: PathBuf,
    program: &'static str,
    /// Where it listens; 0 until that is picked.
    port: u16,
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

    /// Makes a file or folder this user's.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        Ok(chown(path, Some(self.uid), Some(self.gid))?)
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
        user.own(&dir)?;
    }
    Ok(dir)
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
    server: &[&str],
    end: End,
) -> Result<Process, Error> {
    let mut process = watch((program, dir), None, server, end)?;
    process.port = port;
    process.wait()?;
    Ok(process)
}

/// Makes what a server needs by a command, then picks its port; it is started by [`Process::go`] on that port, which it
/// has to find in its folder. However this ends, the folder goes with it.
pub(crate) fn start_made(
    (program, dir): (&'static str, &Path),
    user: Option<User>,
    make: &[&str],
    server: &[&str],
) -> Result<(Process, u16), Error> {
    let words = make.iter().map(|word| quoted(word));
    let words: Vec<_> = words.collect();
    std::fs::write(dir.join("make"), format!("exec {}\n", words.join(" ")))?;
    let mut process = watch((program, dir), user, server, End::Told)?;
    let has = |file: &str| dir.join(file).exists();
    process.wait_until(|| match has("made") || has("not-made") {
        true => Ok(()),
        false => Err("its data is not made yet".to_owned()),
    })?;
    if has("not-made") {
        let log = std::fs::read_to_string(dir.join("log"))?;
        return Err(process.not_ready(log));
    }
    // Not before: another server could have taken it meanwhile.
    let [port] = free_ports()?;
    process.port = port;
    Ok((process, port))
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Starts the shell that looks after a server.
fn watch(
    (program, dir): (&'static str, &Path),
    user: Option<User>,
    server: &[&str],
    end: End,
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
    command.arg(dir).arg(match end {
        End::Told => "INT",
        End::Killed => "KILL",
    });
    command.args(server).stdin(Stdio::null());
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
    Ok(Process {
        dir: dir.to_owned(),
        program,
        port: 0,
        _life: life,
    })
}

impl Process {
    /// Starts a server whose data is made, and waits until it accepts connections.
    pub(crate) fn go(&self) -> Result<(), Error> {
        std::fs::write(self.dir.join("go"), "")?;
        self.wait()
    }

    /// Kills the server, and all processes that it started, as a machine that loses its power does.
    pub(crate) fn kill(&self, server: u32) -> Result<(), Error> {
        std::fs::write(self.dir.join("down"), "")?;
        // Stopped, it starts no other in place of those that are killed.
        signal(server, Signal::STOP)?;
        let killed = children(server)?;
        for child in &killed {
            signal(*child, Signal::KILL)?;
        }
        signal(server, Signal::KILL)?;
        // A process of many threads that is no more than a zombie may still hold its ports: the shell knows better.
        self.wait_until(|| {
            let gone = !killed.iter().any(|process| runs(*process));
            let seen = self.dir.join("is-down").exists();
            (gone && seen)
                .then_some(())
                .ok_or_else(|| "it cannot be killed".to_owned())
        })
    }

    /// Starts a server that was killed once more, with what it left on the disk.
    pub(crate) fn start_again(&self) -> Result<(), Error> {
        std::fs::remove_file(self.dir.join("is-down"))?;
        self.wait()
    }

    /// Waits until it accepts connections.
    fn wait(&self) -> Result<(), Error> {
        self.wait_until(|| {
            let accepts = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            accepts.map(drop).map_err(|error| error.to_string())
        })
    }

    /// Waits until it is ready, or is not for the reason given last.
    pub(crate) fn wait_until(&self, ready: impl Fn() -> Result<(), String>) -> Result<(), Error> {
        let begun = Instant::now();
        let mut log = String::new();
        while let Err(reason) = ready() {
            // Its log goes with the folder when it ends.
            log = std::fs::read_to_string(self.dir.join("log")).unwrap_or(log);
            if begun.elapsed() > READY_TIMEOUT || !self.dir.exists() {
                return Err(self.not_ready(format!("{reason}\n{log}")));
            }
            std::thread::sleep(TRY_EVERY);
        }
        Ok(())
    }

    /// The number of the process that the shell started last.
    pub(crate) fn server(&self) -> Result<u32, Error> {
        let text = std::fs::read_to_string(self.dir.join("server"))?;
        let number = text.trim().parse();
        number.map_err(|_| io::Error::other("its number cannot be read").into())
    }

    fn not_ready(&self, log: String) -> Error {
        let program = self.program;
        Error::NotReady { program, log }
    }
}

fn signal(process: u32, signal: Signal) -> Result<(), Error> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("no process has this number"))?;
    match kill_process(pid, signal) {
        // It has ended by itself.
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// The state of a process, and the process that started it; `None`: it is gone.
fn status(process: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children(of: u32) -> Result<Vec<u32>, Error> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let process = name.to_str().and_then(|name| name.parse().ok());
        children.extend(
            process.filter(|process| status(*process).is_some_and(|(_, parent)| parent == of)),
        );
    }
    Ok(children)
}

/// Whether it has not ended; what nobody has asked after yet has.
fn runs(process: u32) -> bool {
    status(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}
