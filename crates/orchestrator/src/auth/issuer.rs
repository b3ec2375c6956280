//! One issuer: its keys, its pinned algorithms, and where its tokens say tenant and role.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::TenantId;
use domain::principal::Role;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::claims::Claims;
use super::config::IssuerConfig;
use super::token::{self, Token};

/// Shortest secret of an HS256 issuer, in bytes (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Shortest RSA modulus, in bytes (RFC 7518 §3.3).
const RSA_BYTES_MIN: usize = 256;

/// Whoever makes tokens that we take.
pub(super) struct Issuer {
    pub(super) name: String,
    pub(super) audience: String,
    pub(super) keys: Vec<Key>,
    pub(super) tenant_claim: String,
    pub(super) role_claim: String,
    pub(super) default_tenant: Option<TenantId>,
}

/// A key and the one algorithm that it is used with.
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Issuer {
    pub(super) fn open(config: &IssuerConfig) -> Result<Self, String> {
        let algorithms = algorithms(&config.algorithms)?;
        if config.issuer.is_empty() || config.audience.is_empty() {
            return Err("issuer and audience must not be empty".into());
        }
        for claim in [&config.tenant_claim, &config.role_claim] {
            if !claim.starts_with('/') {
                return Err(format!(
                    "{claim:?} is no JSON Pointer to a claim: it must begin with \"/\""
                ));
            }
        }
        let keys = match (&config.jwks_url, &config.jwks_file, &config.hs256_secret) {
            (Some(_), _, _) => {
                return Err("jwks_url comes with the edge role; until then put the keys into a file and name it jwks_file".into());
            }
            (None, Some(file), None) => key_file(file, &algorithms)?,
            (None, None, Some(secret)) => secret_key(secret, &algorithms)?,
            (None, _, _) => {
                return Err("exactly one of jwks_file and hs256_secret is needed".into());
            }
        };
        let default_tenant = match config.default_tenant.as_str() {
            "" => None,
            name => Some(
                TenantId::try_from(name.to_owned())
                    .map_err(|error| format!("default_tenant: {error}"))?,
            ),
        };
        Ok(Self {
            name: config.issuer.clone(),
            audience: config.audience.clone(),
            keys,
            tenant_claim: config.tenant_claim.clone(),
            role_claim: config.role_claim.clone(),
            default_tenant,
        })
    }

    pub(super) fn check_signature(&self, token: &Token<'_>) -> Result<(), &'static str> {
        let key = self.key(token)?;
        let message = token.message.as_bytes();
        match jsonwebtoken::crypto::verify(token.signature, message, &key.key, key.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err("wrong signature"),
        }
    }

    /// The one key that may have signed a token. A key without a name of its own answers to every `kid`.
    fn key(&self, token: &Token<'_>) -> Result<&Key, &'static str> {
        if !self.keys.iter().any(|key| key.algorithm == token.algorithm) {
            return Err("algorithm not allowed for this issuer");
        }
        let fits = |key: &&Key| {
            let named = match (&token.key_id, &key.id) {
                (Some(asked), Some(own)) => asked == own,
                (None, _) | (_, None) => true,
            };
            key.algorithm == token.algorithm && named
        };
        let mut fitting = self.keys.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err("kid needed"),
            (None, _) => Err("unknown kid"),
        }
    }

    pub(super) fn tenant(&self, claims: &Claims) -> Option<TenantId> {
        match claims.text_at(&self.tenant_claim) {
            Some(name) => TenantId::try_from(name.to_owned()).ok(),
            None => self.default_tenant.clone(),
        }
    }

    pub(super) fn role(&self, claims: &Claims) -> Role {
        match claims.text_at(&self.role_claim) {
            Some("operator") => Role::Operator,
            Some("auditor") => Role::Auditor,
            Some("admin") => Role::Admin,
            Some(_) | None => Role::Authenticated,
        }
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, String> {
    if names.is_empty() {
        return Err("algorithms must name at least one of EdDSA, ES256, RS256 and HS256".into());
    }
    let known = |name: &String| {
        token::algorithm(name)
            .ok_or_else(|| format!("algorithms: {name:?} is none of EdDSA, ES256, RS256 and HS256"))
    };
    names.iter().map(known).collect()
}

fn secret_key(secret: &str, algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    if algorithms != [Algorithm::HS256] {
        return Err("with hs256_secret the algorithms must be [\"HS256\"]".into());
    }
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!(
            "hs256_secret must have at least {SECRET_BYTES_MIN} bytes"
        ));
    }
    Ok(vec![Key {
        id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(secret.as_bytes()),
    }])
}

fn key_file(file: &Path, algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    if algorithms.contains(&Algorithm::HS256) {
        return Err("HS256 needs hs256_secret: a key set is public".into());
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let keys = if text.trim_start().starts_with("-----BEGIN") {
        pem_key(&text, algorithms).into_iter().collect()
    } else {
        let set: JwkSet =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        set.keys
            .iter()
            .filter_map(|jwk| jwk_key(jwk, algorithms))
            .collect::<Vec<_>>()
    };
    if keys.is_empty() {
        return Err(format!(
            "{} has no key that fits the algorithms",
            file.display()
        ));
    }
    Ok(keys)
}

fn pem_key(text: &str, algorithms: &[Algorithm]) -> Option<Key> {
    algorithms.iter().find_map(|algorithm| {
        let key = match algorithm {
            Algorithm::EdDSA => DecodingKey::from_ed_pem(text.as_bytes()),
            Algorithm::ES256 => DecodingKey::from_ec_pem(text.as_bytes()),
            Algorithm::RS256 => DecodingKey::from_rsa_pem(text.as_bytes()),
            _ => return None,
        };
        Some(Key {
            id: None,
            algorithm: *algorithm,
            key: key.ok()?,
        })
    })
}

/// A key of a set, if it is for signatures, strong enough and of a pinned algorithm.
fn jwk_key(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<Key> {
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(key)
            if URL_SAFE_NO_PAD
                .decode(&key.n)
                .is_ok_and(|n| n.len() >= RSA_BYTES_MIN) =>
        {
            (Algorithm::RS256, KeyAlgorithm::RS256)
        }
        _ => return None,
    };
    let pinned = algorithms.contains(&algorithm)
        && jwk
            .common
            .key_algorithm
            .is_none_or(|stated| stated == named);
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| pinned)?;
    Some(Key {
        id: jwk.common.key_id.clone(),
        algorithm,
        key,
    })
}
