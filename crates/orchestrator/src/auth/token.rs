//! Taking a JSON Web Token apart, without believing any of it yet (RFC 7519, RFC 8725).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::claims::Claims;

/// Longest token, in bytes: with the rest of the headers it fits the server's buffer.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Header parameters that would let the token choose its own key.
const OWN_KEY: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

/// A token, taken apart.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    /// The name of the key that signed it.
    pub(super) key_id: Option<String>,
    pub(super) claims: Claims,
    /// What is signed.
    pub(super) message: &'a str,
    /// The signature, in base64url.
    pub(super) signature: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err("too long");
        }
        let (message, signature) = text.rsplit_once('.').ok_or("not a token")?;
        let (header, claims) = message.split_once('.').ok_or("not a token")?;
        if claims.contains('.') {
            return Err("not a token");
        }
        let header = object(header).map_err(|_| "malformed header")?;
        let claims = Claims(object(claims).map_err(|_| "malformed or repeated claims")?);
        if header.get("crit").is_some() {
            return Err("critical header parameters");
        }
        if OWN_KEY.iter().any(|name| header.get(*name).is_some()) {
            return Err("brings its own key");
        }
        let kind = header
            .get("typ")
            .map(|kind| kind.as_str().unwrap_or_default());
        if kind.is_some_and(|kind| {
            !["JWT", "at+jwt"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        }) {
            return Err("of another type");
        }
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .and_then(algorithm)
            .ok_or("unknown algorithm")?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err("malformed kid"),
        };
        Ok(Self {
            algorithm,
            key_id,
            claims,
            message,
            signature,
        })
    }
}

/// The algorithms that issuers may pin; `none` is no algorithm.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "HS256" => Some(Algorithm::HS256),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// One part of a token: an object without repeated names.
fn object(part: &str) -> Result<Value, ()> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(drop)?;
    match api::strict::read_value(&bytes) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) | Err(_) => Err(()),
    }
}
