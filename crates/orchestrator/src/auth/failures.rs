//! Failed logins, counted off the request's path: per issuer and address prefix one audit entry a minute at most.
//!
//! They have no tenant, so they go to the installation's own chain (CONTRACT §5).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::{Action, Draft, Status};
use jiff::{SignedDuration, Timestamp};

/// Shortest time between two entries of one issuer and prefix.
const ENTRY_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Most issuers and prefixes told apart; what is past them is counted together.
const SOURCES_MAX: usize = 4_096;

/// Who fails, as far as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    /// The configured issuer that the tokens named; `None`: none of them.
    issuer: Option<String>,
    /// The network that they came from; `None`: many, or unknown.
    prefix: Option<String>,
}

#[derive(Debug)]
struct Count {
    failures: u64,
    reason: &'static str,
    /// The request that failed first.
    request_id: String,
    last_entry: Option<Timestamp>,
}

/// The failed logins that are not recorded yet.
#[derive(Debug, Default)]
pub(crate) struct FailedLogins(Mutex<HashMap<Source, Count>>);

impl FailedLogins {
    /// Counts one.
    pub(crate) fn count(&self, denied: &super::Denied, address: Option<IpAddr>, request_id: &str) {
        let source = Source {
            issuer: denied.issuer.clone(),
            prefix: address.map(prefix),
        };
        let mut counts = self.counts();
        let full = counts.len() >= SOURCES_MAX && !counts.contains_key(&source);
        let source = if full {
            Source {
                issuer: None,
                prefix: None,
            }
        } else {
            source
        };
        let count = counts.entry(source).or_insert_with(|| Count {
            failures: 0,
            reason: denied.reason,
            request_id: request_id.to_owned(),
            last_entry: None,
        });
        if count.failures == 0 {
            count.reason = denied.reason;
            request_id.clone_into(&mut count.request_id);
        }
        count.failures += 1;
    }

    /// Takes the entries that are due; with `all` those that would have to wait too, because the process ends.
    pub(crate) fn take(&self, now: Timestamp, all: bool) -> Vec<Draft> {
        let mut drafts = Vec::new();
        self.counts().retain(|source, count| {
            let rested = count
                .last_entry
                .is_none_or(|last| now.duration_since(last) >= ENTRY_EVERY);
            if count.failures == 0 {
                return !rested;
            }
            if rested || all {
                drafts.push(draft(source, count));
                count.failures = 0;
                count.last_entry = Some(now);
            }
            true
        });
        drafts
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Source, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn draft(source: &Source, count: &Count) -> Draft {
    let issuer = source.issuer.as_deref().unwrap_or("unknown");
    let prefix = source.prefix.as_deref().unwrap_or("unknown");
    Draft::new(Action::AUTH_FAILED, "anonymous", "issuer", issuer)
        .status(Status::Denied)
        .correlated(count.request_id.as_str())
        .with("prefix", prefix)
        .with("failures", count.failures)
        .with("first_reason", count.reason)
}

/// The network of an address: /24 of IPv4, /48 of IPv6, what one subscriber gets at most.
fn prefix(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Denied;
    use super::*;

    fn denied(issuer: Option<&str>) -> Denied {
        Denied {
            reason: "expired",
            issuer: issuer.map(str::to_owned),
            good: false,
        }
    }

    fn taken(logins: &FailedLogins, now: Timestamp, all: bool) -> Vec<String> {
        let mut lines: Vec<String> = logins
            .take(now, all)
            .iter()
            .map(|draft| {
                format!(
                    "{} {} {}",
                    draft.resource_id, draft.metadata["prefix"], draft.metadata["failures"]
                )
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn one_entry_a_minute_carries_all_that_was_counted() {
        let logins = FailedLogins::default();
        let start = Timestamp::from_second(1_000_000).unwrap();
        let near: IpAddr = "192.0.2.7".parse().unwrap();
        let same: IpAddr = "::ffff:192.0.2.250".parse().unwrap();
        let far: IpAddr = "2001:db8:1:2::9".parse().unwrap();
        logins.count(&denied(Some("a")), Some(near), "r1");
        logins.count(&denied(Some("a")), Some(same), "r2");
        logins.count(&denied(None), Some(far), "r3");
        assert_eq!(
            taken(&logins, start, false),
            ["a \"192.0.2.0/24\" 2", "unknown \"2001:db8:1::/48\" 1"]
        );
        logins.count(&denied(Some("a")), Some(near), "r4");
        assert_eq!(
            taken(&logins, start + SignedDuration::from_secs(59), false),
            [""; 0]
        );
        logins.count(&denied(Some("a")), Some(near), "r5");
        assert_eq!(
            taken(&logins, start + SignedDuration::from_secs(60), false),
            ["a \"192.0.2.0/24\" 2"]
        );
        logins.count(&denied(Some("a")), Some(near), "r6");
        assert_eq!(
            taken(&logins, start + SignedDuration::from_secs(61), true),
            ["a \"192.0.2.0/24\" 1"]
        );
    }

    #[test]
    fn sources_are_bounded() {
        let logins = FailedLogins::default();
        for number in 0..2 * SOURCES_MAX as u32 {
            logins.count(
                &denied(None),
                Some(IpAddr::from(number.rotate_left(8).to_be_bytes())),
                "r",
            );
        }
        assert!(logins.counts().len() <= SOURCES_MAX + 1);
        let total: u64 = logins.counts().values().map(|count| count.failures).sum();
        assert_eq!(total, 2 * SOURCES_MAX as u64);
        logins.take(Timestamp::from_second(0).unwrap(), false);
        logins.take(Timestamp::from_second(60).unwrap(), false);
        assert!(logins.counts().is_empty());
    }
}
