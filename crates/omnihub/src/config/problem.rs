//! What is wrong with settings: each problem names its place and, where it can, what was meant.

use std::fmt;

use super::place::Origin;

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong.
    pub what: String,
}

/// Everything wrong with the settings, in the order found; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem at a place.
    pub(crate) fn new(origin: &Origin, what: impl Into<String>) -> Self {
        Self {
            origin: origin.clone(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            // There is no place to name.
            Origin::Default => write!(f, "{}", self.what),
            origin => write!(f, "{origin}: {}", self.what),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
