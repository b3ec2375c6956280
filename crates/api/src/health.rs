//! Health on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the server can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, `degraded` or `error`.
    pub status: String,
    /// What fails, such as `database`; absent: nothing does. Degraded without it, goals are accepted and wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
}

impl Health {
    /// All is well.
    pub fn ok() -> Self {
        Self {
            status: "ok".into(),
            component: None,
        }
    }

    /// Something fails that can be done without for a while.
    pub fn degraded(component: impl Into<String>) -> Self {
        Self {
            status: "degraded".into(),
            component: Some(component.into()),
        }
    }

    /// Something fails.
    pub fn failing(component: impl Into<String>) -> Self {
        Self {
            status: "error".into(),
            component: Some(component.into()),
        }
    }
}
