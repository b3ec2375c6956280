//! `omnihub backup` and `omnihub restore`: a copy of the store, wherever it is, and a store made from one.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::identity::Persona;
use crate::output::Tone;
use crate::wiring;

/// Copy the store into a new folder, also while a server works
///
/// The copy holds the keys: keep it as secret as the data directory. It is the same for a store on Postgres, and either is
/// restored to wherever the settings say.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to make
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Make the store from a backup, on hold
///
/// The data directory must not be there yet, and with store.url the database must hold no store, and its role must own the
/// schema as the first start's did. Every tenant is on hold afterwards: look at what happened since the backup, then lift
/// each hold (PUT /api/v1/admin/emergency_controls, scope "all", mode "off"). A server that still has the database open
/// writes nothing to it and ends by itself.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Backup {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<()> {
        let location = wiring::store_location(&context.settings()?.settings);
        let manifest = location.back_up(&self.folder).await?;
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
    pub(crate) async fn run(&self, context: &Context) -> Result<()> {
        let location = wiring::store_location(&context.settings()?.settings);
        let by = Persona::local_user().map_err(|error| anyhow!("the local user: {error}"))?;
        let restored = location.restore(&self.folder, &by.0.subject).await?;
        if context.output.is_json() {
            return Ok(context.output.json(&json!({
                "data_dir": location.dir(),
                "store": location.to_string(),
                "epoch": restored.epoch,
                "held_tenants": restored.tenants,
                "backup": restored.manifest,
            }))?);
        }
        let done = format!(
            "{} goals as of {} in {}, epoch {}",
            restored.manifest.goals, restored.manifest.taken_at, location, restored.epoch
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
