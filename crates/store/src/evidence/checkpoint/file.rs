//! The files of checkpoints: what was signed last, beside the database.
//!
//! A checkpoint is in the database before it is in its file, so a file that speaks of one that the database does not hold
//! says that entries were cut off or written anew, or that the database is older than its checkpoints.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use audit::Checkpoint;
use rusqlite::Connection;

use super::{SignedCheckpoint, find};
use crate::error::{Damage, Error};
use crate::shared::Shared;
use crate::tenants::{self, Chain, Range};
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
fn chains(dir: &Path) -> Result<Vec<Chain>, Error> {
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

/// Names the files that speak of what the database does not hold. The files have to be read before the database.
pub(crate) fn damages(conn: &Connection, dir: &Path) -> Result<Vec<(Chain, Damage)>, Error> {
    let mut damages = Vec::new();
    for chain in chains(dir)? {
        let Some(note) = read(dir, &chain)? else {
            continue;
        };
        if let Some(reason) = unheld(conn, &chain, &note)? {
            let file = format!("{FOLDER}/{chain}.{EXTENSION}");
            damages.push((chain, Damage::row(&file, "", reason)));
        }
    }
    Ok(damages)
}

fn unheld(conn: &Connection, chain: &Chain, note: &str) -> Result<Option<String>, Error> {
    let Ok((checkpoint, _)) = Checkpoint::read_unverified(note) else {
        return Ok(Some("it is not a signed checkpoint".to_owned()));
    };
    let held = match tenants::number(conn, chain.as_str())? {
        Some(number) => find(conn, Range::of(number).at(checkpoint.size)),
        None => Ok(None),
    };
    let held = match held {
        Err(Error::Damaged(damage)) => return Ok(Some(damage.to_string())),
        held => held?,
    };
    let size = checkpoint.size;
    Ok((held.as_deref() != Some(note)).then(|| {
        format!(
            "{size} entries were signed, and the database does not hold that: entries were cut off or written anew, or \
             the database is older than its checkpoints"
        )
    }))
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
