//! `omnihub backup` and `omnihub restore`: a copy of the data directory's store, and a data directory made from one.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use serde_json::json;
use store::Location;

use crate::context::Context;
use crate::identity::Persona;
use crate::output::Tone;
use crate::wiring;

/// Copy the store into a new folder, also while a server works
///
/// The copy holds the keys: keep it as secret as the data directory.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to make
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Make the data directory from a backup, on hold
///
/// The data directory must not be there yet. Every tenant is on hold afterwards: look at what happened since the backup,
/// then lift each hold (PUT /api/v1/admin/emergency_controls, scope "all", mode "off").
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// The data directory of a store that is all in there.
fn data_dir(context: &Context) -> Result<PathBuf> {
    let settings = context.settings()?.settings;
    match wiring::store_location(&settings) {
        Location::Directory(config) => Ok(config.dir),
        Location::Database(_) => bail!(
            "the facts are in a database: back it up with its own tools (pg_dump, or the provider's), and the folders \
             keys and checkpoints of {} with it",
            settings.data_dir.display()
        ),
    }
}

impl Backup {
    /// Runs the command.
    pub(crate) fn run(&self, context: &Context) -> Result<()> {
        let dir = data_dir(context)?;
        let manifest = store::back_up(&dir, &self.folder)?;
        if context.output.is_json() {
            return Ok(context
                .output
                .json(&json!({ "folder": self.folder, "backup": manifest }))?);
        }
        let done = format!(
            "{} goals, {} of them open, as of {}: {} ({} kB)",
            manifest.goals,
            manifest.open_goals,
            manifest.taken_at,
            self.folder.display(),
            manifest.bytes() / 1_024
        );
        Ok(context
            .output
            .line(context.output.paint(Tone::Good, &done))?)
    }
}

impl Restore {
    /// Runs the command.
    pub(crate) fn run(&self, context: &Context) -> Result<()> {
        let dir = data_dir(context)?;
        let by = Persona::local_user().map_err(|error| anyhow!("the local user: {error}"))?;
        let restored = store::restore(&self.folder, &dir, &by.0.subject)?;
        if context.output.is_json() {
            return Ok(context.output.json(&json!({
                "data_dir": dir,
                "epoch": restored.epoch,
                "held_tenants": restored.tenants,
                "backup": restored.manifest,
            }))?);
        }
        let done = format!(
            "{} goals as of {} in {}, epoch {}",
            restored.manifest.goals,
            restored.manifest.taken_at,
            dir.display(),
            restored.epoch
        );
        context
            .output
            .line(context.output.paint(Tone::Good, &done))?;
        let held = format!(
            "  {} tenants are on hold: what came after the backup is in the world and not in the store; look at it, \
             then lift each hold",
            restored.tenants
        );
        Ok(context
            .output
            .line(context.output.paint(Tone::Care, &held))?)
    }
}
