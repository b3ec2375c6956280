//! What the parts of one store share, wherever the facts are.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use crate::figures::Counters;
use crate::gate::Gate;
use crate::installation::Installation;
use crate::toolsets::Toolsets;
use crate::watch::Watchers;

/// What all parts of one store share.
pub(crate) struct Shared {
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// Who this installation is.
    pub(crate) installation: Installation,
    /// Toolsets that were read.
    pub(crate) toolsets: Toolsets,
    /// Who waits for goals.
    pub(crate) watchers: Watchers,
    /// The emergency controls.
    pub(crate) gate: watch::Sender<Gate>,
    /// How often notices were written.
    pub(crate) notices: watch::Sender<u64>,
    /// Whether this process drives goals itself.
    pub(crate) driving: AtomicBool,
    /// What was written so far.
    pub(crate) counters: Counters,
}

impl Shared {
    /// What the parts of a new store share.
    pub(crate) fn new(dir: &Path, installation: Installation, gate: Gate) -> Self {
        Self {
            dir: dir.to_owned(),
            installation,
            toolsets: Toolsets::default(),
            watchers: Watchers::default(),
            gate: watch::Sender::new(gate),
            notices: watch::Sender::new(0),
            driving: AtomicBool::new(true),
            counters: Counters::default(),
        }
    }
}
