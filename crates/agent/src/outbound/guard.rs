//! Decides where a request may go: one look-up, every address judged, and the connection goes to what was judged.
//!
//! Literal addresses take the same way as names, and so does every hop of a redirect (CONTRACT §3).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::address::not_public;
use super::host::{HostPattern, authority};
use crate::failure::{Failure, Stage};

/// Tells the addresses of a name; none: it has none.
pub type Answers = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// How names become addresses.
#[derive(Clone)]
pub enum Resolver {
    /// The operating system's resolver.
    System,
    /// Answers from a function, for instance a table.
    Given(Arc<Answers>),
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Given(_) => "Given",
        })
    }
}

/// The guard: what is allowed beside public addresses, and how names are resolved.
#[derive(Debug)]
pub(super) struct Guard {
    allow: Vec<HostPattern>,
    resolver: Resolver,
}

/// Where a request goes: checked, and pinned to the addresses that were checked.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) origin: Origin,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Guard {
    pub(super) fn new(allow: Vec<HostPattern>, resolver: Resolver) -> Self {
        Self { allow, resolver }
    }

    /// Checks a URL and resolves its host, once.
    pub(super) async fn check(&self, url: &Url, deadline: Instant) -> Result<Target, Failure> {
        let origin = origin(url)?;
        let addresses = match timeout_at(deadline, self.resolve(&origin)).await {
            Ok(addresses) => addresses?,
            Err(_) => return Err(not_found(&origin, "no answer in time")),
        };
        let allowed = self
            .allow
            .iter()
            .any(|pattern| pattern.matches(&origin.host, origin.port));
        if !allowed
            && let Some((address, reason)) = addresses
                .iter()
                .find_map(|at| Some((at.ip(), not_public(at.ip())?)))
        {
            let message = format!(
                "{origin} is at {address}, {reason}; outbound.allow does not name {origin}"
            );
            return Err(Failure::new(Stage::Refused, "outbound.address", message));
        }
        Ok(Target { origin, addresses })
    }

    async fn resolve(&self, origin: &Origin) -> Result<Vec<SocketAddr>, Failure> {
        let name = match &origin.host {
            Host::Ipv4(address) => return Ok(vec![SocketAddr::from((*address, origin.port))]),
            Host::Ipv6(address) => return Ok(vec![SocketAddr::from((*address, origin.port))]),
            Host::Domain(name) => name,
        };
        let addresses: Vec<SocketAddr> = match &self.resolver {
            Resolver::Given(answers) => answers(name)
                .into_iter()
                .map(|ip| SocketAddr::from((ip, origin.port)))
                .collect(),
            Resolver::System => {
                let found = tokio::net::lookup_host((name.as_str(), origin.port)).await;
                found
                    .map_err(|error| not_found(origin, &error.to_string()))?
                    .collect()
            }
        };
        if addresses.is_empty() {
            return Err(not_found(origin, "the name has no address"));
        }
        Ok(addresses)
    }
}

fn origin(url: &Url) -> Result<Origin, Failure> {
    let refused = |code: &str, message: String| Failure::new(Stage::Refused, code, message);
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        other => {
            return Err(refused(
                "outbound.scheme",
                format!("{other}: is not http or https"),
            ));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "outbound.credentials",
            "credentials in a URL are refused; use a header with $secret".into(),
        ));
    }
    let (host, port) =
        authority(url).ok_or_else(|| refused("outbound.url", "the URL names no host".into()))?;
    if port == 0 {
        return Err(refused(
            "outbound.url",
            "port 0 cannot be connected to".into(),
        ));
    }
    Ok(Origin { tls, host, port })
}

fn not_found(origin: &Origin, reason: &str) -> Failure {
    Failure::new(
        Stage::NotSent,
        "http.resolve",
        format!("{} could not be resolved: {reason}", origin.host),
    )
}
