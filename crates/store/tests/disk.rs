//! A disk that fails: the process ends, and the store that is opened next holds all that was answered.
//!
//! strace makes system calls of a child fail with EIO, from some call of a thread on.

use std::os::unix::process::ExitStatusExt as _;

use crate::child;
use crate::crash::check;

/// The signal of `abort`.
const ABORTED: i32 = 6;

#[test]
fn a_disk_that_fails_ends_the_process_and_nothing_answered_is_lost() {
    let mut answered = Vec::new();
    for fault in [
        // The writer's syncs; its thread has made none before the store is open.
        "fsync,fdatasync:error=EIO:when=20",
        "fsync,fdatasync:error=EIO:when=30+",
        // Its writes, to the log and to the database.
        "pwrite64:error=EIO:when=150",
        "pwrite64:error=EIO:when=250+",
        "pwrite64:error=EIO:when=300+",
        "pwrite64:error=EIO:when=301+",
    ] {
        answered.push((fault, fail(fault)));
    }
    // Some of the faults meet a store that has answered, or the test would show nothing.
    let met: Vec<_> = answered.iter().filter(|(_, lines)| *lines > 5).collect();
    assert!(met.len() >= 3, "{answered:?}");
}

/// Runs a child whose disk fails; returns how many lines it said before.
fn fail(fault: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("prove-run"), "").unwrap();
    let inject = format!("inject={fault}");
    let mut failing =
        child::under_strace(&["-e", &inject], &dir.path().join("trace"), "work", &data);
    let output = failing
        .env("STORE_LOG_PAGES", "40")
        .stderr(std::process::Stdio::piped())
        .output()
        .expect(child::STRACE);
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{fault}: {:?} {said}", output.status);
    assert_eq!(output.status.signal(), Some(ABORTED), "{fault}: {said}");
    assert!(
        said.contains("the store cannot write, so the process ends"),
        "{fault}: {said}"
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    assert_eq!(check(&data, &lines), Ok(()), "{fault}");
    lines.len()
}
