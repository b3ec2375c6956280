//! How far something that leaves the house had come when it failed, which decides what may be claimed about it.

use domain::outcome::{Outcome, ToolError};

/// Why a request or a mail was not carried out, as far as can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How far it had come.
    pub stage: Stage,
    /// What went wrong.
    pub error: ToolError,
}

/// How far it had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was not taken, and another attempt cannot help.
    Refused,
    /// It was not taken; another attempt may help.
    NotSent,
    /// It may have been taken.
    Sent,
}

impl Failure {
    pub(crate) fn new(stage: Stage, code: &str, message: impl Into<String>) -> Self {
        Self {
            stage,
            error: ToolError::new(code, message),
        }
    }
}

impl From<Failure> for Outcome {
    fn from(Failure { stage, error }: Failure) -> Self {
        match stage {
            Stage::Refused => Self::permanent(error.code, error.message),
            Stage::NotSent => Self::transient(error.code, error.message),
            Stage::Sent => Self::Unknown { error },
        }
    }
}
