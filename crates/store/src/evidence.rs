//! Evidence: audit entries, sealed by the writer in the transaction of what they describe (DESIGN law 7).
//!
//! A row holds the entries of one append as drafts, in the form below, with their hashes. Sealing is deterministic, so
//! that reading seals the drafts again and compares: a third of the bytes of the entries themselves.

pub(crate) mod checkpoint;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod verify;

use std::sync::LazyLock;

use audit::{
    Action, ChainHead, DataClassification, Draft, Entry, Frontier, Hash, Position, Retention,
    Stamp, Status,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Damage, Error};
use crate::fault;
use crate::goals::time;
use crate::table::{Table, blob, integer};
use crate::tenants::{Chain, Range, Tenant, serial};
use crate::writer::Writing;

/// The table of entries.
pub(crate) const AUDIT: Table = Table {
    name: "audit",
    insert: "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};
/// The table of chains' ends.
pub(crate) const CHAINS: Table = Table {
    name: "chains",
    insert: "INSERT OR REPLACE INTO chains VALUES (?1, ?2, ?3, ?4)",
};

/// The form that `drafts` has today, which stands for the retention that is no part of it too.
const FORM: i64 = 1;
/// How long entries of today's form are kept, and what for.
static RETENTION: LazyLock<Retention> = LazyLock::new(Retention::default);
/// What every entry's id begins with; its index follows.
const ID_PREFIX: &str = "aud-";

/// A draft at rest: action, actor, resource type and id, status, classification, event, correlation, metadata.
#[derive(Serialize)]
struct Written<'a>(
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    u64,
    &'a str,
    &'a Map<String, Value>,
);

/// The same, read.
#[derive(Deserialize)]
struct Read(
    Action,
    String,
    String,
    String,
    Status,
    DataClassification,
    u64,
    String,
    Map<String, Value>,
);

/// Drafts that are ready to be sealed.
pub(crate) struct Prepared {
    chain: Chain,
    drafts: Vec<Draft>,
    written: Vec<u8>,
}

impl Prepared {
    /// Writes the drafts in today's form, before the writer has to.
    pub(crate) fn new(chain: Chain, drafts: Vec<Draft>) -> Result<Self, Error> {
        let written: Vec<_> = drafts.iter().map(written).collect();
        let written =
            serde_json::to_vec(&written).map_err(|_| Error::Unwritable("a draft of evidence"))?;
        Ok(Self {
            chain,
            drafts,
            written,
        })
    }

    /// Seals the drafts at the end of their chain.
    pub(crate) fn write(self, writing: &mut Writing<'_>) -> Result<(), Error> {
        if self.drafts.is_empty() {
            return Ok(());
        }
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        let (first, previous) = (tenant.head.next_index(), tenant.head.previous_hash());
        let mut hashes = Vec::with_capacity(self.drafts.len() * 32);
        for draft in self.drafts {
            let id = id(tenant.head.next_index());
            let stamp = Stamp {
                tenant_id: self.chain.as_str(),
                id,
                timestamp: writing.now,
                retention: &RETENTION,
            };
            let sealed = tenant.head.seal(draft, stamp)?;
            hashes.extend_from_slice(sealed.entry.integrity_hash.as_bytes());
        }
        fault::hit("audit");
        let previous = previous
            .as_ref()
            .map_or(rusqlite::types::ValueRef::Null, |hash| {
                blob(hash.as_bytes())
            });
        let values = [
            integer(Range::of(tenant.number).at(first)),
            integer(writing.now.as_microsecond()),
            integer(FORM),
            previous,
            blob(&self.written),
            blob(&hashes),
        ];
        AUDIT.insert(writing.conn, &values)
    }
}

fn written(draft: &Draft) -> Written<'_> {
    Written(
        draft.action.as_str(),
        &draft.actor_id,
        &draft.resource_type,
        &draft.resource_id,
        draft.status.as_str(),
        draft.data_classification.as_str(),
        draft.event_sequence,
        &draft.correlation_id,
        &draft.metadata,
    )
}

impl From<Read> for Draft {
    fn from(read: Read) -> Self {
        let Read(
            action,
            actor,
            resource_type,
            resource,
            status,
            classification,
            event,
            correlation,
            metadata,
        ) = read;
        let mut draft = Self::new(action, actor, resource_type, resource)
            .status(status)
            .classified(classification)
            .event(event)
            .correlated(correlation);
        draft.metadata = metadata;
        draft
    }
}

/// The id of the entry at an index.
pub(crate) fn id(index: u64) -> String {
    format!("{ID_PREFIX}{index}")
}

/// The index in an entry's id; `None`: no entry has it.
pub(crate) fn index_of(id: &str) -> Option<u64> {
    let index = id.strip_prefix(ID_PREFIX)?.parse().ok()?;
    (self::id(index) == id).then_some(index)
}

/// A row of entries, read.
pub(crate) struct Stored {
    /// The index of the first entry.
    pub(crate) first: u64,
    /// When they were sealed.
    pub(crate) at: Timestamp,
    previous: Option<Hash>,
    /// The entries as drafts, each with the hash that stands beside it.
    pub(crate) entries: Vec<(Draft, Hash)>,
}

impl Stored {
    /// Reads a row with all columns; its checksum is the caller's.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Error> {
        let id: i64 = row.get(0)?;
        let damage = |reason: &str| Damage::row(AUDIT.name, id, reason);
        if row.get::<_, i64>(2)? != FORM {
            return Err(damage("its form is not known").into());
        }
        let previous = row.get_ref(3)?.as_blob_or_null().unwrap_or_default();
        let drafts = row.get_ref(4)?.as_blob().unwrap_or_default();
        let drafts: Vec<Read> =
            serde_json::from_slice(drafts).map_err(|error| damage(&error.to_string()))?;
        let hashes = row.get_ref(5)?.as_blob().unwrap_or_default();
        let (hashes, rest) = hashes.as_chunks::<32>();
        if hashes.len() != drafts.len() || !rest.is_empty() || drafts.is_empty() {
            return Err(damage("it has not one hash for each entry").into());
        }
        let hashes = hashes.iter().copied().map(Hash::from_bytes);
        Ok(Self {
            first: serial(id),
            at: time(row.get(1)?),
            previous: previous
                .map(hash)
                .transpose()
                .map_err(|()| damage("its previous hash cannot be read"))?,
            entries: drafts.into_iter().map(Draft::from).zip(hashes).collect(),
        })
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The hash of the last entry.
    pub(crate) fn last_hash(&self) -> Option<Hash> {
        self.entries.last().map(|(_, hash)| *hash)
    }

    /// Seals every entry again and gives each as one line, with the hash that stands beside it.
    pub(crate) fn lines(
        self,
        chain: &Chain,
        mut each: impl FnMut(u64, String),
    ) -> Result<(), Error> {
        let mut previous_hash = self.previous;
        for (index, (draft, hash)) in (self.first..).zip(self.entries) {
            let stamp = Stamp {
                tenant_id: chain.as_str(),
                id: id(index),
                timestamp: self.at,
                retention: &RETENTION,
            };
            let sealed = Entry::seal(
                draft,
                Position {
                    stamp,
                    index,
                    previous_hash,
                },
            )?;
            let computed = sealed.entry.integrity_hash;
            let line = match computed == hash {
                true => sealed.into_json(),
                // The line says what is stored, for the verifier to find.
                false => sealed
                    .into_json()
                    .replacen(&computed.to_string(), &hash.to_string(), 1),
            };
            previous_hash = Some(hash);
            each(index, line);
        }
        Ok(())
    }
}

fn hash(bytes: &[u8]) -> Result<Hash, ()> {
    bytes.try_into().map(Hash::from_bytes).map_err(|_| ())
}

/// Reads the end of a chain and makes sure that its last entry is there.
pub(crate) fn head(conn: &Connection, tenant: i64) -> Result<ChainHead, Error> {
    let damage = |reason| Damage::row(CHAINS.name, tenant, reason);
    let rows = Range::of(tenant);
    let last = "SELECT * FROM audit WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";
    let last = conn
        .prepare_cached(last)?
        .query_row([rows.first, rows.last], |row| {
            Ok(AUDIT.check(row).and_then(|()| Stored::read(row)))
        });
    let last = last.optional()?.transpose()?;
    let head = stored_head(conn, tenant)?.unwrap_or_default();
    let (size, hash) = last.map_or((0, None), |last| (last.end(), last.last_hash()));
    if (head.next_index(), head.previous_hash()) != (size, hash) {
        return Err(damage("it does not end where the entries do").into());
    }
    Ok(head)
}

/// Reads the end of a chain as it stands written.
pub(crate) fn stored_head(conn: &Connection, tenant: i64) -> Result<Option<ChainHead>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM chains WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    CHAINS.check(row)?;
    let damage = || Damage::row(CHAINS.name, tenant, "it cannot be read");
    let previous = hash(row.get_ref(1)?.as_blob().unwrap_or_default()).map_err(|()| damage())?;
    let frontier = Frontier::from_bytes(row.get_ref(2)?.as_blob().unwrap_or_default())
        .map_err(|_| damage())?;
    let head = ChainHead::restore(frontier, Some(previous)).ok_or_else(damage)?;
    Ok(Some(head))
}

/// Writes the end of a tenant's chain.
pub(crate) fn write_head(conn: &Connection, tenant: &Tenant) -> Result<(), Error> {
    let Some(previous) = tenant.head.previous_hash() else {
        return Ok(());
    };
    fault::hit("chains");
    let frontier = tenant.head.frontier().to_bytes();
    CHAINS.insert(
        conn,
        &[
            integer(tenant.number),
            blob(previous.as_bytes()),
            blob(&frontier),
        ],
    )
}
