//! Keyed digests: names for payloads, effects and approvals that tell nothing about what they name.
//!
//! A plain hash of a short text can be guessed once the text is erased, so every digest that outlives its payload is an
//! HMAC under a key of the goal (DESIGN law 15).

use std::fmt;

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::{GoalId, TenantId};

/// A 256-bit keyed digest; as text 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes 32 bytes as a digest, as the store reads them back.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        const HEX: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
        digest
            .0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}

/// Text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 lower-case hex digits")]
pub struct InvalidDigest;

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(InvalidDigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else {
                return Err(InvalidDigest);
            };
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidDigest),
    }
}

/// The secret of one installation, from which every goal's key is made. Never printed, never serialised.
#[derive(Clone)]
pub struct InstallationSecret([u8; 32]);

impl InstallationSecret {
    /// Takes 32 random bytes as the secret.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of one goal of one tenant.
    pub fn goal_key(&self, tenant: &TenantId, goal: &GoalId) -> GoalKey {
        GoalKey(
            hmac(
                &self.0,
                &[
                    b"goal",
                    tenant.as_str().as_bytes(),
                    goal.as_str().as_bytes(),
                ],
            )
            .0,
        )
    }

    /// A digest under the secret itself, for things that belong to no goal.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        hmac(&self.0, parts)
    }
}

impl fmt::Debug for InstallationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationSecret(…)")
    }
}

/// The key under which all digests of one goal are made. Never printed, never serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct GoalKey([u8; 32]);

impl GoalKey {
    /// The keyed digest of some parts; where each part ends is part of what is digested.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        hmac(&self.0, parts)
    }
}

impl fmt::Debug for GoalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GoalKey(…)")
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> Digest {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104 §2)"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Digest(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> GoalKey {
        let tenant = TenantId::try_from("t".to_owned()).unwrap();
        let goal = GoalId::try_from("goal-1".to_owned()).unwrap();
        InstallationSecret::new([7; 32]).goal_key(&tenant, &goal)
    }

    #[test]
    fn text_and_bytes_are_one_digest() {
        let digest = Digest::from_bytes(std::array::from_fn(|place| {
            u8::try_from(place * 8).unwrap()
        }));
        let text = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8";
        assert_eq!(digest.to_string(), text);
        assert_eq!(String::from(digest), text);
        assert_eq!(Digest::try_from(text.to_owned()), Ok(digest));
        assert_eq!(format!("{digest:?}"), text);
    }

    #[test]
    fn other_text_is_no_digest() {
        for text in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"A".repeat(64),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            assert_eq!(
                Digest::try_from((*text).to_owned()),
                Err(InvalidDigest),
                "{text}"
            );
        }
    }

    #[test]
    fn where_a_part_ends_is_part_of_what_is_digested() {
        let key = key();
        assert_eq!(key.digest(&[b"ab", b"c"]), key.digest(&[b"ab", b"c"]));
        assert_ne!(key.digest(&[b"ab", b"c"]), key.digest(&[b"a", b"bc"]));
        assert_ne!(key.digest(&[b"abc"]), key.digest(&[b"abc", b""]));
    }

    #[test]
    fn every_goal_of_every_tenant_has_a_key_of_its_own() {
        let id = |text: &str| {
            (
                TenantId::try_from("t".to_owned()).unwrap(),
                GoalId::try_from(text.to_owned()).unwrap(),
            )
        };
        let (tenant, goal) = id("goal-2");
        let secret = InstallationSecret::new([7; 32]);
        assert_ne!(
            secret.goal_key(&tenant, &goal).digest(&[b"x"]),
            key().digest(&[b"x"])
        );
        assert_ne!(
            InstallationSecret::new([8; 32])
                .goal_key(&tenant, &id("goal-1").1)
                .digest(&[b"x"]),
            key().digest(&[b"x"])
        );
        assert_ne!(secret.digest(&[b"x"]), key().digest(&[b"x"]));
    }

    #[test]
    fn a_digest_is_the_one_that_other_programs_compute() {
        // printf '\0\0\0\0\0\0\0\001x' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…
        let digest = InstallationSecret::new([7; 32]).digest(&[b"x"]);
        assert_eq!(
            digest.to_string(),
            "4d145c9f4ebdf598defa852f3334b5490cf590002c8c919a477f5624f4bb17ef"
        );
    }

    #[test]
    fn secrets_are_never_printed() {
        assert_eq!(
            format!("{:?} {:?}", InstallationSecret::new([7; 32]), key()),
            "InstallationSecret(…) GoalKey(…)"
        );
    }
}
