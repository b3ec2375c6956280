//! Toolsets in SQLite.

use std::sync::Arc;

use domain::digest::Digest;
use domain::tool::Toolset;
use rusqlite::Connection;

use super::state::Staged;
use super::table::{Table, blob, integer};
use crate::error::{Damage, Error};
use crate::toolsets::{Toolsets, encode};
use crate::{fault, toolsets};

/// The table of toolsets.
pub(crate) const TOOLSETS: Table = Table {
    name: toolsets::TABLE,
    insert: "INSERT INTO toolsets VALUES (?1, ?2, ?3, ?4)",
};

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
        let body = encode(tools)?;
        TOOLSETS.insert(conn, &[integer(id), blob(digest.as_bytes()), blob(&body)])?;
    }
    staged.stored_toolset(digest);
    Ok(())
}

/// The set of that digest, from memory or from its row.
pub(crate) fn find(
    conn: &Connection,
    toolsets: &Toolsets,
    digest: Digest,
) -> Result<Arc<Toolset>, Error> {
    if let Some(known) = toolsets.known(digest) {
        return Ok(known);
    }
    let mut statement = conn.prepare_cached("SELECT * FROM toolsets WHERE digest = ?1")?;
    let mut rows = statement.query([digest.as_bytes()])?;
    let row = rows
        .next()?
        .ok_or_else(|| Damage::row(TOOLSETS.name, digest, "it is missing"))?;
    TOOLSETS.check(row)?;
    toolsets.take(digest, row.get_ref(2)?.as_blob().unwrap_or_default())
}
