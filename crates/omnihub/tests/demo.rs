//! The demo, as somebody runs it who has just cloned the repository.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::world::World;

#[test]
fn the_demo_does_what_it_promises_and_leaves_nothing_running() {
    let world = World::new("");
    let ran = world.run(&["demo"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        !ran.stdout.contains('✗') || ran.stdout.matches('✗').count() == 1,
        "{}",
        ran.stdout
    );
    for told in [
        "confirm failed: http.status",
        "↩ pay undone",
        "↩ reserve undone",
        "checked against a key from outside",
    ] {
        assert!(ran.stdout.contains(told), "{told} is not in {}", ran.stdout);
    }
    assert!(
        !world.path("omnihub-data").exists(),
        "the demo leaves the working folder alone"
    );
}

#[test]
fn a_kept_demo_runs_until_it_is_interrupted_and_takes_its_server_along() {
    let world = World::new("");
    let mut demo = Kept::start(world.command(&["demo", "--keep"]));
    let Kept {
        address, data_dir, ..
    } = &demo;

    let listed = [
        "goal",
        "list",
        "--q",
        "ana@example.com",
        "--as",
        "tomas:operator",
        "--url",
        address,
    ];
    let listed = world
        .run(&[&listed[..], &["--data-dir", data_dir]].concat())
        .good();
    assert!(listed.contains("completed"), "{listed}");

    demo.signal(Signal::INT);
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    assert!(!demo.answers(), "the server is left behind");
}

#[test]
fn a_killed_demo_leaves_neither_its_server_nor_its_folder() {
    let world = World::new("");
    let temporary = world.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = world.command(&["demo", "--keep"]);
    command.env("TMPDIR", &temporary);
    let mut demo = Kept::start(command);
    let folder = Path::new(&demo.data_dir).parent().unwrap().to_owned();
    assert!(folder.starts_with(&temporary) && !processes_of(&folder).is_empty());

    demo.signal(Signal::KILL);
    demo.child.wait().unwrap();

    // A process that ends, or becomes another, has no command line for a moment.
    until(|| processes_of(&folder).is_empty() && !demo.answers() && is_empty(&temporary));
}

#[test]
fn a_killed_proof_leaves_neither_its_server_nor_its_folder() {
    let world = World::new("");
    let temporary = world.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = world.command(&["prove", "crash", "--kills", "1000", "--goals", "4"]);
    command.env("TMPDIR", &temporary);
    let mut proof = command.stderr(Stdio::null()).spawn().unwrap();
    until(|| !processes_of(&temporary).is_empty());

    proof.kill().unwrap();
    proof.wait().unwrap();

    until(|| processes_of(&temporary).is_empty() && is_empty(&temporary));
}

#[test]
fn no_server_removes_a_folder_that_is_not_a_demos() {
    let world = World::new("");
    let ran = world.run(&["serve", "--port", "0", "--throw-away", "."]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let said = "--throw-away is for the demo and proofs only: . is not theirs";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert!(world.path("omnihub.toml").exists());
}

#[test]
fn the_demo_does_not_listen_to_settings_that_are_meant_for_others() {
    let world = World::new("[api]\nprot = 1\n");
    let ran = world.run_with(("OMNIHUB_API__PORT", "many"), &["demo"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
}

/// A demo that was left running.
pub(crate) struct Kept {
    pub(crate) child: Child,
    /// Held, since a demo that speaks to a closed pipe has failed.
    _output: BufReader<ChildStdout>,
    /// Where its server listens.
    address: String,
    pub(crate) data_dir: String,
}

impl Kept {
    /// Starts it and waits until it has said how to go on.
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("goal list --q") {
            let read = output.read_line(&mut said).unwrap();
            assert!(read > 0, "{said}{:?}", child.wait_with_output());
        }
        let after = |word: &str| {
            said.split_once(word)
                .unwrap()
                .1
                .lines()
                .next()
                .unwrap()
                .trim()
                .to_owned()
        };
        Self {
            address: after("  address "),
            data_dir: after("OMNIHUB_DATA_DIR="),
            child,
            _output: output,
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Whether its server accepts connections.
    fn answers(&self) -> bool {
        TcpStream::connect(self.address.trim_start_matches("http://")).is_ok()
    }
}

/// The processes that were started with something in a folder: their numbers and command lines.
pub(crate) fn processes_of(folder: &Path) -> Vec<(i32, String)> {
    let folder = folder.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        line.contains(folder)
            .then(|| (number, line.replace('\0', " ")))
    });
    processes.collect()
}

/// Waits for something that is about to come to pass.
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it does not come to pass");
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}
