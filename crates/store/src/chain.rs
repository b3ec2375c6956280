//! Chains of evidence by name: a tenant's, or the installation's own.

use std::fmt;

use domain::id::TenantId;

/// The name of the installation's own chain, which no tenant can have.
const INSTALLATION_NAME: &str = "@installation";

/// Whose chain of evidence: a tenant's, or the installation's own for what belongs to no tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// A tenant's.
    Tenant(TenantId),
    /// The installation's own.
    Installation,
}

impl Chain {
    /// The name that entries carry as `tenant_id`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Installation => INSTALLATION_NAME,
        }
    }

    /// The chain of that name; `None`: no chain can have it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            INSTALLATION_NAME => Some(Self::Installation),
            _ => TenantId::try_from(name.to_owned()).ok().map(Self::Tenant),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<TenantId> for Chain {
    fn from(tenant: TenantId) -> Self {
        Self::Tenant(tenant)
    }
}
