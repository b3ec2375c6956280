//! Who acts: a principal of exactly one tenant, with one role.

use serde::{Deserialize, Serialize};

use crate::id::{Subject, TenantId};

/// What a principal may do in its tenant (CONTRACT §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Starts goals and sees its own.
    Authenticated,
    /// Sees the tenant's goals, decides approvals, settles doubts.
    Operator,
    /// Sees the tenant's goals and its evidence.
    Auditor,
    /// May do what operators and auditors do, and set emergency controls.
    Admin,
}

/// A verified identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Who it is within the tenant.
    pub subject: Subject,
    /// What it may do.
    pub role: Role,
}

impl Role {
    /// Whether the role sees goals of others in its tenant.
    pub fn sees_all_goals(self) -> bool {
        self != Self::Authenticated
    }

    /// Whether the role decides approvals, settles doubts and moves others' goals.
    pub fn operates(self) -> bool {
        matches!(self, Self::Operator | Self::Admin)
    }

    /// Whether the role reads the tenant's evidence.
    pub fn audits(self) -> bool {
        matches!(self, Self::Auditor | Self::Admin)
    }

    /// The role's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}
