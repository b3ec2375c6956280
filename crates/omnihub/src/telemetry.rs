//! What the process says of itself: `tracing` to standard error, for people or as JSON.
//!
//! Law: at no level a word of what goals are about, whichever library would say it.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result, bail};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::settings::{Log, LogFormat};

/// The levels, as the settings name them.
const LEVELS: &str = "error, warn, info, debug, trace and off";

/// What is added to a plain level.
const SDK: &str = ",temporalio_client=error,temporalio_sdk=error,temporalio_sdk_core=error";

/// What says statements with all that is written by them, from `debug` on.
const STATEMENTS: &str = "tokio_postgres";

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
    let filter = filter(&quiet(level))?;
    let colours = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false);
    match log.format {
        LogFormat::Text => subscriber.finish().with(filter_fn(may_be_said)).init(),
        LogFormat::Json => {
            let subscriber = subscriber.json().flatten_event(true).finish();
            subscriber.with(filter_fn(may_be_said)).init();
        }
    }
    Ok(())
}

/// Whether something may be said at all: this is no part of the filter, which an operator writes.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with(STATEMENTS)
}

/// A level, with Temporal's SDK told to say less: what matters of it we say ourselves, and it warns of every repeat.
fn quiet(level: &str) -> String {
    match level {
        "info" | "warn" | "debug" => format!("{level}{SDK}"),
        level if level.starts_with("info,omnihub=") => format!("{level}{SDK}"),
        level => level.to_owned(),
    }
}

/// Reads a level or a filter. A lone word that is no level would be taken for a part of the program and silence the rest.
fn filter(text: &str) -> Result<EnvFilter> {
    for word in text.split(',') {
        let level = !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        if !level && !word.contains(['=', '[']) {
            bail!(
                "{word:?} is no level; there are {LEVELS}, and filters such as \"info,hyper=warn\""
            );
        }
    }
    EnvFilter::builder()
        .parse(text)
        .with_context(|| format!("{text:?} is no filter; the levels are {LEVELS}"))
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_level_or_a_filter_is_taken_and_nothing_else() {
        for good in [
            "info",
            "WARN",
            "off",
            "info,hyper=warn",
            "debug,agent=trace",
            "[goal]=debug",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["bogus", "", "info,bogus", "info,", "hyper=loud", "inf"] {
            let said = filter(bad).unwrap_err().to_string();
            assert!(
                said.contains("error, warn, info, debug, trace"),
                "{bad}: {said}"
            );
        }
    }
}
