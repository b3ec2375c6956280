//! What is left of a server that could not be started, or whose starter was killed meanwhile: nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use servers::{Postgres, or_skip};
use tempfile::TempDir;

use crate::talk;

#[test]
fn a_postgres_whose_data_cannot_be_made_says_why_and_leaves_no_folder() {
    if or_skip(Postgres::shared()).is_none() {
        return;
    }
    let newest = Newest::new("echo 'no room at all' >&2; exit 1");
    let ran = newest.servers().output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("no room at all"), "{said}");
    assert_eq!(ran.status.code(), Some(1));
    talk::soon(|| is_empty(&newest.temporary()).then_some(()));
}

#[test]
fn a_program_that_is_killed_while_data_is_made_leaves_neither_process_nor_folder() {
    if or_skip(Postgres::shared()).is_none() {
        return;
    }
    let newest = Newest::new("echo $$ >SAID/half; mv SAID/half SAID/begun; exec sleep 1000");
    let mut program = newest.servers().stderr(Stdio::null()).spawn().unwrap();
    let initdb = talk::soon(|| std::fs::read_to_string(newest.said().join("begun")).ok());
    program.kill().unwrap();
    program.wait().unwrap();
    let process = Path::new("/proc").join(initdb.trim());
    talk::soon(|| (!process.exists() && is_empty(&newest.temporary())).then_some(()));
}

/// A PostgreSQL that is newer than any other, whose `initdb` is a script that may write into the folder SAID.
struct Newest {
    folder: TempDir,
}

impl Newest {
    fn new(initdb: &str) -> Self {
        let newest = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        // The server's user runs the programs, finds its folder and says what it does.
        let folders = [
            (newest.folder.path().to_owned(), 0o755),
            (newest.temporary(), 0o777),
            (newest.said(), 0o777),
        ];
        for (folder, mode) in folders {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        }
        let initdb = initdb.replace("SAID", newest.said().to_str().unwrap());
        let version = "echo 'postgres (PostgreSQL) 1000.1'";
        for (name, script) in [
            ("initdb", &*initdb),
            ("postgres", version),
            ("psql", "exit 1"),
        ] {
            let path = newest.folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        newest
    }

    /// Where servers have their folders.
    fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("said")
    }

    /// The program, which finds this PostgreSQL beside others.
    fn servers(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let here = std::iter::once(self.folder.path().to_owned());
        let path = std::env::join_paths(here.chain(std::env::split_paths(&path)));
        let mut program = Command::new(env!("CARGO_BIN_EXE_servers"));
        program.args(["echo", "{url}"]).env("PATH", path.unwrap());
        program.env("TMPDIR", self.temporary());
        program
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}
