//! Faults that one line alone does not explain, and the end of a chain that they are weighed against.

use super::fault::{Fault, Reason};
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::hash::Hash;
use crate::tree::Frontier;

/// The end of a chain; the last entry is kept apart so that another can be put in its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    frontier: Frontier,
    last: Option<Hash>,
}

impl Tail {
    pub(super) fn size(&self) -> u64 {
        self.frontier.size() + u64::from(self.last.is_some())
    }

    /// The hash of the last entry; `None` before the first.
    pub(super) const fn last(&self) -> Option<Hash> {
        self.last
    }

    pub(super) fn push(&mut self, hash: Hash) {
        if let Some(before) = self.last.replace(hash) {
            self.frontier.append(before);
        }
    }

    pub(super) fn root(&self) -> Hash {
        let mut frontier = self.frontier.clone();
        if let Some(last) = self.last {
            frontier.append(last);
        }
        frontier.root()
    }

    /// Puts another entry in the place of the last one; without a hash, or before the first, there is none to put.
    pub(super) fn relink(&mut self, last: Option<Hash>) {
        if self.last.is_some() && last.is_some() {
            self.last = last;
        }
    }
}

/// A fault that is certain, and what it may still turn out to be.
#[derive(Debug)]
pub(super) enum Doubt {
    /// The entry of `index` is not in its place, the entry of `found` is: removed, or moved.
    Missing { index: u64, found: u64 },
    /// The entry of `index` does not follow from the one before it. `other` is the chain with the entries
    /// that the links say: where that has a signed root, the entry before was rewritten.
    Unlinked { index: u64, other: Tail },
}

impl Doubt {
    /// The fault as far as it is known.
    pub(super) const fn fault(&self) -> Fault {
        match self {
            Self::Missing { index, found } => Fault {
                index: *index,
                reason: Reason::Removed { found: *found },
            },
            Self::Unlinked { index, .. } => Fault {
                index: *index,
                reason: Reason::Unlinked,
            },
        }
    }

    /// Takes a further entry, whose own hash is right; fails as soon as the doubt is settled.
    pub(super) fn weigh(
        &mut self,
        entry: &Entry,
        tail: &Tail,
        ahead: &[Checkpoint],
    ) -> Result<(), Fault> {
        if self.explained_by(ahead) {
            return Err(self.judge(ahead));
        }
        match self {
            Self::Missing { index, found } => {
                if entry.index == *index && entry.previous_hash == tail.last() {
                    return Err(Fault {
                        index: *index,
                        reason: Reason::Moved { found: *found },
                    });
                }
            }
            Self::Unlinked { other, .. } => {
                // More than one entry may have been rewritten: each link says what stood before it.
                other.relink(entry.previous_hash);
                other.push(entry.integrity_hash);
            }
        }
        Ok(())
    }

    /// Settles the doubt: with one of these checkpoints, or else as far as it is known.
    pub(super) fn judge(&self, checkpoints: &[Checkpoint]) -> Fault {
        match self {
            Self::Unlinked { index, .. } if self.explained_by(checkpoints) => Fault {
                index: index.saturating_sub(1),
                reason: Reason::Rewritten,
            },
            _ => self.fault(),
        }
    }

    /// Whether a checkpoint signed the chain as it was before the rewriting.
    fn explained_by(&self, checkpoints: &[Checkpoint]) -> bool {
        match self {
            Self::Missing { .. } => false,
            Self::Unlinked { other, .. } => checkpoints.iter().any(|checkpoint| {
                checkpoint.size == other.size() && checkpoint.root == other.root()
            }),
        }
    }
}
