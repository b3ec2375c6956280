//! The files of checkpoints: what was signed last, beside the database.
//!
//! A checkpoint is in the database before it is in its file, so a file that speaks of one that the database does not hold
//! says that entries were cut off or written anew, or that the database is older than its checkpoints.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use audit::Checkpoint;

use super::SignedCheckpoint;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::shared::Shared;
use crate::{fault, keys};

/// The folder in a data directory.
const FOLDER: &str = "checkpoints";
/// How the files' names end.
const EXTENSION: &str = "checkpoint";

fn path(dir: &Path, chain: &Chain) -> PathBuf {
    dir.join(FOLDER).join(format!("{chain}.{EXTENSION}"))
}

/// Reads the file of a chain; `None`: there is none.
pub(crate) fn read(dir: &Path, chain: &Chain) -> Result<Option<String>, Error> {
    let path = path(dir, chain);
    match fs::read_to_string(&path) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// The chains that have files.
pub(crate) fn chains(dir: &Path) -> Result<Vec<Chain>, Error> {
    let folder = dir.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", folder)(error)),
    };
    let mut chains = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::file("read", &folder))?.path();
        if path.extension() == Some(OsStr::new(EXTENSION)) {
            let name = path.file_stem().and_then(OsStr::to_str);
            chains.extend(name.and_then(Chain::parse));
        }
    }
    chains.sort();
    Ok(chains)
}

/// The number of entries that a file's checkpoint speaks of.
pub(crate) fn size(note: &str) -> Result<u64, &'static str> {
    match Checkpoint::read_unverified(note) {
        Ok((checkpoint, _)) => Ok(checkpoint.size),
        Err(_) => Err("it is not a signed checkpoint"),
    }
}

/// Holds a file against the checkpoint that the database has at its size.
pub(crate) fn hold(note: &str, size: u64, held: Option<&str>) -> Result<(), String> {
    match held == Some(note) {
        true => Ok(()),
        false => Err(format!(
            "{size} entries were signed, and the database does not hold that: entries were cut off or written anew, or \
             the database is older than its checkpoints"
        )),
    }
}

/// The file of a chain, as damaged.
pub(crate) fn damage(chain: &Chain, reason: impl Into<String>) -> Damage {
    Damage::row(&format!("{FOLDER}/{chain}.{EXTENSION}"), "", reason)
}

/// Writes the newest checkpoint of a chain in place of the one before.
pub(crate) fn write(shared: &Shared, signed: &SignedCheckpoint) -> Result<(), Error> {
    let dir = shared.dir.join(FOLDER);
    let path = path(&shared.dir, &signed.chain);
    if fs::read(&path).is_ok_and(|old| old == signed.note.as_bytes()) {
        return Ok(());
    }
    let draft = dir.join(format!("{}.new", signed.chain));
    remove_old(&draft)?;
    fault::hit("checkpoint.file");
    keys::write_synced(&draft, signed.note.as_bytes())?;
    fs::rename(&draft, &path).map_err(Error::file("replace", &path))?;
    keys::sync_dir(&dir)
}

/// Removes what a crash may have left.
fn remove_old(draft: &Path) -> Result<(), Error> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", draft)(error))
        }
        _ => Ok(()),
    }
}
