//! Guarantees broken on purpose, to prove that the proof notices: what `serve --sabotage` does.
//!
//! Law: it is taken only on a data directory that a proof has made for itself, which holds the marker file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ValueEnum;
use domain::digest::Digest;
use domain::effect::Call;
use domain::outcome::{Answer, Outcome};
use engine::Performer;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::json;

/// The file that says that a data directory belongs to a proof.
pub(crate) const MARKER: &str = "prove-run";

/// Which guarantee is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sabotage {
    /// Answers are given before the journal is committed
    Journal,
    /// Every attempt carries a key of its own
    Key,
    /// Compensations are said to be done and are not
    Undo,
}

impl Sabotage {
    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Key => "key",
            Self::Undo => "undo",
        }
    }

    /// Refuses to break anything outside of a proof; warns where it does not.
    ///
    /// # Errors
    /// The data directory has no marker.
    pub(crate) fn check(self, data_dir: &Path) -> Result<()> {
        if !data_dir.join(MARKER).is_file() {
            bail!(
                "--sabotage is for proofs only: {} is not a proof's data directory",
                data_dir.display()
            );
        }
        eprintln!(
            "WARNING: this server breaks a guarantee on purpose (--sabotage {}); never use it",
            self.as_str()
        );
        Ok(())
    }

    /// The hands that break it, where it is broken there.
    pub(crate) fn hands(self, hands: Arc<dyn Performer>) -> Arc<dyn Performer> {
        match self {
            Self::Journal => hands,
            Self::Key => Arc::new(FreshKeys(hands)),
            Self::Undo => Arc::new(NoUndo(hands)),
        }
    }
}

struct FreshKeys(Arc<dyn Performer>);

impl Performer for FreshKeys {
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome> {
        let mut key = [0; 32];
        match getrandom::fill(&mut key) {
            Ok(()) => self.0.perform(Call {
                key: Digest::from_bytes(key),
                ..call
            }),
            Err(_) => {
                async { Outcome::transient("sabotage.no_randomness", "no randomness") }.boxed()
            }
        }
    }

    fn ask(&self, call: Call) -> BoxFuture<'static, Answer> {
        self.0.ask(call)
    }
}

struct NoUndo(Arc<dyn Performer>);

impl Performer for NoUndo {
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome> {
        if call.undoes.is_none() {
            return self.0.perform(call);
        }
        async { Outcome::Succeeded { output: json!({}) } }.boxed()
    }

    fn ask(&self, call: Call) -> BoxFuture<'static, Answer> {
        self.0.ask(call)
    }
}
