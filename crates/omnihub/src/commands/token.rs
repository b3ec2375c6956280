//! `omnihub token mint`: tokens of the data directory's development issuer; a running server goes on.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use domain::id::{Subject, TenantId};
use domain::principal::{Principal, Role};
use serde_json::json;

use crate::context::Context;
use crate::failure::Usage;
use crate::identity::{self, Persona, role_named};

/// Longest a token may be good: a month.
const TTL_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);

/// Mint tokens of the development issuer.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Print a token that the server on this data directory takes
    Mint(Mint),
}

/// Whose token, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Mint {
    /// Who it speaks for
    #[arg(long, value_parser = subject)]
    subject: Subject,
    /// The tenant they belong to
    #[arg(long, default_value = "default", value_parser = tenant)]
    tenant: TenantId,
    /// What they may do: authenticated, operator, auditor or admin
    #[arg(long, default_value = "authenticated", value_parser = role_named)]
    role: Role,
    /// How long it is good, such as 30s, 15m, 1h or 7d
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: Duration,
}

impl Token {
    /// Runs the command.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Self::Mint(mint) = self;
        let settings = context.settings()?.settings;
        if !settings.auth.development {
            return Err(Usage(
                "auth.development is off: the server would not take such a token".to_owned(),
            )
            .into());
        }
        if !identity::has_issuer(&settings.data_dir) {
            bail!(
                "{} holds no installation: no server would take a token of it. `omnihub serve` makes one there; \
                 --data-dir names another",
                settings.data_dir.display()
            );
        }
        let persona = Persona(Principal {
            tenant: mint.tenant,
            subject: mint.subject,
            role: mint.role,
        });
        let token = identity::mint(&settings.data_dir, &persona, mint.ttl)?;
        if context.output.is_json() {
            return Ok(context
                .output
                .json(&json!({ "token": token, "expires_in": mint.ttl.as_secs() }))?);
        }
        Ok(context.output.line(token)?)
    }
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time like 30s, 15m, 1h or 7d, of at most 31 days");
    let digits = text.trim_end_matches(|char: char| !char.is_ascii_digit());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 24 * 3_600,
        _ => return Err(wrong()),
    };
    let seconds = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    let ttl = seconds
        .map(Duration::from_secs)
        .filter(|ttl| !ttl.is_zero() && *ttl <= TTL_MAX);
    ttl.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_a_limit() {
        let seconds = |text: &str| duration(text).ok().map(|ttl| ttl.as_secs());
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("1h"), Some(3_600));
        assert_eq!(seconds("7d"), Some(604_800));
        for wrong in ["", "0s", "h", "1w", "-1h", "32d", "99999999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
