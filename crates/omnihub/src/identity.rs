//! Who a command acts as: the persona of `--as`, and tokens minted for it from the data directory's development issuer.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::id::{Subject, TenantId};
use domain::principal::{Principal, Role};
use jiff::Timestamp;
use orchestrator::auth::DevelopmentIssuer;

use crate::config::environment::variable;

/// The tenant of the local user.
const TENANT: &str = "default";

/// Somebody to act as: `SUBJECT[:ROLE[@TENANT]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Persona(pub Principal);

/// How long a token is good that a command mints for itself: longer than any command but `goal watch`.
const SHORT_TTL: Duration = Duration::from_secs(15 * 60);
/// The key of the development issuer below the data directory.
const KEY_FILE: &str = "keys/development_issuer";

/// Mints a token; makes the issuer's key where there is none.
///
/// # Errors
/// The data directory cannot be read or written.
pub(crate) fn mint(data_dir: &Path, persona: &Persona, ttl: Duration) -> Result<String> {
    let issuer = DevelopmentIssuer::open_or_create(data_dir);
    let issuer =
        issuer.with_context(|| format!("the development issuer of {}", data_dir.display()))?;
    Ok(issuer.mint(&persona.0, ttl, Timestamp::now()))
}

/// Whether a server with the development issuer has been started on the data directory.
pub(crate) fn has_issuer(data_dir: &Path) -> bool {
    data_dir.join(KEY_FILE).exists()
}

/// Mints a short token for one command; `None`: the data directory has no issuer and nobody asked for a persona.
///
/// # Errors
/// A persona was asked for and there is no issuer, or its key cannot be read.
pub(crate) fn short_token(
    data_dir: &Path,
    persona: &Persona,
    wanted: bool,
) -> Result<Option<String>> {
    if has_issuer(data_dir) {
        return mint(data_dir, persona, SHORT_TTL).map(Some);
    }
    if wanted {
        bail!(
            "--as mints a token from the data directory of the server, and {} has no issuer; name it by --data-dir",
            data_dir.display()
        );
    }
    Ok(None)
}

impl Persona {
    /// The local user: role admin of the tenant `default`.
    ///
    /// # Errors
    /// The user's name is no subject.
    pub(crate) fn local_user() -> std::result::Result<Self, String> {
        let name = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(variable);
        let name = name.filter(|name| !name.contains([':', '@']));
        name.as_deref().unwrap_or("local").parse()
    }
}

impl FromStr for Persona {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        // A subject may be an address: the role is what follows the last colon, and only there a tenant may follow.
        let (subject, rest) = text
            .rsplit_once(':')
            .map_or((text, None), |(subject, rest)| (subject, Some(rest)));
        let (role, tenant) = match rest {
            None => ("admin", TENANT),
            Some(rest) => rest.split_once('@').unwrap_or((rest, TENANT)),
        };
        let subject = Subject::try_from(subject.to_owned()).map_err(|error| error.to_string())?;
        let tenant = TenantId::try_from(tenant.to_owned()).map_err(|error| error.to_string())?;
        Ok(Self(Principal {
            tenant,
            subject,
            role: role_named(role)?,
        }))
    }
}

/// The role of that name.
///
/// # Errors
/// A sentence that lists the roles.
pub(crate) fn role_named(name: &str) -> std::result::Result<Role, String> {
    let roles = [
        Role::Authenticated,
        Role::Operator,
        Role::Auditor,
        Role::Admin,
    ];
    let names = roles.map(Role::as_str).join(", ");
    roles
        .into_iter()
        .find(|role| role.as_str() == name)
        .ok_or_else(|| format!("{name:?} is no role; there are {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: std::result::Result<(&str, &str, &str), &str>) {
        let found = text.parse::<Persona>().map(|persona| {
            let Principal {
                subject,
                role,
                tenant,
            } = persona.0;
            (
                subject.to_string(),
                role.as_str().to_owned(),
                tenant.to_string(),
            )
        });
        let expected = expected.map(|(subject, role, tenant)| {
            (subject.to_owned(), role.to_owned(), tenant.to_owned())
        });
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_persona_has_a_subject_and_may_have_a_role_and_a_tenant() {
        check("ana", Ok(("ana", "admin", "default")));
        check("ana:operator", Ok(("ana", "operator", "default")));
        check(
            "ana@example.com:auditor@acme",
            Ok(("ana@example.com", "auditor", "acme")),
        );
        check(
            "ana:king",
            Err("\"king\" is no role; there are authenticated, operator, auditor, admin"),
        );
        check(
            ":admin",
            Err("subject must match 1 to 255 bytes without control characters"),
        );
    }
}
