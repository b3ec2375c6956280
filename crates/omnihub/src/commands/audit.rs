//! `omnihub audit …`: verify, export and read the evidence. Verifying needs no server and trusts none.

mod read;
mod verify;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use domain::id::TenantId;

use self::verify::Verify;
use crate::context::Context;
use crate::wiring;

/// Verify, export and read the evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify an export, or a data directory also while a server writes to it
    Verify(Verify),
    /// Export the tenant's evidence as JSON lines that `audit verify` takes anywhere
    Export {
        /// The file to write [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List the tenant's entries, newest first, or show one
    Show(Show),
    /// Print the newest signed checkpoint of a data directory, to be kept elsewhere
    Checkpoint {
        /// Whose evidence
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Print the public key that a data directory's checkpoints are signed by, to be kept elsewhere
    Key,
}

/// Which entries are shown.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The entry; without it entries are listed
    #[arg(value_name = "ENTRY", conflicts_with_all = ["actor", "action", "resource", "correlation", "from", "to"])]
    id: Option<String>,
    /// Only what this one did
    #[arg(long, value_name = "SUBJECT")]
    actor: Option<String>,
    /// Only acts of this name, such as effect.admitted
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Only what belongs to this goal (its trace id) or request
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// Not before this time
    #[arg(long, value_name = "TIME")]
    from: Option<jiff::Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    to: Option<jiff::Timestamp>,
    /// Most entries
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// The page after this one, as a list before has said
    #[arg(long)]
    cursor: Option<String>,
}

impl Audit {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Verify(verify) => verify.run(context).await,
            Self::Export { output } => read::export(context, output).await,
            Self::Show(show) => show.run(context).await,
            Self::Checkpoint { tenant } => checkpoint(context, &tenant),
            Self::Key => {
                let location = wiring::store_location(&context.settings()?.settings);
                let key = location.verifier_key().await;
                let key = key.with_context(|| format!("the store in {location}"))?;
                Ok(context.output.line(key.to_string())?)
            }
        }
    }
}

fn checkpoint(context: &Context, tenant: &str) -> Result<()> {
    TenantId::try_from(tenant.to_owned())?;
    let dir = context.settings()?.settings.data_dir;
    let path = dir.join("checkpoints").join(format!("{tenant}.checkpoint"));
    let note = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "{}: a server signs one within a minute of the first entry",
            path.display()
        )
    })?;
    Ok(context.output.line(note.trim_end_matches('\n'))?)
}
