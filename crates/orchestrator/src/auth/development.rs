//! The development issuer: an Ed25519 key in the data directory, for those who have no issuer yet.
//!
//! Whoever can read the data directory can act as anyone, which is why a server that listens past loopback refuses to
//! start with it unless told so in words.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::principal::Principal;
use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::json;

use super::issuer::{Issuer, Key};

/// The `iss` of its tokens.
pub const DEVELOPMENT_ISSUER: &str = "urn:omnihub:development";
/// The `aud` of its tokens.
pub const DEVELOPMENT_AUDIENCE: &str = "omnihub";
/// The key's file below the data directory.
const KEY_FILE: &str = "keys/development_issuer";

/// Makes tokens for anyone.
#[derive(Clone)]
pub struct DevelopmentIssuer {
    key: SigningKey,
    key_id: String,
}

impl DevelopmentIssuer {
    /// Reads the key of a data directory, or makes one. Needs no lock: a running server goes on.
    ///
    /// # Errors
    /// The key file cannot be read or written, or is no key.
    pub fn open_or_create(data_dir: &Path) -> Result<Self, store::Error> {
        Ok(Self::of(SigningKey::from_bytes(
            &store::keys::read_or_create(&data_dir.join(KEY_FILE))?,
        )))
    }

    fn of(key: SigningKey) -> Self {
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        Self {
            key,
            key_id: public.chars().take(16).collect(),
        }
    }

    /// Makes a token for somebody that is good from `now` on for so long.
    pub fn mint(&self, principal: &Principal, ttl: Duration, now: Timestamp) -> String {
        let issued = now.as_second();
        let expires = issued.saturating_add(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
        self.sign(&json!({
            "iss": DEVELOPMENT_ISSUER,
            "aud": DEVELOPMENT_AUDIENCE,
            "sub": principal.subject.as_str(),
            "iat": issued,
            "exp": expires,
            "app_metadata": { "tenant_id": principal.tenant.as_str(), "role": principal.role.as_str() },
        }))
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.key_id });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()).to_bytes());
        format!("{message}.{signature}")
    }

    pub(super) fn issuer(&self) -> Issuer {
        let key = DecodingKey::from_ed_der(self.key.verifying_key().as_bytes());
        Issuer {
            name: DEVELOPMENT_ISSUER.to_owned(),
            audience: DEVELOPMENT_AUDIENCE.to_owned(),
            keys: vec![Key {
                id: Some(self.key_id.clone()),
                algorithm: Algorithm::EdDSA,
                key,
            }],
            tenant_claim: "/app_metadata/tenant_id".to_owned(),
            role_claim: "/app_metadata/role".to_owned(),
            default_tenant: None,
        }
    }
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevelopmentIssuer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
