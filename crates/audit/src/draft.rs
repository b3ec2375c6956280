//! What the saga machine or a service wants recorded, before it has a place in a chain.
//!
//! A draft says who did what to which resource, and how it ended. It carries ids, codes and keyed digests, never words or
//! payloads: payloads can be erased, evidence cannot.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What was done: a dotted name such as `goal.accepted`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// A goal was accepted.
    pub const GOAL_ACCEPTED: Self = Self::named("goal.accepted");
    /// A goal was paused.
    pub const GOAL_PAUSED: Self = Self::named("goal.paused");
    /// A paused goal goes on.
    pub const GOAL_RESUMED: Self = Self::named("goal.resumed");
    /// A goal's cancellation was asked for.
    pub const GOAL_CANCELLED: Self = Self::named("goal.cancelled");
    /// A goal came to its end.
    pub const GOAL_ENDED: Self = Self::named("goal.ended");
    /// A goal has its plan.
    pub const PLAN_ADOPTED: Self = Self::named("plan.adopted");
    /// A plan was refused.
    pub const PLAN_REFUSED: Self = Self::named("plan.refused");
    /// An effect may start.
    pub const EFFECT_ADMITTED: Self = Self::named("effect.admitted");
    /// An effect's outcome is known, or is known to be unknown.
    pub const EFFECT_ENDED: Self = Self::named("effect.ended");
    /// People were asked about one effect.
    pub const APPROVAL_ASKED: Self = Self::named("approval.asked");
    /// An approval was granted, refused, or expired.
    pub const APPROVAL_DECIDED: Self = Self::named("approval.decided");
    /// A person ended a doubt.
    pub const STEP_SETTLED: Self = Self::named("step.settled");
    /// Somebody could not prove who they are.
    pub const AUTH_FAILED: Self = Self::named("auth.failed");
    /// A control of the tenant or the installation was changed.
    pub const ADMIN_CHANGED: Self = Self::named("admin.changed");
    /// A store was made from a backup and began a new epoch.
    pub const STORE_RESTORED: Self = Self::named("store.restored");
    /// A store was moved elsewhere and sealed.
    pub const STORE_MOVED: Self = Self::named("store.moved");
    /// The audit entries were exported.
    pub const AUDIT_EXPORTED: Self = Self::named("audit.exported");

    /// Names an action that has no constant here.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Returns the dotted name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the recorded act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was done.
    Success,
    /// It was not done.
    Failure,
    /// It has started and its end is not known yet.
    Pending,
    /// It was not allowed.
    Denied,
    /// It ended and nobody can know yet whether it was done.
    Unknown,
}

impl Status {
    /// Returns the name as it stands in an entry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

/// Who may see what an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataClassification {
    /// Anyone.
    Public,
    /// The tenant's people.
    #[default]
    Internal,
    /// Those who need it.
    Confidential,
    /// Named persons only.
    Restricted,
}

impl DataClassification {
    /// Returns the name as it stands in an entry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

/// An audit entry without its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Who acted: a principal's subject, or the part of the system that acted by itself.
    pub actor_id: String,
    /// What was done.
    pub action: Action,
    /// The noun of what it was done to, such as `goal` or `approval`.
    pub resource_type: String,
    /// The id of what it was done to.
    pub resource_id: String,
    /// How it ended.
    pub status: Status,
    /// Who may see it.
    pub data_classification: DataClassification,
    /// The number of the journal event it belongs to; 0 when there is none.
    pub event_sequence: u64,
    /// The goal's `trace_id`, or the request's id where there is no goal.
    pub correlation_id: String,
    /// Ids, codes and keyed digests that say more.
    pub metadata: Map<String, Value>,
}

impl Draft {
    /// Starts a draft of something `actor_id` did to a resource: a success, internal, of no journal event.
    #[must_use]
    pub fn new(
        action: Action,
        actor_id: impl Into<String>,
        resource_type: impl Into<String>,
        resource_id: impl Into<String>,
    ) -> Self {
        Self {
            actor_id: actor_id.into(),
            action,
            resource_type: resource_type.into(),
            resource_id: resource_id.into(),
            status: Status::Success,
            data_classification: DataClassification::default(),
            event_sequence: 0,
            correlation_id: String::new(),
            metadata: Map::new(),
        }
    }

    /// Says how it ended.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Says who may see it.
    #[must_use]
    pub fn classified(mut self, data_classification: DataClassification) -> Self {
        self.data_classification = data_classification;
        self
    }

    /// Ties it to the journal event with this number.
    #[must_use]
    pub fn event(mut self, sequence: u64) -> Self {
        self.event_sequence = sequence;
        self
    }

    /// Ties it to a goal's `trace_id`, or to a request's id.
    #[must_use]
    pub fn correlated(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = correlation_id.into();
        self
    }

    /// Adds one id, code or keyed digest.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
