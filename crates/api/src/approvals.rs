//! Approvals on the wire: the question, and the body that answers it.

use domain::approval::{ApprovalStatus, Decision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::schema;

/// A question to people about one exact effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// The goal that asks.
    #[serde(rename = "workflowId")]
    pub workflow_id: String,
    /// The step that asks.
    pub step: String,
    /// The item of a fan-out, from 0; absent: the step has one effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// The tool that would be used.
    pub tool: String,
    /// Its exact input; null: it was erased.
    #[schema(value_type = Option<Object>)]
    pub arguments: Option<Value>,
    /// The labels of the arguments.
    pub labels: Vec<String>,
    /// What a decision must name: the digest of the exact effect.
    pub digest: String,
    /// Why it asks: `lane` or `step`.
    pub reason: String,
    /// The tool call that would make it good; null: it cannot be undone.
    #[schema(value_type = Option<Object>)]
    pub undone_by: Option<Value>,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When the question runs out.
    pub expires_at: Timestamp,
    /// Where it stands.
    #[schema(schema_with = schema::approval_status)]
    pub status: ApprovalStatus,
    /// Who decided; null: nobody.
    pub decided_by: Option<String>,
    /// When it was decided; null: it is not.
    pub decided_at: Option<Timestamp>,
}

/// The body of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// The answer.
    #[schema(schema_with = schema::decision)]
    pub decision: Decision,
    /// The digest of the effect that was looked at.
    pub digest: String,
    /// Why, in words of up to 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub reason: Option<String>,
}

/// Which approvals are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalQuery {
    /// Only those that stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Most items, 1 to 200; 50 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
