//! The Merkle tree of a tenant's entries (RFC 6962 §2.1), kept as its frontier: the roots of its full subtrees.
//!
//! A frontier needs one hash per bit set in the size, takes a leaf in amortised constant time and gives the root of
//! everything so far. It cannot give proofs; [`crate::proof`] makes them from the leaf hashes.

use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// Bytes in front of the hashes of a written frontier: its size.
const SIZE_BYTES: usize = 8;

/// Hashes a leaf: SHA-256(0x00 ‖ data).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash::from_bytes(
        Sha256::new()
            .chain_update([0])
            .chain_update(data)
            .finalize()
            .into(),
    )
}

/// Hashes an inner node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let digest = Sha256::new()
        .chain_update([1])
        .chain_update(left.as_bytes())
        .chain_update(right.as_bytes());
    Hash::from_bytes(digest.finalize().into())
}

/// Computes the root over a list of leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    frontier.root()
}

/// The tree so far: its size, and the roots of its full subtrees from the largest to the smallest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Why bytes are no written frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frontier is its size in 8 bytes and one hash per bit set in it")]
pub struct FrontierError;

impl Frontier {
    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        // Every one-bit at the end of the size is a full subtree that the new leaf completes to the next larger one.
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Computes the root; over no leaves it is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let joined = self
            .peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(|| Hash::from_bytes(Sha256::digest([]).into()))
    }

    /// Writes the frontier: the size as 8 bytes, most significant first, then the hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.peaks
            .iter()
            .for_each(|peak| bytes.extend_from_slice(peak.as_bytes()));
        bytes
    }

    /// Reads a frontier that [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FrontierError`] when the length does not fit the size; wrong hashes cannot be told from right ones here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = bytes
            .split_first_chunk::<SIZE_BYTES>()
            .ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(FrontierError);
        }
        let peaks = hashes.iter().copied().map(Hash::from_bytes).collect();
        Ok(Self { size, peaks })
    }
}
