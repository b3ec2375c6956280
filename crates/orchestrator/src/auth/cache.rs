//! Tokens that were verified a moment ago: a signature costs fifty times what a look-up does.
//!
//! Keyed by a hash of the whole token. An entry never outlives its token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Verified, taken_until};

/// Most tokens remembered: some 3 MB.
const TOKENS_MAX: usize = 10_000;

/// The name of a token in the cache.
pub(super) type TokenDigest = [u8; 32];

/// Verified tokens.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<TokenDigest, Verified>>);

pub(super) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

impl Cache {
    pub(super) fn get(&self, digest: &TokenDigest, now: Timestamp) -> Option<Verified> {
        self.tokens()
            .get(digest)
            .filter(|verified| now < taken_until(verified.expires))
            .cloned()
    }

    pub(super) fn put(&self, digest: TokenDigest, verified: Verified, now: Timestamp) {
        let mut tokens = self.tokens();
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, known| now < taken_until(known.expires));
        }
        if tokens.len() >= TOKENS_MAX {
            // Nothing has expired: forget half, whichever; they are verified again when they come.
            let mut keep = false;
            tokens.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        tokens.insert(digest, verified);
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<TokenDigest, Verified>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::principal::{Principal, Role};
    use jiff::SignedDuration;

    use super::*;

    fn verified(expires: Timestamp) -> Verified {
        let principal = Principal {
            tenant: "t".to_owned().try_into().unwrap(),
            subject: "s".to_owned().try_into().unwrap(),
            role: Role::Authenticated,
        };
        Verified { principal, expires }
    }

    #[test]
    fn an_entry_never_outlives_its_token() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let cache = Cache::default();
        cache.put(digest("a"), verified(now), now);
        assert!(
            cache
                .get(&digest("a"), now + SignedDuration::from_secs(59))
                .is_some()
        );
        assert!(
            cache
                .get(&digest("a"), now + SignedDuration::from_secs(60))
                .is_none()
        );
        assert!(cache.get(&digest("b"), now).is_none());
    }

    #[test]
    fn it_stays_bounded_and_forgets_what_expired_first() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let later = now + SignedDuration::from_hours(1);
        let cache = Cache::default();
        for number in 0..TOKENS_MAX {
            let expires = if number % 2 == 0 {
                now
            } else {
                later + SignedDuration::from_hours(1)
            };
            cache.put(digest(&number.to_string()), verified(expires), now);
        }
        cache.put(
            digest("new"),
            verified(later + SignedDuration::from_hours(1)),
            later,
        );
        assert_eq!(cache.tokens().len(), TOKENS_MAX / 2 + 1);
        for number in 0..3 * TOKENS_MAX {
            cache.put(
                digest(&format!("more {number}")),
                verified(later + SignedDuration::from_hours(1)),
                later,
            );
        }
        assert!(cache.tokens().len() <= TOKENS_MAX);
    }
}
