//! Emergency controls: the kill switch of an installation, a tenant, a tool or a goal.
//!
//! A control is a gate that is looked at in the transaction that admits an effect; it is not an event of each goal.

use serde::{Deserialize, Serialize};

/// What a control covers (CONTRACT §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything its setter may hold: the tenant, or every tenant for the platform tenant.
    All,
    /// One tenant.
    Tenant,
    /// One tool.
    Tool,
    /// One goal.
    Goal,
}

/// What a control does to what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// No further effect starts, retries and undo included; goals go on at `off`.
    Hold,
    /// Goals are cancelled and undone; new ones are refused.
    Cancel,
    /// No control.
    Off,
}
