//! Who calls: bearer tokens, verified here and nowhere else (DESIGN §7).
//!
//! A token is good only if its issuer is configured, its algorithm is one of those pinned for that issuer, its signature
//! holds and its claims are in time. Role and tenant come from where the issuer's settings say. Law: whatever cannot be
//! verified is refused, and why is told to the log, never to the caller.

mod cache;
mod claims;
pub mod config;
pub mod development;
pub(crate) mod failures;
mod issuer;
mod token;

use domain::id::TenantId;
use domain::principal::Principal;
use jiff::Timestamp;

pub use self::config::{AuthConfig, AuthConfigError, IssuerConfig};
pub use self::development::DevelopmentIssuer;

use self::cache::Cache;
use self::issuer::Issuer;
use self::token::Token;

/// Seconds that clocks may differ (CONTRACT §2).
const LEEWAY_SECONDS: i64 = 60;

/// Tells who a token speaks for.
#[derive(Debug)]
pub struct Authenticator {
    issuers: Vec<Issuer>,
    platform_tenant: Option<TenantId>,
    cache: Cache,
}

/// A good token: who it speaks for, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub principal: Principal,
    /// When it expires, without leeway.
    pub expires: Timestamp,
}

/// Why a token is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// For the log and the evidence, never for the caller.
    pub reason: &'static str,
    /// The configured issuer that it names; `None`: none of them.
    pub issuer: Option<String>,
    /// Whether the token itself is good and only lacks a tenant.
    pub good: bool,
}

impl Authenticator {
    /// Reads the keys of every issuer.
    ///
    /// # Errors
    /// [`AuthConfigError`] names the setting that cannot be worked with.
    pub fn open(
        config: &AuthConfig,
        development: Option<&DevelopmentIssuer>,
    ) -> Result<Self, AuthConfigError> {
        let mut issuers = Vec::new();
        for (place, settings) in config.issuers.iter().enumerate() {
            issuers.push(
                Issuer::open(settings)
                    .map_err(|reason| AuthConfigError::Issuer { place, reason })?,
            );
        }
        if let Some(development) = development.filter(|_| config.development) {
            issuers.push(development.issuer());
        }
        for (place, issuer) in issuers.iter().enumerate() {
            if issuers
                .iter()
                .skip(place + 1)
                .any(|other| other.name == issuer.name)
            {
                return Err(AuthConfigError::Repeated {
                    issuer: issuer.name.clone(),
                });
            }
        }
        if issuers.is_empty() {
            return Err(AuthConfigError::Nobody);
        }
        let platform_tenant = config.platform_tenant()?;
        Ok(Self {
            issuers,
            platform_tenant,
            cache: Cache::default(),
        })
    }

    /// Tells who a token speaks for.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<Verified, Denied> {
        let digest = cache::digest(text);
        if let Some(verified) = self.cache.get(&digest, now) {
            return Ok(verified);
        }
        let token = Token::read(text).map_err(|reason| Denied {
            reason,
            issuer: None,
            good: false,
        })?;
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| token.claims.issuer() == Some(&issuer.name));
        let issuer = issuer.ok_or(Denied {
            reason: "unknown issuer",
            issuer: None,
            good: false,
        })?;
        let denied = |reason| Denied {
            reason,
            issuer: Some(issuer.name.clone()),
            good: false,
        };
        issuer.check_signature(&token).map_err(denied)?;
        let expires = token.claims.check(&issuer.audience, now).map_err(denied)?;
        let subject = token.claims.subject().map_err(denied)?;
        let tenant = issuer.tenant(&token.claims);
        let tenant = tenant.ok_or(Denied {
            reason: "no tenant",
            issuer: Some(issuer.name.clone()),
            good: true,
        })?;
        let principal = Principal {
            tenant,
            subject,
            role: issuer.role(&token.claims),
        };
        let verified = Verified { principal, expires };
        self.cache.put(digest, verified.clone(), now);
        Ok(verified)
    }

    /// Whether a principal is of the tenant that may hold installation-wide controls.
    pub fn is_platform(&self, principal: &Principal) -> bool {
        self.platform_tenant.as_ref() == Some(&principal.tenant)
    }
}

/// The last second in which a token is taken.
fn taken_until(expires: Timestamp) -> Timestamp {
    expires
        .saturating_add(jiff::SignedDuration::from_secs(LEEWAY_SECONDS))
        .unwrap_or(Timestamp::MAX)
}
