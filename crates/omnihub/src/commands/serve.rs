//! `omnihub serve`: run the server in the foreground until a signal.

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::prove::Sabotage;
use crate::wiring::Role;
use crate::{telemetry, wiring};

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
    /// Break a guarantee on purpose; for proofs only
    #[arg(long, value_enum, hide = true)]
    sabotage: Option<Sabotage>,
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
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
        wiring::serve(&loaded, self.role, context.output, self.sabotage)
    }
}
