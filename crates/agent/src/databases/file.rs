//! The file that a database was opened as, told from another that has taken its place since.
//!
//! SQLite goes on with the file that it opened: after a rename over it, writes would land where nobody ever looks.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::refusal::Refusal;

/// A file and which one it was.
#[derive(Debug)]
pub(super) struct OpenedFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl OpenedFile {
    /// The file that is there now. Taken before the database is opened, so that a change in between is noticed.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let identity = identity(&fs::metadata(path)?);
        Ok(Self {
            path: path.to_owned(),
            identity,
        })
    }

    /// Refuses where the path leads to another file, or to none.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(metadata) if identity(&metadata) == self.identity => Ok(()),
            Ok(_) => Err(Refusal::transient(
                "database.replaced",
                format!(
                    "the file {path} was replaced since it was opened; a restart opens the new one"
                ),
            )),
            Err(error) => Err(Refusal::transient(
                "database.replaced",
                format!("the file {path} is not where it was opened any more: {error}"),
            )),
        }
    }
}

/// Device and inode: no other file has both while this one is open.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
