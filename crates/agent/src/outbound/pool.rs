//! Idle connections, kept for the next request to the same origin.
//!
//! A connection is used again only if the address it goes to is among those the guard has just judged, and only while
//! young: servers commonly close idle connections after 5 s, and a request that meets such a close is a doubt.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::guard::{Origin, Target};

/// How long an idle connection may be used again: well below the 5 s after which common servers close it.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// Idle connections kept to one origin: what a busy receiver gets at once.
const IDLE_PER_ORIGIN_MAX: usize = 128;
/// Idle connections kept in all, each a file descriptor.
const IDLE_TOTAL_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Origin, Vec<Idle>>>);

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// The youngest idle connection to one of the target's addresses, if any.
    pub(super) fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&target.origin)?;
        let fits = |peer: SocketAddr| target.addresses.contains(&peer);
        let found = connections
            .iter()
            .rposition(|idle| idle.since.elapsed() < IDLE_MAX && fits(idle.connection.peer()))?;
        Some(connections.remove(found).connection)
    }

    /// Keeps a connection that ended its exchange cleanly; drops those that are too old.
    pub(super) fn put(&self, origin: &Origin, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = 0;
        idle.retain(|_, connections| {
            // The oldest stand in front.
            let old = connections.partition_point(|idle| now - idle.since >= IDLE_MAX);
            connections.drain(..old);
            total += connections.len();
            !connections.is_empty()
        });
        let connections = idle.entry(origin.clone()).or_default();
        if total < IDLE_TOTAL_MAX && connections.len() < IDLE_PER_ORIGIN_MAX {
            connections.push(Idle {
                connection,
                since: now,
            });
        }
    }
}
