//! Toolsets in Postgres.

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use domain::digest::Digest;
use domain::tool::Toolset;

use super::Postgres;
use super::append::Toolsets;
use super::connection::Connection;
use crate::error::{Damage, Error};
use crate::fault;
use crate::shared::Shared;
use crate::toolsets::{TABLE, encode};

pub(super) const STORE: &str =
    "INSERT INTO omnihub.toolsets VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING";
const READ: &str = "SELECT body, proof FROM omnihub.toolsets WHERE digest = $1";

/// Sets of one process that are remembered to be stored.
const KNOWN_MAX: usize = 4_096;

/// Stores the sets that are not known to be stored.
pub(super) async fn store(
    store: &Postgres,
    conn: &Connection,
    toolsets: &Toolsets,
) -> Result<(), Error> {
    let mut new: Vec<_> = {
        let known = known(store);
        let new = toolsets
            .iter()
            .filter(|(digest, _)| !known.contains(digest));
        new.collect()
    };
    // In one order everywhere, so that two processes never wait for each other.
    new.sort_by_key(|(digest, _)| *digest.as_bytes());
    new.dedup_by_key(|(digest, _)| *digest.as_bytes());
    for (digest, tools) in new {
        let [statement] = conn.prepare([STORE]).await?;
        fault::hit("append.toolset");
        let body = encode(tools)?;
        let proof = proof(&store.inner.shared, digest.as_bytes(), &body);
        let (digest, proof) = (digest.as_bytes().as_slice(), proof.as_bytes().as_slice());
        conn.execute(&statement, [&digest, &body, &proof]).await?;
    }
    Ok(())
}

/// Remembers that sets are stored, after COMMIT.
pub(super) fn stored(store: &Postgres, toolsets: &Toolsets) {
    let mut known = known(store);
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.extend(toolsets.iter().map(|(digest, _)| *digest));
}

fn known(store: &Postgres) -> MutexGuard<'_, HashSet<Digest>> {
    // The set is whole at every point where a thread could have panicked.
    let known = &store.inner.toolsets;
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The set of that digest, from memory or from its row.
pub(super) async fn find(
    conn: &Connection,
    shared: &Shared,
    digest: Digest,
) -> Result<Arc<Toolset>, Error> {
    if let Some(known) = shared.toolsets.known(digest) {
        return Ok(known);
    }
    let [read] = conn.prepare([READ]).await?;
    let rows = conn.query(&read, [&digest.as_bytes().as_slice()]).await?;
    let row = rows.first();
    let row = row.ok_or_else(|| Damage::row(TABLE, digest, "it is missing"))?;
    let (body, stored): (&[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?);
    if proof(shared, digest.as_bytes(), body).as_bytes() != stored {
        return Err(Damage::row(TABLE, digest, "it is not what was written").into());
    }
    shared.toolsets.take(digest, body)
}

/// The keyed digest of a row. What a set is called is its maker's word alone, and its lanes decide what people are asked.
pub(super) fn proof(shared: &Shared, digest: &[u8], body: &[u8]) -> Digest {
    let secret = &shared.installation.secret;
    secret.digest(&[b"toolset row", digest, body])
}
