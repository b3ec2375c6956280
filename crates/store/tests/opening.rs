//! Opening: who is let in, and who is refused with what words.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use rusqlite::Connection;
use store::{Error, Store, StoreConfig};

use crate::child;

fn open(dir: &Path) -> Result<Store, Error> {
    Store::open(StoreConfig::new(dir))
}

/// A founded and closed store, edited by hand.
fn refusal(edit: impl FnOnce(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    edit(dir.path());
    let path = dir.path().display().to_string();
    open(dir.path())
        .expect_err("the store was opened")
        .to_string()
        .replace(&path, "DIR")
}

fn sql(dir: &Path, sql: &str) {
    Connection::open(dir.join("omnihub.db"))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

/// A process that has the store of a folder open until it is told to end, and what it says.
fn holding(dir: &Path) -> (Child, impl Iterator) {
    let mut process = child::command("hold", dir)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "HOLDING"));
    (process, lines)
}

#[test]
fn a_second_process_is_refused_with_the_number_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _said) = holding(dir.path());
    let refused = open(dir.path()).unwrap_err();
    let expected = format!(
        "data directory {} is in use by process {}",
        dir.path().display(),
        first.id()
    );
    assert_eq!(refused.to_string(), expected);
    first.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(first.wait().unwrap().success());
    open(dir.path()).unwrap();
}

#[test]
fn the_lock_ends_with_a_process_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _said) = holding(dir.path());
    first.kill().unwrap();
    first.wait().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn what_is_no_store_of_this_version_is_refused_and_left_alone() {
    let newer = refusal(|dir| sql(dir, "PRAGMA user_version = 99"));
    assert_eq!(
        newer,
        "store DIR/omnihub.db has version 99; this program knows versions up to 2"
    );
    let foreign = refusal(|dir| sql(dir, "PRAGMA application_id = 7"));
    assert_eq!(foreign, "DIR/omnihub.db is not a store of OmniHub");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path()).unwrap();
    sql(dir.path(), "CREATE TABLE mine (x)");
    assert!(
        open(dir.path())
            .unwrap_err()
            .to_string()
            .ends_with("is not a store of OmniHub")
    );
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        2,
        "the database and the lock"
    );
    let migration = refusal(|dir| sql(dir, "UPDATE migrations SET sha256 = zeroblob(32)"));
    assert_eq!(migration, "damaged: migrations 1: its checksum is wrong");
    let schema = refusal(|dir| sql(dir, "DROP INDEX goals_open"));
    assert_eq!(schema, "damaged: schema index goals_open: it is missing");
    let column = refusal(|dir| sql(dir, "ALTER TABLE inbox ADD COLUMN more TEXT"));
    assert_eq!(
        column,
        "damaged: schema table inbox: its definition was changed"
    );
}

#[test]
fn a_store_of_the_first_version_is_taken_on() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let first =
        "DROP TABLE epochs; DELETE FROM migrations WHERE version = 2; PRAGMA user_version = 1";
    sql(dir.path(), first);

    assert_eq!(open(dir.path()).unwrap().epoch(), 1);

    assert_eq!(open(dir.path()).unwrap().epoch(), 1);
    assert_eq!(store::check_full(dir.path()).unwrap(), Vec::new());
}

#[test]
fn a_damaged_file_is_refused_with_the_place() {
    let file = |dir: &Path| dir.join("omnihub.db");
    let text = refusal(|dir| {
        std::fs::write(file(dir), "not a database, though long enough to be one").unwrap()
    });
    assert_eq!(
        text,
        "damaged: DIR/omnihub.db header: it does not begin like a database"
    );
    let cut = refusal(|dir| {
        let bytes = std::fs::read(file(dir)).unwrap();
        std::fs::write(file(dir), &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(
        cut.starts_with("damaged: DIR/omnihub.db: it is cut short: "),
        "{cut}"
    );
}

#[test]
fn another_installations_keys_are_refused() {
    for key in ["installation.key", "audit.key"] {
        let path = |dir: &Path| dir.join("keys").join(key);
        let other = refusal(|dir| std::fs::write(path(dir), [7; 32]).unwrap());
        assert_eq!(
            other,
            format!("key file DIR/keys/{key}: it is not the key that this store was made with")
        );
        let short = refusal(|dir| std::fs::write(path(dir), "short").unwrap());
        assert_eq!(
            short,
            format!("key file DIR/keys/{key}: it has not 32 bytes")
        );
        let missing = refusal(|dir| std::fs::remove_file(path(dir)).unwrap());
        assert_eq!(missing, format!("cannot read DIR/keys/{key}"));
    }
}

#[test]
fn keys_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let keys = std::fs::read_dir(dir.path().join("keys")).unwrap();
    let modes: Vec<_> = keys
        .map(|key| key.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    assert_eq!(modes, [0o600, 0o600]);
    let (one, two) = (dir.path().join("keys/one"), dir.path().join("keys/two"));
    let made = store::keys::read_or_create(&one).unwrap();
    assert_eq!(store::keys::read_or_create(&one).unwrap(), made);
    assert_ne!(store::keys::read_or_create(&two).unwrap(), made);
}

#[test]
fn what_a_store_makes_is_for_its_owner_alone_whoever_made_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let set = |name: &str, mode| {
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let names = [
        "keys",
        "checkpoints",
        "omnihub.db",
        "omnihub.db-wal",
        "omnihub.db-shm",
    ];
    let modes = || names.map(|name| path(name).metadata().unwrap().permissions().mode() & 0o777);
    let private = [0o700, 0o700, 0o600, 0o600, 0o600];
    set("", 0o755);
    std::fs::create_dir(path("keys")).unwrap();
    set("keys", 0o755);
    let (mut first, _said) = holding(dir.path());
    assert_eq!(modes(), private);
    // Killed, so that the files beside the database stay.
    first.kill().unwrap();
    first.wait().unwrap();
    for name in names {
        set(name, 0o755);
    }

    let store = open(dir.path()).unwrap();

    assert_eq!(modes(), private);
    drop(store);
    set("keys/audit.key", 0o644);
    let refused = open(dir.path()).unwrap_err().to_string();
    assert!(
        refused.contains("audit.key: everybody can read or write it"),
        "{refused}"
    );
}

#[test]
fn what_breaks_a_guarantee_needs_its_marker() {
    let dir = tempfile::tempdir().unwrap();
    for setting in ["sabotage_journal", "no_sync"] {
        let mut config = StoreConfig::new(dir.path());
        config.proof.sabotage_journal = setting == "sabotage_journal";
        config.proof.no_sync = setting == "no_sync";
        let refused = Store::open(config).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("{setting} breaks a guarantee on purpose")),
            "{refused}"
        );
    }
}
