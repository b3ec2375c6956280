//! A real SMTP server, `smtp/server.py` on aiosmtpd, as a child process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The version that the tests were written against.
const AIOSMTPD: &str = "1.4.6";

/// A running server; it ends with this value.
pub(crate) struct SmtpServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl SmtpServer {
    pub(crate) fn start(options: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py");
        let mut server = Command::new(python());
        let mut child = server
            .arg(script)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self {
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
            port: 0,
        };
        server.port = u16::try_from(server.next().as_u64().unwrap()).unwrap();
        server
    }

    /// The next mail that the server has taken.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(
            self.lines.read_line(&mut line).unwrap(),
            0,
            "the SMTP server ended"
        );
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

/// A Python with aiosmtpd, installed once into a folder that outlives a clone.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let home = PathBuf::from(std::env::var_os("HOME").expect("HOME says where tools are kept"));
        let tools = home.join(".cache/omnihub/tools");
        fs::create_dir_all(&tools).unwrap();
        let folder = tools.join(format!("aiosmtpd-{AIOSMTPD}"));
        let python = folder.join("bin/python");
        // Two test runs at once must not install into one folder.
        let lock = File::create(tools.join(format!("aiosmtpd-{AIOSMTPD}.lock"))).unwrap();
        lock.lock().unwrap();
        if !is_installed(&python) {
            run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder));
            let package = format!("aiosmtpd=={AIOSMTPD}");
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]));
            assert!(
                is_installed(&python),
                "aiosmtpd {AIOSMTPD} does not run from {}",
                folder.display()
            );
        }
        python
    })
}

fn is_installed(python: &Path) -> bool {
    let check = format!("import aiosmtpd; assert aiosmtpd.__version__ == '{AIOSMTPD}'");
    let checked = Command::new(python)
        .args(["-c", &check])
        .stderr(Stdio::null())
        .status();
    checked.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
