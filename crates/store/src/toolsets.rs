//! Toolsets: the tool specifications that plans were checked against, stored once under their digest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::digest::Digest;
use domain::tool::Toolset;
use rusqlite::Connection;
use saga::PinnedTools;

use crate::error::{Damage, Error};
use crate::fault;
use crate::state::Staged;
use crate::table::{Table, blob, integer};

/// The table of toolsets.
pub(crate) const TOOLSETS: Table = Table {
    name: "toolsets",
    insert: "INSERT INTO toolsets VALUES (?1, ?2, ?3, ?4)",
};

/// Toolsets kept in memory: a set changes when the configuration does.
const CACHED_MAX: usize = 64;

/// Toolsets that were read, shared by all goals that pin them.
#[derive(Default)]
pub(crate) struct Toolsets {
    sets: Mutex<HashMap<Digest, Arc<Toolset>>>,
}

impl Toolsets {
    /// Puts a pinned set back into an event.
    pub(crate) fn restore(&self, conn: &Connection, pinned: &mut PinnedTools) -> Result<(), Error> {
        let digest = pinned.digest();
        let cached = self.lock().get(&digest).cloned();
        let tools = match cached {
            Some(tools) => tools,
            None => {
                let tools = Arc::new(read(conn, digest)?);
                self.remember(digest, Arc::clone(&tools));
                tools
            }
        };
        pinned.restore(tools);
        Ok(())
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

/// Stores a set unless it is stored already.
pub(crate) fn store(
    conn: &Connection,
    staged: &mut Staged<'_>,
    digest: Digest,
    tools: &Toolset,
) -> Result<(), Error> {
    if staged.has_toolset(&digest) {
        return Ok(());
    }
    let known = conn
        .prepare_cached("SELECT 1 FROM toolsets WHERE digest = ?1")?
        .exists([digest.as_bytes()])?;
    if !known {
        fault::hit("append.toolset");
        let id: i64 =
            conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM toolsets", [], |row| {
                row.get(0)
            })?;
        let body = serde_json::to_vec(tools).map_err(|_| Error::Unwritable("a toolset"))?;
        TOOLSETS.insert(conn, &[integer(id), blob(digest.as_bytes()), blob(&body)])?;
    }
    staged.stored_toolset(digest);
    Ok(())
}

fn read(conn: &Connection, digest: Digest) -> Result<Toolset, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM toolsets WHERE digest = ?1")?;
    let mut rows = statement.query([digest.as_bytes()])?;
    let row = rows
        .next()?
        .ok_or_else(|| Damage::row(TOOLSETS.name, digest, "it is missing"))?;
    TOOLSETS.check(row)?;
    let body = row.get_ref(2)?.as_blob().unwrap_or_default();
    Ok(serde_json::from_slice(body)
        .map_err(|_| Damage::row(TOOLSETS.name, digest, "it cannot be read"))?)
}
