//! What the process says of itself: `tracing` to standard error, for people or as JSON.

use std::io::IsTerminal as _;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use crate::config::settings::{Log, LogFormat};

/// Starts telling. `verbose` counts `-v`: once our own details, twice everybody's.
///
/// # Errors
/// The level is no filter.
pub(crate) fn start(log: &Log, verbose: u8) -> Result<()> {
    let level = match verbose {
        0 => log.level.as_str(),
        1 => "info,omnihub=debug,orchestrator=debug,engine=debug,agent=debug,store=debug",
        _ => "trace",
    };
    let filter = EnvFilter::builder().parse(level)?;
    let colours = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
