//! Key files: 32 random bytes each, readable by their owner alone, made whole or not at all.
//!
//! A key is written beside its name, synced, and linked to the name, so that neither a crash nor a second process can
//! leave half a key or replace one that is in use.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::Error;

/// Bytes of a key: what Ed25519 seeds and HMAC-SHA-256 keys have.
pub const KEY_BYTES: usize = 32;
/// What others than the owner and the owner's group may do.
const OTHERS: u32 = 0o007;

/// Reads a key file.
///
/// # Errors
/// [`Error::File`] where it cannot be read, [`Error::Key`] where it is no key.
pub fn read(path: &Path) -> Result<[u8; KEY_BYTES], Error> {
    let about = fs::metadata(path).map_err(Error::file("read", path))?;
    if about.permissions().mode() & OTHERS != 0 {
        return Err(Error::Key {
            path: path.to_owned(),
            reason: "everybody can read or write it; if nobody did, make it private (chmod 600) and start again",
        });
    }
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
    create_private_dir(dir)?;
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

/// Reads the name that a file holds for somebody, or gives it a new one where it holds none, or somebody else's. Whoever
/// asks is alone with the folder.
///
/// # Errors
/// [`Error::File`] where the file can be neither read nor made.
pub(crate) fn read_or_create_name(path: &Path, of: &str) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(name) if name.trim().ends_with(of) => return Ok(name.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::file("read", path)(error)),
    }
    let name = format!("{}/{of}", uuid::Uuid::now_v7());
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::file("remove", &draft)(error));
        }
        _ => {}
    }
    write_synced(&draft, name.as_bytes())?;
    fs::rename(&draft, path).map_err(Error::file("create", path))?;
    Ok(name)
}

/// Makes a folder of ours for its owner alone; one that is there becomes its owner's alone.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), Error> {
    create_dir(dir)?;
    make_private(dir, 0o700)
}

/// Makes a folder for its owner alone, durably, with its parents; one that is there stays as it is.
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

/// Makes a file for its owner alone where there is none; one that is there becomes its owner's alone.
pub(crate) fn create_file(path: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    let opened = options.append(true).create(true).mode(0o600).open(path);
    opened.map_err(Error::file("create", path))?;
    make_private(path, 0o600)
}

/// Takes away what others may do with a file or folder.
pub(crate) fn make_private(path: &Path, mode: u32) -> Result<(), Error> {
    let about = fs::metadata(path).map_err(Error::file("read", path))?;
    if about.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let private = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, private).map_err(Error::file("make private", path))
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
