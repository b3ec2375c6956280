//! Key files: 32 random bytes each, readable by their owner alone, made whole or not at all.
//!
//! A key is written beside its name, synced, and linked to the name, so that neither a crash nor a second process can
//! leave half a key or replace one that is in use.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::Error;

/// Bytes of a key: what Ed25519 seeds and HMAC-SHA-256 keys have.
pub const KEY_BYTES: usize = 32;

/// Reads a key file.
///
/// # Errors
/// [`Error::File`] where it cannot be read, [`Error::Key`] where it is no key.
pub fn read(path: &Path) -> Result<[u8; KEY_BYTES], Error> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    bytes.try_into().map_err(|_| Error::Key {
        path: path.to_owned(),
        reason: "it has not 32 bytes",
    })
}

/// Reads a key file, or makes it with random bytes where there is none; its folder is made too.
///
/// # Errors
/// As [`read`], and [`Error::File`] where it cannot be written.
pub fn read_or_create(path: &Path) -> Result<[u8; KEY_BYTES], Error> {
    if path.try_exists().map_err(Error::file("read", path))? {
        return read(path);
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir(dir)?;
    let mut key = [0; KEY_BYTES];
    let mut suffix = [0; 8];
    for random in [&mut key[..], &mut suffix[..]] {
        let filled = getrandom::fill(random).map_err(std::io::Error::other);
        filled.map_err(Error::file("make random bytes for", path))?;
    }
    let draft = path.with_extension(format!("{:016x}.new", u64::from_be_bytes(suffix)));
    write_synced(&draft, &key)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(Error::file("remove", &draft))?;
    match linked {
        Ok(()) => {
            sync_dir(dir)?;
            Ok(key)
        }
        // Another process was quicker; its key is the key.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(Error::file("create", path)(error)),
    }
}

/// Makes a folder for its owner alone, durably, with its parents.
pub(crate) fn create_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(Error::file("create", dir))?;
    match dir.parent() {
        Some(parent) if parent != Path::new("") => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Writes a new file for its owner alone and syncs it.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    written.map_err(Error::file("write", path))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::file("sync", dir))
}
