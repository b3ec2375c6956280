//! Who drives the goals of a store that several processes share: one of them at a time, by lease.
//!
//! A lease is no lock: whoever loses it learns of it by its own clock, the journal fences what it writes, and what it had
//! in flight is waited for before anybody doubts or repeats it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::id::{GoalId, TenantId};

use crate::error::Error;
use crate::shared::Dispatched;
use crate::store::{Kind, Store};

/// The lead, for as long as its lease runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// How often the lead has gone from one holder to another.
    pub epoch: u64,
}

/// A goal that was changed by a process that does not drive it: whoever does has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The row, for [`Store::told`].
    pub id: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The goal.
    pub goal: GoalId,
    /// Whether it was accepted before: then it may be waiting, and has to be woken.
    pub accepted: bool,
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
            Kind::Sqlite(_) => Ok(Some(Lead { epoch: 0 })),
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

    /// Says that goals are driven by whoever is told by the queue: those that this process accepts and those that it takes
    /// wishes for are queued even where it leads. For so long they are given to nobody else, so that this process can tell
    /// of them at once ([`Store::take_fresh`]). `here`: goals are driven in this process, too; where they are not, and
    /// others hear of the queue, it is left to them.
    pub fn set_dispatched(&self, lease: Duration, here: bool) {
        // Said twice, the first holds.
        self.shared()
            .dispatched
            .get_or_init(|| Dispatched { lease, here });
    }

    /// Whether the queue is left to other processes, because goals are driven there and they hear of it.
    pub fn leaves_queue(&self) -> bool {
        match &self.kind {
            Kind::Sqlite(_) => false,
            Kind::Postgres(postgres) => postgres.leaves_queue(),
        }
    }

    /// Takes the oldest of what this process has queued and keeps to itself, at most so many. What nobody is told of in
    /// time is left to [`Store::take_queued`].
    pub fn take_fresh(&self, most: u32) -> Vec<Queued> {
        self.shared()
            .take_fresh(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Takes goals of the queue, oldest first, to tell whoever drives them; for so long nobody else is given them. Only a
    /// hint: what is to be found is in the store, and whoever drives looks at all open goals now and then.
    ///
    /// # Errors
    /// [`Error`] where the queue cannot be read.
    pub async fn take_queued(&self, limit: u32, lease: Duration) -> Result<Vec<Queued>, Error> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(Vec::new()),
            Kind::Postgres(postgres) => postgres.take_queued(limit, lease).await,
        }
    }

    /// Takes those out of the queue whose drivers were told.
    ///
    /// # Errors
    /// [`Error`] where the queue cannot be written; then they are told again.
    pub async fn told(&self, queued: &[u64]) -> Result<(), Error> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(()),
            Kind::Postgres(postgres) => postgres.told(queued).await,
        }
    }
}
