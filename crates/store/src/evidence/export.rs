//! Exports: all entries of a chain as lines, ending with its signed checkpoint, in bounded memory.

use audit::Draft;
use rusqlite::Connection;

use super::checkpoint::SignedCheckpoint;
use super::{AUDIT, Prepared, Stored};
use crate::error::Error;
use crate::store::Store;
use crate::tenants::{self, Chain, Range};

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
        let signed = self
            .checkpoint_after(chain, move |writing| prepared.write(writing))
            .await?;
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
        let (chain, span) = (self.signed.chain.clone(), (self.next, self.signed.size));
        let (piece, next) = self
            .store
            .read(move |reading| piece(reading.conn, &chain, span))
            .await?;
        self.next = next;
        Ok(Some(piece))
    }
}

fn piece(
    conn: &Connection,
    chain: &Chain,
    (next, size): (u64, u64),
) -> Result<(String, u64), Error> {
    let number = tenants::number(conn, chain.as_str())?.unwrap_or_default();
    let mut reached = next;
    let mut piece = String::new();
    let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id";
    let rows = Range::of(number);
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([rows.at(next), rows.at(size)])?;
    let mut entries = 0;
    while entries < PIECE_ENTRIES
        && let Some(row) = found.next()?
    {
        AUDIT.check(row)?;
        let stored = Stored::read(row)?;
        reached = stored.end();
        stored.lines(chain, |_, line| {
            piece.push_str(&line);
            piece.push('\n');
            entries += 1;
        })?;
    }
    // Where rows are missing the export goes on to its end, and the verifier of it will say which.
    Ok(if piece.is_empty() {
        (piece, size)
    } else {
        (piece, reached)
    })
}
