//! `[auth]` of the settings: whose tokens are taken (CONTRACT §6).

use std::net::IpAddr;
use std::path::PathBuf;

use domain::id::TenantId;
use serde::Deserialize;

/// `[auth]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether tokens of `omnihub token mint` are taken.
    pub development: bool,
    /// Whether they are taken although the server listens past loopback.
    pub development_beyond_loopback: bool,
    /// The tenant whose admins may set controls for every tenant; empty: none.
    pub platform_tenant: String,
    /// Whose tokens are taken.
    pub issuers: Vec<IssuerConfig>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            development: true,
            development_beyond_loopback: false,
            platform_tenant: String::new(),
            issuers: Vec::new(),
        }
    }
}

/// `[[auth.issuers]]`: exactly one of `jwks_file` and `hs256_secret` says how its tokens are verified.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` that its tokens must name.
    pub audience: String,
    /// The algorithms taken: `EdDSA`, `ES256`, `RS256`, or `HS256` alone.
    pub algorithms: Vec<String>,
    /// URL of its key set; comes with the edge role.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// File of its key set: JSON Web Keys (RFC 7517), or one public key in PEM.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The shared secret of an `HS256` issuer, at least 32 bytes.
    #[serde(default)]
    pub hs256_secret: Option<String>,
    /// JSON Pointer to the tenant in its tokens.
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    /// JSON Pointer to the role in its tokens.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// Tenant of a token that names none; empty: such a token is refused.
    #[serde(default)]
    pub default_tenant: String,
}

/// Why `[auth]` cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthConfigError {
    /// An issuer's settings are wrong.
    #[error("auth.issuers[{place}]: {reason}")]
    Issuer {
        /// Its place, from 0.
        place: usize,
        /// What is wrong.
        reason: String,
    },
    /// Two issuers have one name.
    #[error("auth.issuers: issuer {issuer:?} is there twice")]
    Repeated {
        /// The name.
        issuer: String,
    },
    /// No token could ever be good.
    #[error("auth: no issuer is configured and auth.development is off, so that nobody could call")]
    Nobody,
    /// The platform tenant is no tenant id.
    #[error("auth.platform_tenant: {0}")]
    PlatformTenant(String),
    /// The development issuer would be reachable from outside.
    #[error(
        "auth.development is on and the server would listen on {address}, past loopback: anyone who can read the data \
         directory could act as anyone. Turn auth.development off, or say auth.development_beyond_loopback = true"
    )]
    BeyondLoopback {
        /// The address.
        address: IpAddr,
    },
}

impl AuthConfig {
    /// Refuses to listen past loopback with the development issuer on, unless the settings say so in words.
    ///
    /// # Errors
    /// [`AuthConfigError::BeyondLoopback`].
    pub fn check_listen(&self, address: IpAddr) -> Result<(), AuthConfigError> {
        let loopback = address.to_canonical().is_loopback();
        if loopback || !self.development || self.development_beyond_loopback {
            return Ok(());
        }
        Err(AuthConfigError::BeyondLoopback { address })
    }

    pub(super) fn platform_tenant(&self) -> Result<Option<TenantId>, AuthConfigError> {
        if self.platform_tenant.is_empty() {
            return Ok(None);
        }
        let tenant = TenantId::try_from(self.platform_tenant.clone());
        tenant
            .map(Some)
            .map_err(|error| AuthConfigError::PlatformTenant(error.to_string()))
    }
}

impl std::fmt::Debug for IssuerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerConfig")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

fn tenant_claim() -> String {
    "/app_metadata/tenant_id".to_owned()
}

fn role_claim() -> String {
    "/app_metadata/role".to_owned()
}
