//! Why a database did not do what it was asked, and what may be concluded from it.
//!
//! Messages name tables, columns and constraints, never values.

use std::fmt;

use domain::outcome::{FailureKind, Outcome, Proof, ToolError};
use rusqlite::{ErrorCode, ffi};

/// Something that was not done, or that nobody can know.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    certainty: Certainty,
    error: ToolError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// It was not done.
    Failed(FailureKind, Proof),
    /// Nobody can know.
    Unknown,
}

impl Refusal {
    /// It was not done, and trying again may help.
    pub(crate) fn transient(code: &str, message: impl Into<String>) -> Self {
        let error = ToolError::new(code, message);
        Self {
            certainty: Certainty::Failed(FailureKind::Transient, Proof::Attempt),
            error,
        }
    }

    /// It was not done, and trying again cannot help.
    pub(crate) fn permanent(code: &str, message: impl Into<String>) -> Self {
        let error = ToolError::new(code, message);
        Self {
            certainty: Certainty::Failed(FailureKind::Permanent, Proof::Attempt),
            error,
        }
    }

    /// Nobody can know whether it was done.
    pub(crate) fn unknown(code: &str, message: impl Into<String>) -> Self {
        Self {
            certainty: Certainty::Unknown,
            error: ToolError::new(code, message),
        }
    }

    /// Why, in one sentence.
    pub(crate) fn reason(&self) -> &str {
        &self.error.message
    }

    /// The same, known after the effect's key was looked up, under the transaction, and not found.
    pub(crate) fn for_every_attempt(mut self) -> Self {
        if let Certainty::Failed(_, proof) = &mut self.certainty {
            *proof = Proof::Key;
        }
        self
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal.certainty {
            Certainty::Failed(kind, proof) => Self::Failed {
                kind,
                proof,
                error: refusal.error,
            },
            Certainty::Unknown => Self::Unknown {
                error: refusal.error,
            },
        }
    }
}

/// What SQLite says about a statement that was not committed.
impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        let (code, extended, message) = match &error {
            rusqlite::Error::SqliteFailure(failure, message) => (
                failure.code,
                failure.extended_code,
                message.as_deref().unwrap_or_default(),
            ),
            rusqlite::Error::SqlInputError {
                error: failure,
                msg,
                ..
            } => (failure.code, failure.extended_code, msg.as_str()),
            other => {
                return Self::permanent(
                    "database.error",
                    format!("the database cannot be used: {other}"),
                );
            }
        };
        match code {
            ErrorCode::ConstraintViolation => {
                Self::permanent("row.constraint", constraint(extended, message))
            }
            ErrorCode::TypeMismatch => {
                Self::permanent("row.constraint", "the row's key must be an integer")
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Self::transient("database.busy", "the database is locked by someone else")
            }
            ErrorCode::OperationInterrupted => Self::transient(
                "database.timeout",
                "the database did not finish in time; nothing was changed",
            ),
            ErrorCode::DiskFull => {
                Self::transient("database.full", "the disk of the database is full")
            }
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed => {
                Self::transient("database.io", Said(message).to_string())
            }
            ErrorCode::ReadOnly => Self::permanent(
                "database.read_only",
                "the file of the database cannot be written",
            ),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Self::permanent("database.damaged", Said(message).to_string())
            }
            ErrorCode::TooBig => Self::permanent(
                "value.too_large",
                "a value is larger than the database allows",
            ),
            _ => Self::permanent("database.error", Said(message).to_string()),
        }
    }
}

/// What a violated constraint is called; SQLite's own words name it and hold no values.
fn constraint(extended: i32, message: &str) -> String {
    match extended {
        ffi::SQLITE_CONSTRAINT_TRIGGER => {
            format!("a trigger of the database refused it: {message}")
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "a foreign key of the database refused it".to_owned(),
        _ => format!("the database refused it: {message}"),
    }
}

struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database says: {}", self.0)
    }
}
