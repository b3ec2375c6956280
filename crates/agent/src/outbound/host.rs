//! Hosts as settings name them: `host`, `host:port` or `*.suffix`.
//!
//! Both sides of every comparison have been through the WHATWG host parser, so no spelling of an address and no
//! letter case tells two hosts apart.

use std::fmt;

use url::{Host, Url};

/// A host, or all hosts below a suffix, at one port or at any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: HostMatch,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostMatch {
    Exact(Host<String>),
    /// With the leading dot.
    Below(String),
}

impl HostPattern {
    /// Reads `host[:port]` or `*.suffix[:port]`; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = split_port(text)?;
        let parse = |host: &str| match Host::parse(host) {
            _ if host.contains('*') => {
                Err(format!("{text:?}: a * stands only in front of a suffix"))
            }
            Ok(host) => Ok(without_final_dot(host)),
            Err(error) => Err(format!("{text:?} names no host: {error}")),
        };
        let host = match host.strip_prefix("*.") {
            None => HostMatch::Exact(parse(host)?),
            Some(suffix) => match parse(suffix)? {
                Host::Domain(suffix) => HostMatch::Below(format!(".{suffix}")),
                Host::Ipv4(_) | Host::Ipv6(_) => {
                    return Err(format!("{text:?}: an address has no hosts below it"));
                }
            },
        };
        Ok(Self { host, port })
    }

    /// Whether this host and port are meant.
    pub(crate) fn matches(&self, host: &Host<String>, port: u16) -> bool {
        let host_matches = match (&self.host, host) {
            (HostMatch::Exact(expected), _) => expected == host,
            (HostMatch::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (HostMatch::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        };
        host_matches && self.port.is_none_or(|expected| expected == port)
    }

    /// Whether it names one host rather than all below a suffix.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.host, HostMatch::Exact(_))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostMatch::Exact(host) => write!(f, "{host}")?,
            HostMatch::Below(suffix) => write!(f, "*{suffix}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The host and port of an http or https URL; `None`: it has none.
pub(crate) fn authority(url: &Url) -> Option<(Host<String>, u16)> {
    Some((
        without_final_dot(url.host()?.to_owned()),
        url.port_or_known_default()?,
    ))
}

/// `example.com.` and `example.com` are one name (RFC 1034 §3.1); the URL parser keeps the dot.
fn without_final_dot(host: Host<String>) -> Host<String> {
    match host {
        Host::Domain(domain) => {
            Host::Domain(domain.strip_suffix('.').unwrap_or(&domain).to_owned())
        }
        address @ (Host::Ipv4(_) | Host::Ipv6(_)) => address,
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            let port = port.parse().map_err(|_| {
                format!("{text:?}: {port:?} is no port; an IPv6 address needs brackets")
            })?;
            Ok((host, Some(port)))
        }
        _ => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{HostPattern, authority};

    #[test]
    fn patterns_match_whatever_the_spelling() {
        for (pattern, url, expected) in [
            ("127.0.0.1:9000", "http://127.0.0.1:9000/", true),
            ("127.0.0.1:9000", "http://0x7f.1:9000/", true),
            ("0177.0.0.1:9000", "http://2130706433:9000/", true),
            ("127.0.0.1:9000", "http://127.0.0.1:9001/", false),
            ("127.0.0.1", "http://127.0.0.1:9001/", true),
            ("127.0.0.1:80", "http://127.0.0.1/", true),
            ("127.0.0.1:80", "https://127.0.0.1/", false),
            ("[::1]:9000", "http://[0:0::1]:9000/", true),
            ("Example.COM", "https://example.com./", true),
            ("*.example.com", "https://a.b.EXAMPLE.com/", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://badexample.com/", false),
            ("*.example.com:8443", "https://a.example.com/", false),
            ("example.com", "https://a.example.com/", false),
        ] {
            let (host, port) = authority(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(
                HostPattern::parse(pattern).unwrap().matches(&host, port),
                expected,
                "{pattern} against {url}"
            );
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in [
            "",
            "a:b",
            "::1",
            "http://a",
            "a/b",
            "user@a",
            "*.1.2.3.4",
            "a:70000",
            "*",
            "a b",
        ] {
            assert!(
                HostPattern::parse(text).is_err(),
                "{text:?} must be refused"
            );
        }
    }
}
