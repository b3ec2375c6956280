//! The lock on the data directory: one process at a time.
//!
//! An advisory lock of the kernel on the file `lock`, so that it ends with the process however that ends. The file holds
//! the process's number, for the message that the second one gives.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// The held lock; dropping it lets the next process in.
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock on a data directory.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("lock");
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = open.map_err(Error::file("open", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid)
                .map_err(Error::file("read", &path))?;
            let pid = pid.trim();
            let pid = if pid.is_empty() { "unknown" } else { pid }.to_owned();
            return Err(Error::InUse {
                path: dir.to_owned(),
                pid,
            });
        }
        let write = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        write.map_err(Error::file("write", &path))?;
        Ok(Self { file })
    }

    /// The file that is locked, by the numbers of its device and its own: while it is held no other file of this machine has
    /// both.
    pub(crate) fn file(&self) -> Result<(u64, u64), Error> {
        let about = self.file.metadata().map_err(Error::file("read", "lock"))?;
        Ok((about.dev(), about.ino()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would leave the lock with a child of this process that has yet to begin its own program.
        flock(&self.file, FlockOperation::Unlock).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::Lock;
    use crate::error::Error;

    #[test]
    fn what_was_let_go_can_be_taken_although_a_child_still_has_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        // As a fork copies it.
        let inherited = lock.file.try_clone().unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(Error::InUse { .. })));

        drop(lock);

        Lock::take(dir.path()).unwrap();
        drop(inherited);
    }
}
