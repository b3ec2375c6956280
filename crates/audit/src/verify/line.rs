//! One line of an export: an entry, or the checkpoint that ends it.

use serde::Deserialize;

use crate::entry::Entry;
use crate::read::ReadError;

/// A line, read.
pub(super) enum Line {
    Entry(Box<Entry>),
    /// The signed note.
    Checkpoint(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    checkpoint: String,
}

impl Line {
    pub(super) fn read(line: &[u8]) -> Result<Self, ReadError> {
        let refused = match Entry::read(line) {
            Ok(entry) => return Ok(Self::Entry(Box::new(entry))),
            Err(refused) => refused,
        };
        match serde_json::from_slice::<CheckpointLine>(line) {
            Ok(line) => Ok(Self::Checkpoint(line.checkpoint)),
            // An unknown field is seen before the end of the line: that it is cut says more.
            Err(error) if error.is_eof() => Err(ReadError::of(&error)),
            Err(_) => Err(refused),
        }
    }
}
