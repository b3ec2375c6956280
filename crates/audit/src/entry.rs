//! The audit entry: a draft with its place in the tenant's chain, sealed by the hash of its canonical bytes.
//!
//! The preimage is the RFC 8785 text of the entry without `integrity_hash`; the hash is SHA-256(0x00 ‖ preimage), which
//! makes it the entry's leaf hash in the tenant's RFC 6962 tree too. Sealing is the only way to make an entry, reading
//! ([`Entry::read`]) the only way to get one back.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::canonical::{push_integer, push_object, push_string};
use crate::draft::{Action, DataClassification, Draft, Status};
use crate::hash::Hash;
use crate::read;
use crate::tree::leaf_hash;

/// The largest entry as canonical text, in bytes: ids and digests of the largest plan fit, a payload put there by mistake
/// does not.
pub const ENTRY_BYTES_MAX: usize = 256 * 1024;

/// Days an entry is kept unless policy says otherwise: seven years.
const RETENTION_PERIOD_DAYS: u64 = 2555;

/// The first second of year 0: RFC 3339 writes no year before it.
const YEAR_ZERO: i64 = -62_167_219_200;

const MICROSECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// One audit entry, sealed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was done.
    pub action: Action,
    /// Who did it.
    pub actor_id: String,
    /// The compliance frameworks that ask for this entry.
    pub compliance_frameworks: Arc<[String]>,
    /// The goal's `trace_id`, or the request's id where there is no goal.
    pub correlation_id: String,
    /// Who may see it.
    pub data_classification: DataClassification,
    /// The number of the journal event it belongs to; 0 when there is none.
    #[serde(deserialize_with = "read::integer")]
    pub event_sequence: u64,
    /// The entry's own id.
    pub id: String,
    /// Its place in the tenant's chain, from 0, without gaps.
    #[serde(deserialize_with = "read::integer")]
    pub index: u64,
    /// SHA-256(0x00 ‖ canonical bytes of all other fields).
    pub integrity_hash: Hash,
    /// Ids, codes and keyed digests that say more.
    #[serde(deserialize_with = "read::metadata")]
    pub metadata: Map<String, Value>,
    /// The hash of the entry at `index` − 1; `None` at index 0.
    // Named so that a missing field is an error, not a `None`.
    #[serde(deserialize_with = "Option::deserialize")]
    pub previous_hash: Option<Hash>,
    /// The id of what it was done to.
    pub resource_id: String,
    /// The noun of what it was done to.
    pub resource_type: String,
    /// Days it is kept at least.
    #[serde(deserialize_with = "read::integer")]
    pub retention_period_days: u64,
    /// How it ended.
    pub status: Status,
    /// Whose chain it stands in.
    pub tenant_id: String,
    /// When it was sealed; whole microseconds.
    #[serde(deserialize_with = "read::timestamp")]
    pub timestamp: Timestamp,
}

/// How long an entry is kept, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Days it is kept at least.
    pub period_days: u64,
    /// The compliance frameworks that ask for it.
    pub compliance_frameworks: Arc<[String]>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            period_days: RETENTION_PERIOD_DAYS,
            compliance_frameworks: Arc::new(["soc2".to_owned(), "gdpr".to_owned()]),
        }
    }
}

/// What the writer of a chain gives every entry, wherever it stands.
#[derive(Debug, Clone)]
pub struct Stamp<'a> {
    /// Whose chain it is.
    pub tenant_id: &'a str,
    /// The entry's own id.
    pub id: String,
    /// When it is sealed; cut to whole microseconds.
    pub timestamp: Timestamp,
    /// How long it is kept.
    pub retention: &'a Retention,
}

/// A place in a tenant's chain.
#[derive(Debug, Clone)]
pub struct Position<'a> {
    /// What does not depend on the place.
    pub stamp: Stamp<'a>,
    /// The place, from 0.
    pub index: u64,
    /// The hash of the entry before; `None` at index 0.
    pub previous_hash: Option<Hash>,
}

/// A sealed entry and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The entry.
    pub entry: Entry,
    preimage: Preimage,
}

impl Sealed {
    /// Returns the canonical JSON of the whole entry, `integrity_hash` included: one line of an export.
    #[must_use]
    pub fn into_json(self) -> String {
        self.preimage.with_hash(&self.entry.integrity_hash)
    }
}

/// Why an entry cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A number that JSON readers would not agree on.
    #[error("number {0} is outside ±(2^53 − 1)")]
    Number(String),
    /// `metadata` is nested deeper than [`METADATA_DEPTH_MAX`](crate::METADATA_DEPTH_MAX).
    #[error("metadata is nested deeper than {max}", max = crate::METADATA_DEPTH_MAX)]
    Depth,
    /// The text would be longer than [`ENTRY_BYTES_MAX`].
    #[error("entry of {0} bytes is larger than {ENTRY_BYTES_MAX}")]
    Size(usize),
    /// The time has no year of four digits.
    #[error("timestamp {0} is before year 0")]
    Timestamp(Timestamp),
}

impl Entry {
    /// Seals a draft at its place.
    ///
    /// # Errors
    /// [`SealError`] when the draft has no canonical form or is too large; nothing of it may then be acted on.
    pub fn seal(draft: Draft, position: Position<'_>) -> Result<Sealed, SealError> {
        let Position {
            stamp,
            index,
            previous_hash,
        } = position;
        if stamp.timestamp.as_second() < YEAR_ZERO {
            return Err(SealError::Timestamp(stamp.timestamp));
        }
        let mut entry = Self {
            action: draft.action,
            actor_id: draft.actor_id,
            compliance_frameworks: Arc::clone(&stamp.retention.compliance_frameworks),
            correlation_id: draft.correlation_id,
            data_classification: draft.data_classification,
            event_sequence: draft.event_sequence,
            id: stamp.id,
            index,
            integrity_hash: Hash::from_bytes([0; 32]),
            metadata: draft.metadata,
            previous_hash,
            resource_id: draft.resource_id,
            resource_type: draft.resource_type,
            retention_period_days: stamp.retention.period_days,
            status: draft.status,
            tenant_id: stamp.tenant_id.to_owned(),
            timestamp: whole_microseconds(stamp.timestamp),
        };
        let preimage = Preimage::of(&entry)?;
        entry.integrity_hash = preimage.hash();
        let size = preimage.text.len() + HASH_BYTES;
        if size > ENTRY_BYTES_MAX {
            return Err(SealError::Size(size));
        }
        Ok(Sealed { entry, preimage })
    }

    /// Returns the RFC 8785 text of the entry without `integrity_hash`.
    ///
    /// # Errors
    /// [`SealError`] when a value that was changed after sealing has no canonical form.
    pub fn preimage(&self) -> Result<String, SealError> {
        Ok(Preimage::of(self)?.text)
    }

    /// Computes the hash that the entry's fields have, whatever its `integrity_hash` says.
    ///
    /// # Errors
    /// As [`Entry::preimage`].
    pub fn computed_hash(&self) -> Result<Hash, SealError> {
        Ok(Preimage::of(self)?.hash())
    }
}

fn whole_microseconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or(timestamp)
}

/// Appends a time as RFC 3339 with exactly six digits of a second and `Z`.
#[expect(
    clippy::expect_used,
    reason = "a String takes all text there is memory for"
)]
pub(crate) fn push_timestamp(out: &mut String, timestamp: &Timestamp) {
    MICROSECONDS
        .print_timestamp(timestamp, out)
        .expect("writing to a String does not fail");
}

/// What comes before the hash in the whole text.
const HASH_NAME: &str = ",\"integrity_hash\":";
/// What the whole text has more than the preimage: the name, two quotes and 64 digits.
const HASH_BYTES: usize = HASH_NAME.len() + 66;

/// The canonical text without `integrity_hash`, and where that would stand in it.
#[derive(Debug, Clone, PartialEq)]
struct Preimage {
    text: String,
    hash_at: usize,
}

impl Preimage {
    /// Writes the fields in the order of RFC 8785, which for these names is the alphabet's.
    fn of(entry: &Entry) -> Result<Self, SealError> {
        let mut out = String::with_capacity(1024);
        push_text(&mut out, "{\"action\":", entry.action.as_str());
        push_text(&mut out, ",\"actor_id\":", &entry.actor_id);
        out.push_str(",\"compliance_frameworks\":");
        push_strings(&mut out, &entry.compliance_frameworks);
        push_text(&mut out, ",\"correlation_id\":", &entry.correlation_id);
        push_text(
            &mut out,
            ",\"data_classification\":",
            entry.data_classification.as_str(),
        );
        out.push_str(",\"event_sequence\":");
        push_integer(&mut out, entry.event_sequence)?;
        push_text(&mut out, ",\"id\":", &entry.id);
        out.push_str(",\"index\":");
        push_integer(&mut out, entry.index)?;
        let hash_at = out.len();
        out.push_str(",\"metadata\":");
        push_object(&mut out, &entry.metadata, 1)?;
        out.push_str(",\"previous_hash\":");
        match &entry.previous_hash {
            Some(hash) => push_hash(&mut out, hash),
            None => out.push_str("null"),
        }
        push_text(&mut out, ",\"resource_id\":", &entry.resource_id);
        push_text(&mut out, ",\"resource_type\":", &entry.resource_type);
        out.push_str(",\"retention_period_days\":");
        push_integer(&mut out, entry.retention_period_days)?;
        push_text(&mut out, ",\"status\":", entry.status.as_str());
        push_text(&mut out, ",\"tenant_id\":", &entry.tenant_id);
        out.push_str(",\"timestamp\":");
        out.push('"');
        push_timestamp(&mut out, &entry.timestamp);
        out.push_str("\"}");
        Ok(Self { text: out, hash_at })
    }

    fn hash(&self) -> Hash {
        leaf_hash(self.text.as_bytes())
    }

    fn with_hash(self, hash: &Hash) -> String {
        let Self { mut text, hash_at } = self;
        let mut field = String::with_capacity(HASH_BYTES);
        field.push_str(HASH_NAME);
        push_hash(&mut field, hash);
        text.insert_str(hash_at, &field);
        text
    }
}

/// Appends a member of text; `name` with its comma, quotes and colon, so that it is one copy.
fn push_text(out: &mut String, name: &str, text: &str) {
    out.push_str(name);
    push_string(out, text);
}

fn push_hash(out: &mut String, hash: &Hash) {
    out.push('"');
    hash.push_hex(out);
    out.push('"');
}

fn push_strings(out: &mut String, texts: &[String]) {
    out.push('[');
    for (position, text) in texts.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_string(out, text);
    }
    out.push(']');
}
