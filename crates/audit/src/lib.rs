//! Evidence: what happened, written so that nobody can change it unseen.
//!
//! An audit [`Entry`] is sealed by its hash, linked to the entry before it, and is a leaf of its tenant's Merkle tree
//! (RFC 6962). A signed [`Checkpoint`] fixes the tree at one size. The [`Verifier`] reads entries line by line and names
//! the first one that is not what it was.
//!
//! Law: no clock, randomness or I/O. Ids, times and keys are given; whoever stores the entries is not trusted.

mod canonical;
mod chain;
mod checkpoint;
mod draft;
mod entry;
mod hash;
mod note;
pub mod proof;
mod read;
mod tree;
mod verify;

pub use canonical::{METADATA_DEPTH_MAX, NUMBER_MAX};
pub use chain::ChainHead;
pub use checkpoint::{Checkpoint, CheckpointError, export_line, origin};
pub use draft::{Action, DataClassification, Draft, Status};
pub use entry::{ENTRY_BYTES_MAX, Entry, Position, Retention, SealError, Sealed, Stamp};
pub use hash::{Hash, HashError};
pub use note::{CheckpointSigner, KeyError, NoteError, VerifierKey};
pub use read::ReadError;
pub use tree::{Frontier, FrontierError, leaf_hash, node_hash, root};
pub use verify::{Expectations, Fault, Reason, Report, Since, Source, Verifier};
