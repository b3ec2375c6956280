//! Emergency controls on the wire.

use domain::emergency::{Mode, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema;

/// The body that sets one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlBody {
    /// What it covers.
    #[schema(schema_with = schema::scope)]
    pub scope: Scope,
    /// The tenant, tool or goal; null for `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it does.
    #[schema(schema_with = schema::mode)]
    pub mode: Mode,
    /// Why, in words of up to 1,024 characters.
    #[schema(min_length = 1, max_length = 1024)]
    pub reason: String,
}

/// A control that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlView {
    /// What it covers.
    #[schema(schema_with = schema::scope)]
    pub scope: Scope,
    /// The tenant, tool or goal; null for `all`.
    pub target: Option<String>,
    /// Whose goals it covers; null: every tenant's.
    pub tenant: Option<String>,
    /// What it does.
    #[schema(schema_with = schema::mode)]
    pub mode: Mode,
    /// Why.
    pub reason: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
}
