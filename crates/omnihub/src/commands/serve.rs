//! `omnihub serve`: run the server in the foreground until a signal.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::prove::Sabotage;
use crate::wiring::Role;
use crate::{failure, lifeline, telemetry, wiring};

/// Run the server.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What this process is; roles other than all need Temporal to drive goals
    #[arg(long, value_enum, default_value = "all")]
    role: Role,
    /// Address to listen on
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on; 0 takes a free one and prints it
    #[arg(long)]
    port: Option<u16>,
    /// End with standard input, and remove that folder; for the demo and proofs only
    #[arg(long, value_name = "FOLDER", hide = true)]
    throw_away: Option<PathBuf>,
    /// Break a guarantee on purpose; for proofs only
    #[arg(long, value_enum, hide = true)]
    sabotage: Option<Sabotage>,
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let lifeline = self.throw_away.map(lifeline::watch).transpose()?;
        let mut flags = Vec::new();
        flags.extend(self.host.map(|host| ("--host", "api.host", host)));
        flags.extend(
            self.port
                .map(|port| ("--port", "api.port", port.to_string())),
        );
        let loaded = context.settings_with(flags)?;
        telemetry::start(&loaded.settings.log, context.global.verbose)
            .map_err(|error| loaded.blame("log.level", format!("{error:#}")))?;
        if let Some(sabotage) = self.sabotage {
            sabotage.check(&loaded.settings.data_dir)?;
        }
        let served = wiring::serve(&loaded, self.role, context.output, self.sabotage);
        if let Some(lifeline) = lifeline {
            lifeline.end(served.as_ref().is_err_and(failure::is_closed_pipe));
        }
        served
    }
}
