//! Checkpoints in SQLite: each row's number ends in the size.

use rusqlite::{Connection, OptionalExtension as _};

use super::{CHAINS, stored_head, write};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::Prepared;
use crate::evidence::checkpoint::{self, SignedCheckpoint};
use crate::fault;
use crate::numbers::{Range, serial};
use crate::sqlite::Sqlite;
use crate::sqlite::table::{Table, integer, text};
use crate::sqlite::tenants;
use crate::sqlite::writer::Writing;

pub(crate) mod file;

/// The table of checkpoints.
pub(crate) const CHECKPOINTS: Table = Table {
    name: "checkpoints",
    insert: "INSERT INTO checkpoints VALUES (?1, ?2, ?3, ?4)",
};

impl Sqlite {
    pub(crate) async fn sign(
        &self,
        chain: &Chain,
        evidence: Prepared,
    ) -> Result<(SignedCheckpoint, bool), Error> {
        let chain = chain.clone();
        self.write(move |writing| {
            write(writing, evidence)?;
            sign(writing, chain)
        })
        .await
    }

    /// The chains that grew since their last checkpoint.
    pub(crate) async fn chains_due(&self) -> Result<Vec<Chain>, Error> {
        self.read(|reading| due(reading.conn)).await
    }
}

/// Signs a chain as it is; says whether that is new.
fn sign(writing: &mut Writing<'_>, chain: Chain) -> Result<(SignedCheckpoint, bool), Error> {
    let tenant = writing.staged.tenant(writing.conn, &chain)?;
    let size = tenant.head.next_index();
    let row = Range::of(tenant.number).at(size);
    if let Some(note) = find(writing.conn, row)? {
        return Ok((SignedCheckpoint { chain, size, note }, false));
    }
    let note = checkpoint::sign(&writing.shared.installation, &chain, &tenant.head)?;
    fault::hit("checkpoint");
    CHECKPOINTS.insert(
        writing.conn,
        &[
            integer(row),
            integer(writing.now.as_microsecond()),
            text(&note),
        ],
    )?;
    Ok((SignedCheckpoint { chain, size, note }, true))
}

/// Reads the checkpoint of a row.
pub(crate) fn find(conn: &Connection, row: i64) -> Result<Option<String>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM checkpoints WHERE id = ?1")?;
    let mut rows = statement.query([row])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    CHECKPOINTS.check(row)?;
    Ok(Some(row.get(2)?))
}

/// Reads the checkpoints of a chain: the newest, and at most so many spread over those before.
pub(crate) fn stored(conn: &Connection, tenant: i64, most: i64) -> Result<Vec<String>, Error> {
    let rows = Range::of(tenant);
    let span = (rows.first, rows.last);
    let count = "SELECT count(*) FROM checkpoints WHERE id BETWEEN ?1 AND ?2";
    let count: i64 = conn.query_row(count, span, |row| row.get(0))?;
    let sql = "SELECT * FROM checkpoints WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query(span)?;
    let every = usize::try_from(count / most + 1).unwrap_or(1);
    let (mut notes, mut position) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if position % every == 0 {
            CHECKPOINTS.check(row)?;
            notes.push(row.get(2)?);
        }
        position += 1;
    }
    Ok(notes)
}

fn due(conn: &Connection) -> Result<Vec<Chain>, Error> {
    let mut statement = conn.prepare_cached("SELECT tenant FROM chains")?;
    let mut rows = statement.query([])?;
    let mut chains = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        let size = stored_head(conn, number)?.map_or(0, |head| head.next_index());
        let rows = Range::of(number);
        let last = "SELECT max(id) FROM checkpoints WHERE id BETWEEN ?1 AND ?2";
        let last: Option<i64> = conn
            .prepare_cached(last)?
            .query_row([rows.first, rows.last], |row| row.get(0))
            .optional()?
            .flatten();
        if last.map_or(0, serial) < size {
            let name = tenants::name(conn, number)?;
            chains.push(
                Chain::parse(&name)
                    .ok_or_else(|| Damage::row(CHAINS.name, number, "it has no name"))?,
            );
        }
    }
    Ok(chains)
}
