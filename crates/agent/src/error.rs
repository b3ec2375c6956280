//! Why the agent could not be opened.
//!
//! Only opening fails this way: once open, what a tool cannot do is an `Outcome` (DESIGN law 6).

use domain::schema::ToolSchemaError;

use crate::databases::OpenError;

/// A setting that the agent cannot work with; each message names the setting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A connected database cannot be used as configured.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// A tool declares a schema that is none; only a bug or a table without a usable name can bring this about.
    #[error(transparent)]
    Schema(#[from] ToolSchemaError),
    /// A setting of `[outbound]` is wrong.
    #[error("outbound.{setting}: {reason}")]
    Outbound {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A setting of `[email]` is wrong.
    #[error("email.{setting}: {reason}")]
    Email {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A secret is missing or unfit; the message never holds its value.
    #[error("secret {name:?}: {reason}")]
    Secret {
        /// Its name in the settings.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting of `[notify]` is wrong.
    #[error("notify.{setting}: {reason}")]
    Notify {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
}
