//! The outbox: a folder of `.eml` files, for installations without an SMTP server.
//!
//! A file is named by the mail's key and appears whole or not at all, so a repeat leaves one mail.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tokio::time::{Instant, timeout_at};

use crate::error::Error;
use crate::failure::{Failure, Stage};

/// The folder.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::Email {
            setting: "smtp",
            reason: format!(
                "is absent, and the outbox {} cannot be made: {error}",
                folder.display()
            ),
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

fn write(path: &Path, mail: &[u8]) -> Result<(), Failure> {
    let failed = |stage, error: io::Error| {
        Failure::new(
            stage,
            "email.outbox",
            format!("the outbox cannot be written: {error}"),
        )
    };
    let unfinished = path.with_extension("tmp");
    let wrote = File::create(&unfinished)
        .and_then(|mut file| file.write_all(mail).and_then(|()| file.sync_all()));
    wrote.map_err(|error| failed(Stage::NotSent, error))?;
    fs::rename(&unfinished, path).map_err(|error| failed(Stage::NotSent, error))?;
    let folder = path.parent().map_or_else(|| File::open("."), File::open);
    folder
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(Stage::Sent, error))
}
