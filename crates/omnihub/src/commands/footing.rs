//! The flags of the demo and of proofs that say where facts are and who drives goals.
//!
//! Two variables of the environment are taken with them, since a URL has a password in it; neither changes anything by
//! itself, because who sets them may do so for a server.

use anyhow::Result;
use clap::Args;

use crate::config::environment::variable;
use crate::config::settings::Driver;
use crate::failure::Usage;
use crate::wiring;

const CONTRADICTION: &str =
    "--engine embedded drives without Temporal: leave --temporal away, or say --engine temporal";
const NO_URL: &str = "--database needs a URL, behind it or in DATABASE_URL";
const NO_CLUSTER: &str =
    "--engine temporal needs a cluster: --temporal HOST:PORT, or TEMPORAL_HOST";
const NO_DATABASE: &str =
    "what Temporal has drive shares an empty database of Postgres: --database URL, or DATABASE_URL";

/// Where facts are and who drives, as flags.
#[derive(Debug, Args)]
pub(crate) struct FootingArgs {
    /// Who drives goals: the server itself, or Temporal by an api and two workers [default: as --temporal says]
    #[arg(long, value_enum)]
    engine: Option<Driver>,
    /// An empty database of Postgres for the facts; the flag alone takes the URL of DATABASE_URL, as --engine temporal does
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    database: Option<Option<String>>,
    /// The Temporal cluster that drives goals [env: TEMPORAL_HOST, with --engine temporal]
    #[arg(long, value_name = "HOST:PORT")]
    temporal: Option<String>,
}

/// Where facts are and who drives.
#[derive(Debug, PartialEq)]
pub(crate) struct Footing {
    /// The URL of the database; `None`: facts are in the data directory.
    pub(crate) database: Option<String>,
    /// `host:port` of Temporal; `None`: the server itself drives. With one there is a database.
    pub(crate) temporal: Option<String>,
}

impl FootingArgs {
    /// Reads them, with what the environment says.
    ///
    /// # Errors
    /// What is missing, or cannot be meant together; or this program cannot do it.
    pub(crate) fn read(self) -> Result<Footing> {
        let footing = self.read_with(variable)?;
        if footing.temporal.is_some() {
            wiring::check_temporal()?;
        }
        Ok(footing)
    }

    fn read_with(self, variable: impl Fn(&str) -> Option<String>) -> Result<Footing, Usage> {
        let is_alone = matches!(self.database, Some(None));
        let database = self.database.flatten();
        let by_variable = || variable("DATABASE_URL");
        match (self.engine, self.temporal) {
            (Some(Driver::Embedded), Some(_)) => Err(usage(CONTRADICTION)),
            (None | Some(Driver::Embedded), None) => {
                let database = match is_alone {
                    false => database,
                    true => Some(by_variable().ok_or_else(|| usage(NO_URL))?),
                };
                Ok(Footing {
                    database,
                    temporal: None,
                })
            }
            (None | Some(Driver::Temporal), temporal) => {
                let temporal = temporal.or_else(|| variable("TEMPORAL_HOST"));
                let database = database.or_else(by_variable);
                Ok(Footing {
                    temporal: Some(temporal.ok_or_else(|| usage(NO_CLUSTER))?),
                    database: Some(database.ok_or_else(|| usage(NO_DATABASE))?),
                })
            }
        }
    }
}

fn usage(what: &str) -> Usage {
    Usage(what.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        footing: FootingArgs,
    }

    #[test]
    fn flags_and_variables_come_to_one_footing() {
        let both = &["DATABASE_URL=pg:env", "TEMPORAL_HOST=env:1"][..];
        for (line, environment, comes_to) in [
            ("", &[][..], "here, by itself"),
            // Who sets these may do so for a server.
            ("", both, "here, by itself"),
            ("--engine embedded", both, "here, by itself"),
            ("--database pg:flag", both, "pg:flag, by itself"),
            ("--database", both, "pg:env, by itself"),
            ("--database --engine embedded", both, "pg:env, by itself"),
            ("--engine temporal", both, "pg:env, by env:1"),
            ("--engine temporal --database", both, "pg:env, by env:1"),
            ("--temporal flag:1", both, "pg:env, by flag:1"),
            (
                "--temporal flag:1 --database pg:flag",
                both,
                "pg:flag, by flag:1",
            ),
            (
                "--engine temporal --temporal flag:1 --database pg:flag",
                &[],
                "pg:flag, by flag:1",
            ),
        ] {
            assert_eq!(check(line, environment), comes_to, "{line}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (line, environment, says) in [
            ("--database", &[][..], "--database needs a URL"),
            (
                "--engine temporal",
                &["DATABASE_URL=pg:env"],
                "--temporal HOST:PORT, or TEMPORAL_HOST",
            ),
            (
                "--engine temporal --database pg:flag",
                &[],
                "--temporal HOST:PORT, or TEMPORAL_HOST",
            ),
            (
                "--temporal flag:1",
                &["TEMPORAL_HOST=env:1"],
                "--database URL, or DATABASE_URL",
            ),
            (
                "--engine embedded --temporal flag:1",
                &[],
                "leave --temporal away",
            ),
            ("--engine telepathy", &[], "invalid value"),
        ] {
            let said = check(line, environment);
            assert!(said.contains(says), "{line}: {said}");
        }
    }

    fn check(line: &str, environment: &[&str]) -> String {
        let words = std::iter::once("line").chain(line.split_whitespace());
        let footing = match Line::try_parse_from(words) {
            Ok(line) => line.footing,
            Err(error) => return error.to_string(),
        };
        let variable = |name: &str| {
            let values = environment.iter().filter_map(|set| set.split_once('='));
            let mut values = values.filter(|(set, _)| *set == name);
            values.next().map(|(_, value)| value.to_owned())
        };
        match footing.read_with(variable) {
            Ok(Footing { database, temporal }) => format!(
                "{}, by {}",
                database.as_deref().unwrap_or("here"),
                temporal.as_deref().unwrap_or("itself")
            ),
            Err(usage) => usage.to_string(),
        }
    }
}
