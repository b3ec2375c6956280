//! `omnihub config …`: the settings in force with where each comes from, and every setting there is.

use anyhow::Result;
use clap::Subcommand;

use crate::config::{example, plain, show};
use crate::context::Context;

/// Show the settings in force, or every setting there is.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show the settings in force; secrets are hidden
    Show {
        /// Say where each comes from: default, FILE:LINE, env NAME or flag NAME
        #[arg(long)]
        origin: bool,
    },
    /// Print a settings file with every setting and its meaning
    Example,
}

impl Config {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let output = context.output;
        let origin = match self {
            Self::Example => {
                let text = example::text();
                return Ok(output.line(text.trim_end())?);
            }
            Self::Show { origin } => origin,
        };
        let values = show::values(&context.settings()?);
        if output.is_json() {
            return Ok(output.json(&values)?);
        }
        if origin {
            let rows = values
                .into_iter()
                .map(|shown| [shown.key, plain(&shown.value), shown.origin]);
            return Ok(output.table(
                ["setting", "value", "from"],
                rows.collect(),
                "no settings",
            )?);
        }
        for shown in values {
            output.line(format!("{} = {}", shown.key, shown.value))?;
        }
        Ok(())
    }
}
