//! What keeps Temporal from being used.

/// Temporal cannot be used as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("{what}: {why}")]
    Setting {
        /// Which one, as the configuration names it.
        key: &'static str,
        /// The same in words.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// The setting that it is about, as [`crate::Config`] names it.
    pub fn key(&self) -> &'static str {
        let Self::Setting { key, .. } = self;
        key
    }
}
