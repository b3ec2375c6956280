//! Checkpoints: a tenant's tree at one size, signed (C2SP tlog-checkpoint).
//!
//! The text is the origin, the size and the root, a line each; extension lines of others are read and passed over.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::canonical::push_string;
use crate::hash::Hash;
use crate::note::{CheckpointSigner, Note, NoteError, VerifierKey};

/// A tree at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which tree it is, as [`origin`] names it.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is malformed, or its signature is not the one asked for.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The signed text is no checkpoint.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
}

impl Checkpoint {
    /// Signs the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Form`] when the origin is empty or has a control character.
    pub fn sign(&self, signer: &CheckpointSigner) -> Result<String, CheckpointError> {
        if self.origin.is_empty() || self.origin.contains(char::is_control) {
            return Err(CheckpointError::Form(
                "its origin is empty or has a control character",
            ));
        }
        let root = STANDARD.encode(self.root.as_bytes());
        Ok(signer.sign(&format!("{}\n{}\n{root}\n", self.origin, self.size)))
    }

    /// Reads a signed checkpoint and checks the signature by `key`.
    ///
    /// # Errors
    /// [`CheckpointError`]: malformed, not signed by `key`, or signed wrongly.
    pub fn open(signed: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let note = Note::read(signed)?;
        note.verify(key)?;
        Self::read(note.text)
    }

    /// Reads a signed checkpoint without a key; returns it with the keys that say they signed it.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is malformed.
    pub fn read_unverified(signed: &str) -> Result<(Self, String), CheckpointError> {
        let note = Note::read(signed)?;
        Ok((Self::read(note.text)?, note.signers()))
    }

    fn read(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form("it has less than three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(CheckpointError::Form("it has an empty line"));
        }
        let size =
            decimal(size).ok_or(CheckpointError::Form("its size is not a decimal number"))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or(CheckpointError::Form("its root is not 32 bytes in base64"))?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root: Hash::from_bytes(root),
        })
    }
}

/// Names the tree of a tenant of an installation: `omnihub/<installation>/<tenant>`.
///
/// Characters past `[A-Za-z0-9._@:-]` are written as `%XX`, so that two tenants never share an origin.
#[must_use]
pub fn origin(installation: &str, tenant_id: &str) -> String {
    let mut origin = String::from("omnihub");
    for part in [installation, tenant_id] {
        origin.push('/');
        part.bytes().for_each(|byte| push_part(&mut origin, byte));
    }
    origin
}

/// Makes the last line of an export: the signed checkpoint as JSON, without a newline.
#[must_use]
pub fn export_line(signed: &str) -> String {
    let mut line = String::from("{\"checkpoint\":");
    push_string(&mut line, signed);
    line.push('}');
    line
}

#[expect(
    clippy::expect_used,
    reason = "a String takes all text there is memory for"
)]
fn push_part(origin: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"._@:-".contains(&byte) {
        origin.push(char::from(byte));
    } else {
        write!(origin, "%{byte:02X}").expect("writing to a String does not fail");
    }
}

/// Reads a number that is written in the one way decimal numbers are.
fn decimal(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == text)
}
