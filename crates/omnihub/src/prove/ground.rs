//! The ground that a proof stands on: a fresh folder with settings, the shop's database and a data directory of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::plot::Places;
use super::sabotage;
use super::shop::{self, Shop};
use crate::identity::{self, Persona};
use crate::lifeline;

/// How long tokens are good: longer than any run.
const TOKEN_TTL: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A folder of its own; it goes with this value unless it is kept.
#[derive(Debug)]
pub(crate) struct Ground {
    folder: TempDir,
    /// The shop.
    pub(crate) shop: Shop,
}

impl Ground {
    /// Lays everything out; `facts`: settings of where the facts are to be, instead of the data directory, and who drives.
    ///
    /// # Errors
    /// There is no place for files.
    pub(crate) fn lay_out(places: Places, facts: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("omnihub-prove-")
            .tempdir()
            .context("no folder for the proof")?;
        lifeline::mark(folder.path()).context("no folder for the proof")?;
        let shop = Shop::lay_out(folder.path())?;
        let ground = Self { folder, shop };
        std::fs::write(ground.settings(), settings(places, facts))
            .context("the proof's settings")?;
        std::fs::create_dir(ground.data_dir()).context("the proof's data directory")?;
        std::fs::write(ground.data_dir().join(sabotage::MARKER), "")
            .context("the proof's data directory")?;
        Ok(ground)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.file("omnihub.toml")
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.file("data")
    }

    /// A file of the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A token of the data directory's own issuer for `SUBJECT:ROLE`.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub(crate) fn token(&self, who: &str) -> Result<String> {
        let persona: Persona = who.parse().map_err(anyhow::Error::msg)?;
        identity::mint(&self.data_dir(), &persona, TOKEN_TTL)
    }

    /// Keeps the folder when the proof is over.
    pub(crate) fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }
}

fn settings(places: Places, facts: &str) -> String {
    let Places {
        declared,
        undeclared,
    } = places;
    let shop = shop::SETTINGS;
    format!(
        r#"data_dir = "data"

[log]
level = "warn"

{facts}
[limits]
open_goals_max = 1000000

[outbound]
allow = ["{declared}", "{undeclared}"]

[[outbound.receivers]]
host = "{declared}"
idempotency = "key"
window_hours = 24
{shop}"#
    )
}
