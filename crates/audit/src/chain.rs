//! The head of one tenant's chain: all that is needed to seal the next entry and to sign a checkpoint.
//!
//! A head is a value. Whoever writes entries seals on a copy, commits, and only then keeps the copy; a rolled-back
//! savepoint goes back to the copy made before it.

use crate::checkpoint::Checkpoint;
use crate::draft::Draft;
use crate::entry::{Entry, Position, SealError, Sealed, Stamp};
use crate::hash::Hash;
use crate::tree::Frontier;

/// Where a tenant's chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainHead {
    frontier: Frontier,
    previous_hash: Option<Hash>,
}

impl ChainHead {
    /// Restores a head from its stored parts; `None` when only one of them says that there are entries.
    #[must_use]
    pub fn restore(frontier: Frontier, previous_hash: Option<Hash>) -> Option<Self> {
        let fits = (frontier.size() == 0) == previous_hash.is_none();
        fits.then_some(Self {
            frontier,
            previous_hash,
        })
    }

    /// Returns the number of entries, which is the index of the next one.
    #[must_use]
    pub const fn next_index(&self) -> u64 {
        self.frontier.size()
    }

    /// Returns the hash of the last entry; `None` before the first.
    #[must_use]
    pub const fn previous_hash(&self) -> Option<Hash> {
        self.previous_hash
    }

    /// Returns the tree over all entries.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Seals a draft as the next entry and moves the head onto it.
    ///
    /// # Errors
    /// As [`Entry::seal`]; the head then stays where it is.
    pub fn seal(&mut self, draft: Draft, stamp: Stamp<'_>) -> Result<Sealed, SealError> {
        let position = Position {
            stamp,
            index: self.next_index(),
            previous_hash: self.previous_hash,
        };
        let sealed = Entry::seal(draft, position)?;
        self.advance(sealed.entry.integrity_hash);
        Ok(sealed)
    }

    /// Moves the head onto the next entry, known by its hash: for a head that is rebuilt from stored entries.
    pub fn advance(&mut self, integrity_hash: Hash) {
        self.frontier.append(integrity_hash);
        self.previous_hash = Some(integrity_hash);
    }

    /// Returns the checkpoint of the tree as it is, to be signed.
    #[must_use]
    pub fn checkpoint(&self, origin: impl Into<String>) -> Checkpoint {
        Checkpoint {
            origin: origin.into(),
            size: self.next_index(),
            root: self.frontier.root(),
        }
    }
}
