//! Toolsets: the tool specifications that plans were checked against, stored once under their digest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::digest::Digest;
use domain::tool::Toolset;

use crate::error::{Damage, Error};

/// The table's name.
pub(crate) const TABLE: &str = "toolsets";

/// Toolsets kept in memory: a set changes when the configuration does.
const CACHED_MAX: usize = 64;

/// Toolsets that were read, shared by all goals that pin them.
#[derive(Default)]
pub(crate) struct Toolsets {
    sets: Mutex<HashMap<Digest, Arc<Toolset>>>,
}

impl Toolsets {
    /// The set of that digest, where it was read before.
    pub(crate) fn known(&self, digest: Digest) -> Option<Arc<Toolset>> {
        self.lock().get(&digest).cloned()
    }

    /// Takes in a set as it is stored.
    pub(crate) fn take(&self, digest: Digest, body: &[u8]) -> Result<Arc<Toolset>, Error> {
        let tools: Toolset = serde_json::from_slice(body)
            .map_err(|_| Damage::row(TABLE, digest, "it cannot be read"))?;
        let tools = Arc::new(tools);
        self.remember(digest, Arc::clone(&tools));
        Ok(tools)
    }

    /// Remembers a set that was just pinned.
    pub(crate) fn remember(&self, digest: Digest, tools: Arc<Toolset>) {
        let mut sets = self.lock();
        if sets.len() >= CACHED_MAX {
            sets.clear();
        }
        sets.insert(digest, tools);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Toolset>>> {
        // The map is whole at every point where a thread could have panicked.
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a set as it is stored.
pub(crate) fn encode(tools: &Toolset) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(tools).map_err(|_| Error::Unwritable("a toolset"))
}
