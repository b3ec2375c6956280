//! What a process is: everything, or one part of what runs past one machine.

use anyhow::Result;
use clap::ValueEnum;

use crate::config::Loaded;
use crate::config::settings::Driver;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything in one process
    All,
    /// Takes goals and answers questions; workers drive
    Api,
    /// Drives goals for Temporal; answers health and figures only
    Worker,
}

impl Role {
    /// Whether it serves the API.
    pub(crate) fn accepts(self) -> bool {
        self != Self::Worker
    }

    /// Whether it drives goals.
    #[cfg_attr(
        not(feature = "temporal"),
        expect(dead_code, reason = "only the Temporal driver asks")
    )]
    pub(crate) fn drives(self) -> bool {
        self != Self::Api
    }

    /// Refuses a role that the settings leave nothing to do for, and a driver that they leave without a store.
    pub(crate) fn check(self, loaded: &Loaded) -> Result<()> {
        let settings = &loaded.settings;
        match (self, settings.engine.driver) {
            (Self::All, Driver::Embedded) => Ok(()),
            (_, Driver::Embedded) => Err(loaded
                .blame(
                    "engine.driver",
                    "the embedded driver is in every process: --role api and --role worker need \"temporal\"",
                )
                .into()),
            (_, Driver::Temporal) if settings.store.url.is_none() => Err(loaded
                .blame(
                    "store.url",
                    "Temporal drives goals in more than one process, which can share PostgreSQL only",
                )
                .into()),
            (_, Driver::Temporal) => Ok(()),
        }
    }
}
