//! The outbox: a folder of `.eml` files, for installations without an SMTP server.
//!
//! A file is named by the mail's key and appears whole or not at all, so a repeat leaves one mail. Only the user that the
//! process runs as can read it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::failure::{Failure, Stage};

/// The folder's mode: its owner's alone.
const FOLDER_MODE: u32 = 0o700;
/// A mail's mode: its owner's alone.
const MAIL_MODE: u32 = 0o600;
/// The bits of a mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;

/// The folder.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Email {
            setting: "smtp",
            reason: format!("is absent, and the outbox {} {reason}", folder.display()),
        };
        make(folder).map_err(|error| wrong(format!("cannot be made: {error}")))?;
        close_to_others(folder).map_err(|error| {
            wrong(format!(
                "can be read by others and cannot be closed to them: {error}; `chmod 700` it as its owner, or move it away"
            ))
        })?;
        Ok(Self(folder.to_owned()))
    }

    /// Writes one mail, durably.
    pub(super) async fn write(
        &self,
        key: &str,
        mail: Vec<u8>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let path = self.0.join(format!("{key}.eml"));
        let writing = tokio::task::spawn_blocking(move || write(&path, &mail));
        match timeout_at(deadline, writing).await {
            Ok(Ok(written)) => written,
            Ok(Err(stopped)) => Err(Failure::new(
                Stage::Sent,
                "email.outbox",
                format!("the writing stopped: {stopped}"),
            )),
            Err(_) => Err(Failure::new(
                Stage::Sent,
                "email.timeout",
                "the outbox did not answer in time",
            )),
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
}

/// A folder that was there already may be open to others.
fn close_to_others(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))
}

/// Writes a file that is its owner's alone, also where one was left half-written by an earlier version.
fn write_for_owner(path: &Path, mail: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = options.mode(MAIL_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MAIL_MODE))?;
    file.write_all(mail)?;
    file.sync_all()
}

fn write(path: &Path, mail: &[u8]) -> Result<(), Failure> {
    let failed = |stage, error: io::Error| {
        Failure::new(
            stage,
            "email.outbox",
            format!("the outbox cannot be written: {error}"),
        )
    };
    let unfinished = path.with_extension("tmp");
    write_for_owner(&unfinished, mail).map_err(|error| failed(Stage::NotSent, error))?;
    fs::rename(&unfinished, path).map_err(|error| failed(Stage::NotSent, error))?;
    let folder = path.parent().map_or_else(|| File::open("."), File::open);
    folder
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(Stage::Sent, error))
}
