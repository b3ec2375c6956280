//! Who drives the goals of a store that several processes share: one of them at a time, by lease.
//!
//! A lease is no lock: whoever loses it learns of it by its own clock, the journal fences what it writes, and what it had
//! in flight is waited for before anybody doubts or repeats it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::id::{GoalId, TenantId};
use jiff::Timestamp;

use crate::error::Error;
use crate::store::{Kind, Store};

/// The lead, for as long as its lease runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// How often the lead has gone from one holder to another.
    pub epoch: u64,
    /// Since when this holder has it, by its own clock. What began before was begun by others, who may still be at it.
    pub since: Timestamp,
}

impl Store {
    /// Whether other processes may drive the goals of this store, one after the other.
    pub fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Postgres(_))
    }

    /// Takes the lead, or keeps it, for so long from when this was called; `None`: somebody else has it.
    ///
    /// # Errors
    /// [`Error`] where the database cannot be asked; the lease then runs out.
    pub async fn lead(&self, lease: Duration) -> Result<Option<Lead>, Error> {
        match &self.kind {
            // The lock on the data directory is all the lead that is needed.
            Kind::Sqlite(_) => Ok(Some(Lead {
                epoch: 0,
                since: Timestamp::MIN,
            })),
            Kind::Postgres(postgres) => postgres.lead(lease).await,
        }
    }

    /// Gives the lead up at once, for the next who wants it.
    ///
    /// # Errors
    /// [`Error`] where the database cannot be asked; the lease then runs out.
    pub async fn step_down(&self) -> Result<(), Error> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(()),
            Kind::Postgres(postgres) => postgres.step_down().await,
        }
    }

    /// Says whether this process drives goals itself. Where it does not, goals that it accepts and wishes that it takes
    /// are queued for whoever does.
    pub fn set_driving(&self, driving: bool) {
        self.shared().driving.store(driving, Ordering::SeqCst);
    }

    /// Whether this process drives goals itself; one that does not leaves to the one that does what only one should do.
    pub fn is_driving(&self) -> bool {
        self.shared().driving.load(Ordering::SeqCst)
    }

    /// Takes goals out of the queue of those that other processes changed, each to be looked at soon. Only a hint: what
    /// is to be found is in the store, and whoever drives looks at all open goals now and then.
    ///
    /// # Errors
    /// [`Error`] where the queue cannot be read.
    pub async fn take_queued(&self, limit: u32) -> Result<Vec<(TenantId, GoalId)>, Error> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(Vec::new()),
            Kind::Postgres(postgres) => postgres.take_queued(limit).await,
        }
    }
}
