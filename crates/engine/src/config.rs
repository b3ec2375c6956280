//! The engine's settings.

use std::time::Duration;

use serde::Deserialize;

/// `[engine]`: how many goals are driven at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Goals that are in memory and driven at the same time. Default 1024; 1 to 100,000.
    pub active_max: usize,
    /// Goals of one tenant that wait for their turn; past it new goals get 503. Default 10,000; 1 to 10,000,000.
    pub queue_max: usize,
    /// Whether notices are written for whoever is to be told; set by the wiring, not by the settings file.
    #[serde(skip)]
    pub notifies: bool,
    /// How often whoever leads looks at all open goals, for those that nobody was told of. Default 30 s; nothing of the
    /// settings file either: a sweep only mends what should not have come to pass.
    #[serde(skip)]
    pub sweep_every: Duration,
    /// Goals that are kept in memory although they only wait for room, where others say when goals are run. Default 256:
    /// each takes one of the places that those have for goals that last.
    #[serde(skip)]
    pub crowd_max: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            active_max: 1_024,
            queue_max: 10_000,
            notifies: false,
            sweep_every: Duration::from_secs(30),
            crowd_max: 256,
        }
    }
}
