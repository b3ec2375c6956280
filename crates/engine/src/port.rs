//! The port: how goals are run that no process keeps in its own memory.
//!
//! Where a port is given, this process drives nothing by itself. Goals that are accepted and wishes that are taken are
//! queued in the store by the same transaction; the dispatcher tells the port of them, and whoever is behind it has them
//! driven, one stretch after the other, by [`crate::Engine::stretch`] of any process.

use domain::id::{GoalId, TenantId};
use futures_util::future::BoxFuture;

/// Whoever sees to it that goals are driven.
pub trait Port: Send + Sync + 'static {
    /// Why it can be told nothing now; `None`: it can.
    fn trouble(&self) -> Option<String>;

    /// Tells it of a goal. Told twice is as told once.
    fn tell(&self, told: Told) -> BoxFuture<'static, Result<(), NotTold>>;
}

/// What a port is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whose goal it is.
    pub tenant: TenantId,
    /// The goal, which is to be driven if it is not.
    pub goal: GoalId,
    /// Whether it is to be driven again soon if it is driven already: there is something new for it in the store.
    pub wakes: bool,
    /// Names this telling: the same one told again has the same key.
    pub key: String,
}

/// A port could not be told; it is told again later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotTold(pub String);
