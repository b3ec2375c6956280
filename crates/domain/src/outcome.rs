//! What became of an effect. A tool's failure is data, not a Rust error (DESIGN law 6).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one attempt of an effect came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It happened; `output` keeps to the tool's output schema.
    Succeeded {
        /// What the tool answered.
        output: Value,
    },
    /// It did not happen, with proof.
    Failed {
        /// Whether another attempt can help.
        kind: FailureKind,
        /// How far the proof reaches.
        proof: Proof,
        /// Why.
        error: ToolError,
    },
    /// Nobody can know whether it happened.
    Unknown {
        /// What is known.
        error: ToolError,
    },
}

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Try again.
    Transient,
    /// Trying again cannot help.
    Permanent,
}

/// How far the proof of a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// This attempt changed nothing; an earlier one of unknown outcome may have.
    Attempt,
    /// No attempt under this effect's key changed anything.
    Key,
}

/// The answer of a reconcilable tool to "did key K happen?".
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It did, with this output.
    Happened {
        /// What the tool answered back then.
        output: Value,
    },
    /// It did not.
    DidNotHappen,
    /// The tool could not be asked.
    Unknown {
        /// Why.
        error: ToolError,
    },
}

/// Why an effect failed, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolError {
    /// Stable dotted code, such as `http.status`.
    pub code: String,
    /// One sentence for people; may hold personal data, so it is a payload and never evidence.
    pub message: String,
}

impl ToolError {
    /// An error with a code and a sentence.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl Outcome {
    /// A failure of this attempt that trying again may mend.
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed {
            kind: FailureKind::Transient,
            proof: Proof::Attempt,
            error: ToolError::new(code, message),
        }
    }

    /// A failure of this attempt that trying again cannot mend.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed {
            kind: FailureKind::Permanent,
            proof: Proof::Attempt,
            error: ToolError::new(code, message),
        }
    }

    /// An outcome that nobody can know.
    pub fn unknown(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unknown {
            error: ToolError::new(code, message),
        }
    }
}
