//! The world of a test: a folder of its own, the binary run in it, and servers as child processes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a settings file, in which the binary runs.
pub(crate) struct World {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl World {
    /// A folder with these settings.
    pub(crate) fn new(settings: &str) -> Self {
        let world = Self {
            folder: TempDir::new().unwrap(),
        };
        world.write("omnihub.toml", settings);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and its folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary in the folder, with an environment that holds nothing of ours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnihub"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear();
        for name in ["PATH", "HOME", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("USER", "tester").stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.text_of(self.command(arguments).output().unwrap())
    }

    /// Runs the binary with a variable set.
    pub(crate) fn run_with(&self, (name, value): (&str, &str), arguments: &[&str]) -> Ran {
        self.text_of(self.command(arguments).env(name, value).output().unwrap())
    }

    /// Runs the binary where nobody reads its output.
    pub(crate) fn run_unheard(&self, arguments: &[&str]) -> Ran {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.command(arguments);
        // What it would have said is kept where, is kept here.
        command.env("TMPDIR", self.folder.path()).stdout(writer);
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        self.text_of(child.wait_with_output().unwrap())
    }

    /// Starts a server on a free port and waits until it listens.
    pub(crate) fn serve(&self) -> Server {
        self.serve_as("all")
    }

    /// Starts a server of a role and waits until it listens.
    pub(crate) fn serve_as(&self, role: &str) -> Server {
        self.serve_with(&["--role", role])
    }

    /// Starts a server with further arguments and waits until it listens.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(&[&["serve", "--port", "0"], arguments].concat());
        let log = std::fs::File::create(self.path("server.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Some((_, url)) = line.trim().split_once("listening on ") else {
            panic!("no address in {line:?}: {}", self.log());
        };
        Server {
            child,
            url: url.to_owned(),
        }
    }

    /// A folder for another process of the same installation: settings, and the keys.
    pub(crate) fn beside(&self, settings: &str) -> Self {
        let other = Self::new(settings);
        for key in ["installation.key", "audit.key"] {
            let key = format!("omnihub-data/keys/{key}");
            other.write(&key, "");
            std::fs::copy(self.path(&key), other.path(&key)).unwrap();
        }
        other
    }

    /// What the server has said of itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    fn text_of(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| self.anonymous(&String::from_utf8(bytes).unwrap());
        let code = output.status.code().unwrap();
        Ran {
            code,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// A text without the folder's path.
    fn anonymous(&self, text: &str) -> String {
        text.replace(self.folder.path().to_str().unwrap(), "DIR")
    }
}

impl Ran {
    /// The result of a command that did what it should.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// The result as JSON, whatever the exit code.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Exit code and both outputs, for snapshots.
    pub(crate) fn shown(&self) -> String {
        format!("exit {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

impl Server {
    /// Runs a client command against the server.
    pub(crate) fn run(&self, world: &World, arguments: &[&str]) -> Ran {
        world.run(&[arguments, &["--url", &self.url]].concat())
    }

    /// Runs a client command against the server and reads its JSON.
    pub(crate) fn json(&self, world: &World, arguments: &[&str]) -> Value {
        self.run(world, &[arguments, &["--json"]].concat()).json()
    }

    /// The first approval that is asked, once somebody has driven a goal so far.
    pub(crate) fn approval(&self, world: &World) -> String {
        for _ in 0..600 {
            let listed = self.json(world, &["approval", "list"]);
            if let Some(id) = listed["items"][0]["id"].as_str() {
                return id.to_owned();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("no approval is asked");
    }

    /// Tells it to stop and returns its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code().unwrap()
    }

    /// Ends it as a power cut would end the process.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for its end and returns its exit code.
    pub(crate) fn wait(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A file below the repository's root.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
