//! Backups: a copy of a store as it was at one moment, made while a server works, and a store made from one.
//!
//! A backup is a folder: the database, as SQLite copies it in one read transaction or written from one of Postgres, the
//! keys, the signed checkpoints, and a manifest with the digest of each file. Whoever has the keys can sign and mint, so a backup is as secret as the data
//! directory.

pub(crate) mod copy;
mod manifest;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

pub use self::manifest::{FileDigest, Manifest};
pub use self::restore::{Restored, restore};

use crate::error::Error;
use crate::keys::{create_dir, sync_dir, write_synced};
use crate::sqlite::{DATABASE, connection, epoch, installation, schema};

/// The folders of a data directory that a backup takes with the database.
const FOLDERS: [&str; 2] = ["checkpoints", "keys"];

/// Copies the store of a data directory into a new folder; a server may be running. Blocks for as long as the files take.
///
/// # Errors
/// [`Error::Exists`] where the folder is there already; [`Error`] where the store cannot be read or the copy not written.
/// Nothing is left behind then.
pub fn back_up(dir: &Path, target: &Path) -> Result<Manifest, Error> {
    let draft = Folder::begin(target)?;
    let manifest = copy_store(dir, draft.path())?;
    draft.keep()?;
    Ok(manifest)
}

/// A folder that is built beside its name and gets the name once it is whole; dropped before, it is removed.
pub(crate) struct Folder {
    path: PathBuf,
    target: PathBuf,
    parent: PathBuf,
}

impl Folder {
    /// Begins a folder of that name, which must not be taken.
    pub(crate) fn begin(target: &Path) -> Result<Self, Error> {
        if is_taken(target)? {
            return Err(Error::Exists {
                path: target.to_owned(),
            });
        }
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        create_dir(&parent)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.unfinished", std::process::id()));
        let path = parent.join(name);
        // Of a process of that number that was killed.
        if path.exists() {
            fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        create_dir(&path)?;
        Ok(Self {
            path,
            target: target.to_owned(),
            parent,
        })
    }

    /// Where it is until it is whole.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name; takes the place of an empty folder of that name too.
    pub(crate) fn keep(self) -> Result<(), Error> {
        fs::rename(&self.path, &self.target).map_err(Error::file("create", &self.target))?;
        sync_dir(&self.parent)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Kept, it is there no more. What cannot be removed says by its name that it is nothing.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Whether a path holds anything but an empty folder.
fn is_taken(path: &Path) -> Result<bool, Error> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

fn copy_store(dir: &Path, draft: &Path) -> Result<Manifest, Error> {
    let path = dir.join(DATABASE);
    fs::metadata(&path).map_err(Error::file("read", &path))?;
    connection::check(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags)?;
    schema::check_version(&conn, &path)?;
    copy_folders(dir, draft)?;
    let taken_at = Timestamp::now();
    let copy = draft.join(DATABASE);
    let name = copy.to_str().ok_or(Error::Unwritable("a folder's name"))?;
    conn.execute("VACUUM INTO ?1", [name])?;
    finish(draft, taken_at)
}

/// Copies what a backup takes beside the database. Before it, since a checkpoint must not speak of entries that come after
/// the copy.
pub(crate) fn copy_folders(dir: &Path, draft: &Path) -> Result<(), Error> {
    for folder in FOLDERS {
        copy_folder(&dir.join(folder), &draft.join(folder))?;
    }
    Ok(())
}

/// Writes the manifest of a backup that has all its files.
pub(crate) fn finish(draft: &Path, taken_at: Timestamp) -> Result<Manifest, Error> {
    let copy = draft.join(DATABASE);
    restrict(&copy)?;
    let copied = connection::open_reader(&copy)?;
    let (installation, _) = installation::public(&copied, draft)?;
    let count = |sql: &str| -> Result<u64, Error> {
        let count: i64 = copied.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let manifest = Manifest {
        format: manifest::FORMAT,
        installation,
        epoch: u64::try_from(epoch::read(&copied)?).unwrap_or(0),
        taken_at,
        goals: count("SELECT count(*) FROM goals")?,
        open_goals: count("SELECT count(*) FROM goals WHERE finished_at IS NULL")?,
        files: manifest::files(draft)?,
    };
    manifest.write(draft)?;
    Ok(manifest)
}

/// Copies the files of a folder, each synced.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    create_dir(to)?;
    for entry in fs::read_dir(from).map_err(Error::file("read", from))? {
        let path = entry.map_err(Error::file("read", from))?.path();
        // Drafts of files are written beside their names and are nothing yet.
        let (true, Some(name)) = (path.is_file(), path.file_name()) else {
            continue;
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file("read", path)(error)),
        };
        write_synced(&to.join(name), &bytes)?;
    }
    sync_dir(to)
}

/// Makes a file its owner's alone, and durable.
fn restrict(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let done = fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::File::open(path)?.sync_all());
    done.map_err(Error::file("sync", path))
}
