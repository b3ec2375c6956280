//! The program: a command with servers beside it, how it ends, and what is killed meanwhile.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use servers::{Postgres, Redis, Temporal, or_skip};

use crate::talk;

#[test]
fn words_of_a_command_become_servers() {
    if or_skip(Postgres::shared()).is_none()
        || or_skip(Redis::shared()).is_none()
        || or_skip(Temporal::shared()).is_none()
    {
        return;
    }
    let said = said(&["echo", "{url}|{url}", "{temporal}", "to={redis}"]);
    let (urls, rest) = said.split_once(' ').unwrap();
    let (url, same) = urls.split_once('|').unwrap();
    assert_eq!(url, same);
    assert!(url.starts_with("postgres://postgres@127.0.0.1:"), "{url}");
    let (temporal, redis) = rest.split_once(' ').unwrap();
    assert!(temporal.starts_with("127.0.0.1:"), "{temporal}");
    assert!(redis.starts_with("to=redis://127.0.0.1:"), "{redis}");
}

/// Not for CI, where `.ci/tools` does not build the server: skipped without it, also where `SERVERS_REQUIRED` is set.
#[test]
fn temporal_is_the_real_one_on_a_wish_if_it_was_built() {
    if or_skip(Postgres::shared()).is_none() {
        return;
    }
    let output = run(&["--real", "echo", "{temporal}"]);
    let [said, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    if errors.contains("the real server of Temporal is missing") {
        return eprintln!("SKIPPED: {errors}");
    }
    assert!(said.starts_with("127.0.0.1:"), "{said}{errors}");
    assert!(output.status.success());
}

#[test]
fn the_program_ends_as_its_command_does() {
    assert_eq!(run(&["true"]).status.code(), Some(0));
    assert_eq!(run(&["sh", "-c", "exit 7"]).status.code(), Some(1));
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]).status.code(), Some(1));
    assert_eq!(run(&["/no/such/program"]).status.code(), Some(1));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let output = run(&["--kill-every", "never", "true"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    let wrong =
        "servers: --kill-every needs seconds, more than 0 and at most a day, not \"never\"\n";
    assert!(said.starts_with(wrong), "{said}");
    assert!(said.contains("usage: servers"), "{said}");
}

#[test]
fn a_program_that_is_ended_ends_its_command_and_its_servers() {
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let Some(mut under_way) = UnderWay::start(&[]) else {
            return;
        };
        let program = i32::try_from(under_way.program.id()).unwrap();
        kill_process(Pid::from_raw(program).unwrap(), signal).unwrap();
        assert!(!under_way.program.wait().unwrap().success());
        // The command and the servers' keepers have this pipe, so that its end is theirs.
        under_way.output.read_to_string(&mut String::new()).unwrap();
        talk::redis(under_way.redis, "PING").unwrap_err();
    }
}

#[test]
fn killed_servers_come_back_until_the_command_ends() {
    let Some(mut under_way) = UnderWay::start(&["--kill-every", "0.1", "--seed", "7"]) else {
        return;
    };
    let mut errors = BufReader::new(under_way.program.stderr.take().unwrap()).lines();
    let mut next = || errors.next().unwrap().unwrap();
    assert_eq!(next(), "servers: seed 7");
    for kill in 1..4 {
        let line = next();
        let begin = format!("servers: kill {kill}: redis, for ");
        assert!(line.starts_with(&begin), "{line}");
        // It may be killed again while it answers.
        let answers = || talk::redis(under_way.redis, "PING").ok();
        talk::soon(|| answers().filter(|answer| answer == "+PONG"));
    }
    drop(under_way.input);
    let last = std::iter::repeat_with(next).find(|line| !line.contains(": kill "));
    let last = last.unwrap();
    assert!(last.ends_with(" kills, seed 7"), "{last}");
    assert!(under_way.program.wait().unwrap().success());
}

#[test]
fn a_command_whose_server_does_not_come_back_is_told_to_end_before_it_is_killed() {
    if or_skip(Redis::shared()).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let redis = folder.path().join("redis-server");
    // It starts once and never again.
    let script =
        "#!/bin/sh\nmkdir \"$0.started\" || exit\nPATH=${PATH#*:} exec redis-server \"$@\"\n";
    std::fs::write(&redis, script).unwrap();
    std::fs::set_permissions(&redis, Permissions::from_mode(0o755)).unwrap();
    let here = std::iter::once(folder.path().to_owned());
    let path = std::env::join_paths(here.chain(std::env::split_paths(&path))).unwrap();
    let told = "trap 'echo told; exit' TERM; : {redis}; while :; do sleep 0.05; done";
    let output = program(&["--kill-every", "0.1", "sh", "-c", told])
        .env("PATH", path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "told\n");
}

/// The program with a Redis, and a command that ends when its input does.
struct UnderWay {
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    redis: u16,
}

impl UnderWay {
    /// `None`: there is no Redis here, and the test is skipped.
    fn start(options: &[&str]) -> Option<Self> {
        or_skip(Redis::shared())?;
        let mut program = program(options)
            .args(["sh", "-c", "echo {redis}; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = program.stdin.take().unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        let redis = url.trim().rsplit(':').next().unwrap().parse().unwrap();
        Some(Self {
            program,
            input,
            output,
            redis,
        })
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_servers"));
    program.args(arguments);
    program
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn said(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
