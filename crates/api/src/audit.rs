//! Audit entries on the wire: the entry's canonical form, field by field (CONTRACT §5).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// One audit entry.
///
/// What is served is the canonical text itself, so that its hash can be computed again; this type describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its own id.
    pub id: String,
    /// Whose chain it stands in.
    pub tenant_id: String,
    /// Its place in the chain, from 0 without gaps.
    pub index: u64,
    /// The goal's `trace_id`, or the request's id where there is no goal.
    pub correlation_id: String,
    /// When it was sealed, with microseconds.
    pub timestamp: Timestamp,
    /// The number of the journal event it belongs to; 0: none.
    pub event_sequence: u64,
    /// Who did it.
    pub actor_id: String,
    /// What was done, such as `goal.accepted`.
    pub action: String,
    /// The noun of what it was done to.
    pub resource_type: String,
    /// The id of what it was done to.
    pub resource_id: String,
    /// How it ended.
    pub status: String,
    /// Who may see it.
    pub data_classification: String,
    /// Days it is kept at least.
    pub retention_period_days: u64,
    /// The frameworks that ask for it.
    pub compliance_frameworks: Vec<String>,
    /// Ids, codes and keyed digests.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// SHA-256(0x00 ‖ RFC 8785 text of the other fields), lower-case hex.
    pub integrity_hash: String,
    /// The hash at `index` − 1; null at 0.
    pub previous_hash: Option<String>,
}

/// Which entries are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Only by this actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Only of this action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only on this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Only of this goal or request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Most items, 1 to 200; 50 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
