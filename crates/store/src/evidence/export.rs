//! Exports: all entries of a chain as lines, ending with its signed checkpoint, in bounded memory.

use audit::Draft;

use super::checkpoint::SignedCheckpoint;
use super::{Prepared, Stored};
use crate::chain::Chain;
use crate::error::Error;
use crate::store::{Store, either};

/// Entries in one piece of an export: about a hundred kilobytes.
const PIECE_ENTRIES: usize = 256;

/// An export under way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    signed: SignedCheckpoint,
    next: u64,
    done: bool,
}

impl Store {
    /// Begins an export of a chain as it is now. `evidence` of the export is the last of what is exported.
    ///
    /// # Errors
    /// [`Error`]; nothing may then be exported.
    pub async fn export(&self, chain: &Chain, evidence: Vec<Draft>) -> Result<Export, Error> {
        let prepared = Prepared::new(chain.clone(), evidence)?;
        let signed = self.checkpoint_after(chain, prepared).await?;
        Ok(Export {
            store: self.clone(),
            signed,
            next: 0,
            done: false,
        })
    }
}

impl Export {
    /// The number of entries that are exported.
    pub fn size(&self) -> u64 {
        self.signed.size
    }

    /// The next piece: whole lines, each with its newline; `None`: the export is complete.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row cannot be read; the export is then cut short and shows it.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        if self.done {
            return Ok(None);
        }
        if self.next >= self.signed.size {
            self.done = true;
            return Ok(Some(audit::export_line(&self.signed.note) + "\n"));
        }
        let (chain, span) = (&self.signed.chain, (self.next, self.signed.size));
        let piece = either!(self.store, store => store.piece(chain, span).await?);
        // Where rows are missing the export goes on to its end, and the verifier of it will say which.
        self.next = match piece.lines.is_empty() {
            true => self.signed.size,
            false => piece.reached,
        };
        Ok(Some(piece.lines))
    }
}

/// A piece of an export as it fills.
pub(crate) struct Piece {
    lines: String,
    entries: usize,
    /// The index after the last entry.
    reached: u64,
}

impl Piece {
    /// An empty piece that begins at an index.
    pub(crate) fn new(next: u64) -> Self {
        Self {
            lines: String::new(),
            entries: 0,
            reached: next,
        }
    }

    /// Whether nothing more belongs into it.
    pub(crate) fn is_full(&self) -> bool {
        self.entries >= PIECE_ENTRIES
    }

    /// Takes the next row.
    pub(crate) fn take(&mut self, chain: &Chain, stored: Stored) -> Result<(), Error> {
        self.reached = stored.end();
        stored.lines(chain, |_, line| {
            self.lines.push_str(&line);
            self.lines.push('\n');
            self.entries += 1;
        })
    }
}
