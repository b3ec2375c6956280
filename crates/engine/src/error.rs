//! What goes wrong in the engine itself.

/// We failed; the goal is as its journal says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused or failed.
    #[error("the store failed")]
    Store(#[source] store::Error),
    /// The store did not take what followed.
    #[error("the store did not take what followed")]
    Append(#[source] store::AppendError),
    /// A goal that was to be run is not there.
    #[error("goal {0} is not in the store")]
    Missing(String),
    /// Others changed the goal each time it was about to move on; it is tried again later.
    #[error("goal {goal} changed {attempts} times while it was about to move on")]
    Contended {
        /// The goal.
        goal: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// More goals of this tenant wait for their turn than may.
    #[error("the tenant's queue is full")]
    Busy,
    /// Another process may be at what the goal has in flight, until then.
    #[error("another process may be at what the goal has in flight, until {0}")]
    Elsewhere(jiff::Timestamp),
    /// The engine is being shut down.
    #[error("the engine is shutting down")]
    Draining,
    /// An emergency control cancels what would be accepted.
    #[error("an emergency control cancels goals: {0}")]
    Cancelling(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Error {
    /// Whether the same may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        let failed = matches!(
            self,
            Self::Store(_)
                | Self::Append(store::AppendError::Store(_) | store::AppendError::NoSpace)
                | Self::Contended { .. }
        );
        failed && !self.is_damage()
    }

    /// Whether the goal's record is damaged, so that trying again cannot help.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Store(store::Error::Damaged(_))
                | Self::Append(store::AppendError::Store(store::Error::Damaged(_)))
        )
    }
}
