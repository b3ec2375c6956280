//! Lists of entries in SQLite, and pieces of exports.

use rusqlite::Connection;

use super::{AUDIT, read};
use crate::chain::Chain;
use crate::error::Error;
use crate::evidence::export::Piece;
use crate::evidence::list::{EntryFilter, Filling};
use crate::numbers::Range;
use crate::page::{Listed, Page};
use crate::sqlite::Sqlite;
use crate::sqlite::tenants;

impl Sqlite {
    pub(crate) async fn entries(
        &self,
        chain: &Chain,
        filter: EntryFilter,
        page: Page,
    ) -> Result<Listed<String>, Error> {
        let chain = chain.clone();
        self.read(move |reading| list(reading.conn, Filling::new(&chain, &filter, page)))
            .await
    }

    /// Reads a piece of a chain for its export.
    pub(crate) async fn piece(&self, chain: &Chain, span: (u64, u64)) -> Result<Piece, Error> {
        let chain = chain.clone();
        self.read(move |reading| piece(reading.conn, &chain, span))
            .await
    }
}

fn list(conn: &Connection, mut filling: Filling<'_>) -> Result<Listed<String>, Error> {
    let Some(number) = tenants::number(conn, filling.chain.as_str())? else {
        return Ok(filling.listed);
    };
    let rows = Range::of(number);
    let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([rows.first, rows.at(filling.before())])?;
    while let Some(row) = found.next()? {
        AUDIT.check(row)?;
        if !filling.take(read(row)?)? {
            break;
        }
    }
    Ok(filling.listed)
}

fn piece(conn: &Connection, chain: &Chain, (next, size): (u64, u64)) -> Result<Piece, Error> {
    let number = tenants::number(conn, chain.as_str())?.unwrap_or_default();
    let mut piece = Piece::new(next);
    let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id";
    let rows = Range::of(number);
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query([rows.at(next), rows.at(size)])?;
    while !piece.is_full()
        && let Some(row) = found.next()?
    {
        AUDIT.check(row)?;
        piece.take(chain, read(row)?)?;
    }
    Ok(piece)
}
