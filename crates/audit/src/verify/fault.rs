//! What can be wrong with a chain, in words.

use std::fmt;

use crate::checkpoint::CheckpointError;
use crate::entry::SealError;
use crate::hash::Hash;
use crate::read::ReadError;

/// The first bad place of a chain, and why; displayed as `index N: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The index that the bad entry has or should have.
    pub index: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index {}: {}", self.index, self.reason)
    }
}

impl std::error::Error for Fault {}

/// Why an entry, or the end of a chain, is bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The line is no entry: not JSON, cut short, or a field is missing, unknown, repeated or of a wrong kind.
    #[error("{0}")]
    Unreadable(ReadError),
    /// The line holds a value that no entry was ever sealed with.
    #[error("not an entry: {0}")]
    NotSealable(SealError),
    /// A field was changed: the content has not the hash that stands beside it.
    #[error("edited: integrity_hash says {says}, the content has {computed}")]
    Edited {
        /// The hash that stands in the entry.
        says: Hash,
        /// The hash that its fields have.
        computed: Hash,
    },
    /// The entry is of another tenant's chain.
    #[error("entry of tenant {found:?} in the chain of tenant {expected:?}")]
    OtherTenant {
        /// The tenant whose chain this is.
        expected: String,
        /// The tenant that the entry names.
        found: String,
    },
    /// The entry is nowhere in the rest of the file.
    #[error("removed: the entry of index {found} stands in its place")]
    Removed {
        /// The index of the entry in its place.
        found: u64,
    },
    /// The entry comes later.
    #[error("moved: the entry of index {found} stands in its place, and it comes later")]
    Moved {
        /// The index of the entry in its place.
        found: u64,
    },
    /// An entry stands here again.
    #[error("repeated: the entry of index {found} stands here again")]
    Repeated {
        /// The index of the repeated entry.
        found: u64,
    },
    /// There are two different entries of one index.
    #[error("added: there is another entry of index {found}")]
    Added {
        /// The index that two entries have.
        found: u64,
    },
    /// An entry of a much earlier index stands here.
    #[error("repeated or added: an entry of index {found} stands here")]
    OutOfPlace {
        /// The index of the entry that stands here.
        found: u64,
    },
    /// The entry does not follow from the one before it.
    #[error(
        "previous_hash is not the hash of the entry before: that was rewritten, or this one added"
    )]
    Unlinked,
    /// The entry was changed and sealed again; the next one and a signed root say what it was.
    #[error(
        "rewritten: changed and sealed again, the next entry and the checkpoint stand on another one"
    )]
    Rewritten,
    /// The tree is not the signed one, though the chain holds: entries were changed and all after them sealed again.
    #[error(
        "rewritten: the first {size} entries are not those of the checkpoint; changed somewhere from index {from} on"
    )]
    RewrittenTail {
        /// Up to here an older checkpoint proves the entries.
        from: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// The chain ends too early.
    #[error("missing: the checkpoint covers {size} entries")]
    Cut {
        /// The size of the checkpoint.
        size: u64,
    },
    /// The chain goes on past what the checkpoint at its end signed.
    #[error("not covered: the checkpoint at the end covers {size} entries")]
    BeyondCheckpoint {
        /// The size of the checkpoint.
        size: u64,
    },
    /// There is something after the checkpoint.
    #[error("stands after the checkpoint")]
    AfterCheckpoint,
    /// There is no checkpoint, so that nobody can say whether the chain ends here.
    #[error("the checkpoint is missing")]
    MissingCheckpoint,
    /// The checkpoint is malformed, by another key, or its signature is wrong.
    #[error("bad checkpoint: {0}")]
    BadCheckpoint(CheckpointError),
    /// The checkpoint is of another tree.
    #[error("checkpoint of another origin: {found:?}, not {expected:?}")]
    OtherOrigin {
        /// The origin asked for.
        expected: String,
        /// The origin that the checkpoint names.
        found: String,
    },
}
