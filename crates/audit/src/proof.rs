//! Proofs: that an entry is under a root, and that a later tree extends an earlier one (RFC 6962 §2.1.1, §2.1.2).
//!
//! Making a proof needs all leaf hashes; checking one needs a few hashes and the roots.

use crate::hash::Hash;
use crate::tree::{node_hash, root};

/// Makes the proof that the leaf at `index` is in the tree over `leaves`; `None` where there is no such leaf.
#[must_use]
pub fn inclusion(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let mut index = usize::try_from(index)
        .ok()
        .filter(|index| *index < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = split(rest);
        if index < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            index -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Makes the proof that the tree over `leaves` extends its own first `old_size` leaves; `None` where it has fewer.
#[must_use]
pub fn consistency(leaves: &[Hash], old_size: u64) -> Option<Vec<Hash>> {
    let mut old_size = usize::try_from(old_size)
        .ok()
        .filter(|size| *size <= leaves.len())?;
    let mut path = Vec::new();
    if old_size == 0 {
        return Some(path);
    }
    let mut rest = leaves;
    // While the old tree is a prefix of every subtree taken, its root is known to whoever checks.
    let mut known = true;
    while old_size < rest.len() {
        let (left, right) = split(rest);
        if old_size <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            old_size -= left.len();
            rest = right;
            known = false;
        }
    }
    if !known {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

/// Checks that `leaf` stands at `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    (size, root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Checks that the second tree extends the first, each given as size and root (RFC 9162 §2.1.4.2).
#[must_use]
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (size, new_root)) = (old, new);
    if old_size == size || old_size == 0 {
        let same = if old_size == size {
            new_root
        } else {
            &root(&[])
        };
        return proof.is_empty() && old_root == same;
    }
    if old_size > size {
        return false;
    }
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        match proof.split_first() {
            Some(split) => split,
            None => return false,
        }
    };
    let shift = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> shift, (size - 1) >> shift);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Splits two leaves or more at the largest power of two below their number.
fn split(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}
