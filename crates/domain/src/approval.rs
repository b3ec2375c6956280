//! Approvals: a question to people about one exact effect, and their answer.

use serde::{Deserialize, Serialize};

/// Where an approval stands (CONTRACT §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Pending,
    /// The effect may happen once.
    Granted,
    /// The effect may not happen.
    Refused,
    /// Nobody decided in time, or the granted effect did not start in time.
    Expired,
    /// The goal ended or unwinds; there is nothing left to decide.
    Closed,
}

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Let this exact effect happen once.
    Grant,
    /// Do not.
    Refuse,
}

impl ApprovalStatus {
    /// The status' name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}
