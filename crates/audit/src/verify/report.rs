//! What a verification is held against, and what it found when nothing was wrong.

use super::fault::Reason;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::Hash;
use crate::note::VerifierKey;

/// Where a key or a checkpoint came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// From the store under test: it proves that the store agrees with itself.
    #[default]
    Store,
    /// From somewhere that the store's holder cannot write.
    Outside,
}

/// An older checkpoint that the tree must extend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The signed note.
    pub signed: String,
    /// Where it came from.
    pub source: Source,
}

/// What a chain is verified against.
///
/// An export: a required checkpoint. A live store: its stored checkpoints as `since`, none required at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// Whose chain it must be; `None` takes the first entry's word.
    pub tenant_id: Option<String>,
    /// The origin of all checkpoints; `None` takes any.
    pub origin: Option<String>,
    /// The key that signed all checkpoints; `None` leaves signatures unchecked, which the report says.
    pub key: Option<VerifierKey>,
    /// Where the key came from.
    pub key_source: Source,
    /// Older checkpoints that the tree must extend.
    pub since: Vec<Since>,
    /// Whether a chain that does not end in a checkpoint is bad.
    pub checkpoint_required: bool,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            tenant_id: None,
            origin: None,
            key: None,
            key_source: Source::Store,
            since: Vec::new(),
            checkpoint_required: true,
        }
    }
}

impl Expectations {
    /// Opens a checkpoint with the key, if there is one; returns it with the name of the key.
    pub(super) fn open(&self, signed: &str) -> Result<(Checkpoint, String), CheckpointError> {
        match &self.key {
            Some(key) => Ok((Checkpoint::open(signed, key)?, key.name().to_owned())),
            None => Checkpoint::read_unverified(signed),
        }
    }

    pub(super) fn other_origin(&self, checkpoint: &Checkpoint) -> Option<Reason> {
        let expected = self.origin.as_ref()?;
        (*expected != checkpoint.origin).then(|| Reason::OtherOrigin {
            expected: expected.clone(),
            found: checkpoint.origin.clone(),
        })
    }
}

/// What a verification without a fault found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The number of entries.
    pub entries: u64,
    /// The root over them.
    pub root: Hash,
    /// Whose chain it is; `None` when nobody said and there are no entries.
    pub tenant_id: Option<String>,
    /// How many entries, from the first, a checkpoint covers; those after could be cut unseen.
    pub covered: u64,
    /// The checkpoint that ended the chain; `None` where none was required.
    pub checkpoint: Option<Checkpoint>,
    /// The key's name, or where no key was given the keys that say they signed; `None` without any checkpoint.
    pub key_name: Option<String>,
    /// Whether signatures were checked at all.
    pub signature_checked: bool,
    /// Whether they were checked by a key from outside.
    pub key_from_outside: bool,
    /// The size of the largest older checkpoint that the tree extends; `None` where none was given.
    pub since: Option<u64>,
    /// Whether one of the older checkpoints came from outside.
    pub since_from_outside: bool,
}

impl Report {
    /// Whether anything from outside the store was part of the proof; otherwise it agrees only with itself.
    #[must_use]
    pub const fn trusted_from_outside(&self) -> bool {
        self.key_from_outside || self.since_from_outside
    }
}
