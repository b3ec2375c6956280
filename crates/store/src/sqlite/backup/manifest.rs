//! The manifest of a backup: what it is a copy of, and the digest of each of its files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::keys::{sync_dir, write_synced};

/// The form that backups have today.
pub(super) const FORMAT: u32 = 1;
/// The manifest's file.
const NAME: &str = "manifest.json";
/// Bytes of a manifest: checkpoints are a file a tenant, of some hundred bytes here.
const BYTES_MAX: u64 = 64 * 1_048_576;
/// Bytes read of a file at once.
const PIECE_BYTES: usize = 65_536;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the backup.
    pub(super) format: u32,
    /// Whose store it is.
    pub installation: String,
    /// The store's epoch.
    pub epoch: u64,
    /// When the copy was begun; all that was answered before is in it.
    pub taken_at: Timestamp,
    /// Goals in it.
    pub goals: u64,
    /// Those of them that had not ended.
    pub open_goals: u64,
    /// Its files by their paths within it.
    pub files: BTreeMap<String, FileDigest>,
}

/// What a file has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self).map_err(|_| Error::Unwritable("a manifest"))?;
        write_synced(&dir.join(NAME), &text)?;
        sync_dir(dir)
    }

    /// Reads the manifest of a backup and holds every file against it.
    pub(super) fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let file = fs::File::open(&path).map_err(Error::file("read", &path))?;
        let mut text = String::new();
        file.take(BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(Error::file("read", &path))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| backup(dir, format!("{NAME} cannot be read: {error}")))?;
        if manifest.format != FORMAT {
            let found = manifest.format;
            let reason = format!("it has form {found}; this program knows form {FORMAT}");
            return Err(backup(dir, reason));
        }
        let found = files(dir)?;
        for (name, wanted) in &manifest.files {
            match found.get(name) {
                Some(file) if file == wanted => {}
                Some(_) => return Err(backup(dir, format!("{name} is not what was written"))),
                None => return Err(backup(dir, format!("{name} is missing"))),
            }
        }
        match found
            .keys()
            .find(|name| !manifest.files.contains_key(*name))
        {
            Some(added) => Err(backup(dir, format!("{added} was added"))),
            None => Ok(manifest),
        }
    }
}

fn backup(dir: &Path, reason: String) -> Error {
    Error::Backup {
        path: dir.to_owned(),
        reason,
    }
}

/// Digests the files of a backup but the manifest, those in its folders included.
pub(super) fn files(dir: &Path) -> Result<BTreeMap<String, FileDigest>, Error> {
    let mut files = BTreeMap::new();
    for folder in super::FOLDERS.into_iter().chain([""]) {
        let path = dir.join(folder);
        for entry in fs::read_dir(&path).map_err(Error::file("read", &path))? {
            let path = entry.map_err(Error::file("read", &path))?.path();
            let name = path.strip_prefix(dir).unwrap_or(&path);
            let name = name.to_string_lossy().into_owned();
            if path.is_file() && name != NAME {
                files.insert(name, digest(&path)?);
            }
        }
    }
    Ok(files)
}

fn digest(path: &Path) -> Result<FileDigest, Error> {
    let error = |error| Error::file("read", path)(error);
    let mut file = fs::File::open(path).map_err(error)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let size = file
            .read(&mut piece)
            .map_err(|error| Error::file("read", path)(error))?;
        if size == 0 {
            break;
        }
        bytes += size as u64;
        hash.update(piece.get(..size).unwrap_or_default());
    }
    let hash = hash.finalize();
    Ok(FileDigest {
        bytes,
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}
