//! Lists of entries in Postgres, and pieces of exports.

use tokio_postgres::types::ToSql;

use super::read;
use crate::chain::Chain;
use crate::error::Error;
use crate::evidence::export::Piece;
use crate::evidence::list::{EntryFilter, Filling};
use crate::numbers::{Range, tenant_of};
use crate::page::{Listed, Page};
use crate::postgres::Postgres;
use crate::postgres::connection::As;

/// Rows read at once.
const PIECE_ROWS: i64 = 256;

const NEWEST: &str = "SELECT id, at, form, previous, drafts, hashes FROM omnihub.audit
    WHERE tenant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4";
/// Entries in the order in which they were sealed.
pub(super) const OLDEST: &str = "SELECT id, at, form, previous, drafts, hashes FROM omnihub.audit
    WHERE tenant = $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4";

impl Postgres {
    pub(crate) async fn entries(
        &self,
        chain: &Chain,
        filter: EntryFilter,
        page: Page,
    ) -> Result<Listed<String>, Error> {
        let mut filling = Filling::new(chain, &filter, page);
        let Some(mut before) = self.row_before(chain, Some(filling.before())).await? else {
            return Ok(filling.listed);
        };
        let first = Range::of(tenant_of(before)).first;
        loop {
            let values: [&(dyn ToSql + Sync); 4] = [&chain.as_str(), &first, &before, &PIECE_ROWS];
            let rows = self.read_one(As::Chain(chain), NEWEST, values).await?;
            for row in &rows {
                before = row.try_get(0)?;
                if !filling.take(read(row)?)? {
                    return Ok(filling.listed);
                }
            }
            if i64::try_from(rows.len()) != Ok(PIECE_ROWS) {
                return Ok(filling.listed);
            }
        }
    }

    /// Reads a piece of a chain for its export.
    pub(crate) async fn piece(
        &self,
        chain: &Chain,
        (next, size): (u64, u64),
    ) -> Result<Piece, Error> {
        let mut piece = Piece::new(next);
        let Some(end) = self.row_before(chain, Some(size)).await? else {
            return Ok(piece);
        };
        let start = Range::of(tenant_of(end)).at(next);
        let values: [&(dyn ToSql + Sync); 4] = [&chain.as_str(), &start, &end, &PIECE_ROWS];
        for row in self.read_one(As::Chain(chain), OLDEST, values).await? {
            if piece.is_full() {
                break;
            }
            piece.take(chain, read(&row)?)?;
        }
        Ok(piece)
    }
}
