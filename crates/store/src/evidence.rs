//! Evidence: audit entries, sealed in the transaction of what they describe (DESIGN law 7).
//!
//! A row holds the entries of one append as drafts, in the form below, with their hashes. Sealing is deterministic, so
//! that reading seals the drafts again and compares: a third of the bytes of the entries themselves.

pub(crate) mod checkpoint;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod verify;

use std::fmt::Display;
use std::sync::LazyLock;

use audit::{
    Action, ChainHead, DataClassification, Draft, Entry, Frontier, Hash, Position, Retention,
    Stamp, Status,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::goals::time;

/// The table's name.
pub(crate) const TABLE: &str = "audit";

/// The form that `drafts` has today, which stands for the retention that is no part of it too.
pub(crate) const FORM: i64 = 1;
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

    /// The chain that they belong to.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether there is nothing to be sealed.
    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Seals the drafts at the end of their chain, as one row.
    pub(crate) fn seal(self, head: &mut ChainHead, now: Timestamp) -> Result<Sealed, Error> {
        let (first, previous) = (head.next_index(), head.previous_hash());
        let mut hashes = Vec::with_capacity(self.drafts.len() * 32);
        for draft in self.drafts {
            let stamp = Stamp {
                tenant_id: self.chain.as_str(),
                id: id(head.next_index()),
                timestamp: now,
                retention: &RETENTION,
            };
            let sealed = head.seal(draft, stamp)?;
            hashes.extend_from_slice(sealed.entry.integrity_hash.as_bytes());
        }
        Ok(Sealed {
            first,
            at: now.as_microsecond(),
            previous,
            drafts: self.written,
            hashes,
        })
    }
}

/// A row of entries to be written.
pub(crate) struct Sealed {
    /// The index of the first entry.
    pub(crate) first: u64,
    pub(crate) at: i64,
    /// The hash of the entry before; `None` at index 0.
    pub(crate) previous: Option<Hash>,
    pub(crate) drafts: Vec<u8>,
    pub(crate) hashes: Vec<u8>,
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

/// The columns of a row of entries.
pub(crate) struct Columns<'a> {
    pub(crate) at: i64,
    pub(crate) form: i64,
    pub(crate) previous: Option<&'a [u8]>,
    pub(crate) drafts: &'a [u8],
    pub(crate) hashes: &'a [u8],
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
    /// Reads a row of either store; its checksum is the caller's. `row` names it where it is damaged.
    pub(crate) fn read(
        row: impl Display,
        first: u64,
        columns: &Columns<'_>,
    ) -> Result<Self, Error> {
        let damage = |reason: &str| Damage::row(TABLE, &row, reason);
        if columns.form != FORM {
            return Err(damage("its form is not known").into());
        }
        let drafts: Vec<Read> =
            serde_json::from_slice(columns.drafts).map_err(|error| damage(&error.to_string()))?;
        let (hashes, rest) = columns.hashes.as_chunks::<32>();
        if hashes.len() != drafts.len() || !rest.is_empty() || drafts.is_empty() {
            return Err(damage("it has not one hash for each entry").into());
        }
        let hashes = hashes.iter().copied().map(Hash::from_bytes);
        Ok(Self {
            first,
            at: time(columns.at),
            previous: columns
                .previous
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

/// The end of a chain as it stands written; `None`: it cannot be read.
pub(crate) fn chain_head(previous: &[u8], frontier: &[u8]) -> Option<ChainHead> {
    let previous = hash(previous).ok()?;
    ChainHead::restore(Frontier::from_bytes(frontier).ok()?, Some(previous))
}
