//! Checkpoints: signed tree heads, in the database and as files beside it.
//!
//! The file holds the newest one and is replaced whole; whoever copies it elsewhere can prove a rewritten chain.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::{CHAINS, stored_head};
use crate::error::{Damage, Error};
use crate::fault;
use crate::store::Store;
use crate::table::{Table, integer, text};
use crate::tenants::{self, Chain, Range, serial};
use crate::writer::Writing;

pub(crate) mod file;

/// The table of checkpoints.
pub(crate) const CHECKPOINTS: Table = Table {
    name: "checkpoints",
    insert: "INSERT INTO checkpoints VALUES (?1, ?2, ?3, ?4)",
};

/// A chain's tree at one size, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Whose chain it is.
    pub chain: Chain,
    /// The number of entries.
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// The newest checkpoint of each chain that was signed and not yet handed out to be witnessed.
pub(crate) type Untold = BTreeMap<String, SignedCheckpoint>;

impl Store {
    /// Signs a chain as it is, in the database and in the folder `checkpoints`; the last one again where nothing was
    /// written since.
    ///
    /// # Errors
    /// [`Error`] where it could not be written.
    pub async fn checkpoint(&self, chain: &Chain) -> Result<SignedCheckpoint, Error> {
        self.checkpoint_after(chain, |_| Ok(())).await
    }

    /// The same after some work in the same transaction, so that the checkpoint covers exactly what the work wrote.
    pub(crate) async fn checkpoint_after(
        &self,
        chain: &Chain,
        work: impl FnOnce(&mut Writing<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<SignedCheckpoint, Error> {
        let mut untold = self.checkpointing().await;
        let of = chain.clone();
        let signed = self.write(move |writing| {
            work(writing)?;
            sign(writing, of)
        });
        let (signed, new) = signed.await?;
        let (store, checkpoint) = (self.clone(), signed.clone());
        let written =
            tokio::task::spawn_blocking(move || file::write(store.shared(), &checkpoint)).await;
        written.map_err(|_| Error::Closed)??;
        if new {
            untold.insert(chain.as_str().to_owned(), signed.clone());
        }
        Ok(signed)
    }

    /// Signs every chain that grew since its last checkpoint; returns the newest of each chain that was signed since the
    /// last call, also those that exports signed.
    ///
    /// # Errors
    /// [`Error`] where one could not be written.
    pub async fn checkpoint_due(&self) -> Result<Vec<SignedCheckpoint>, Error> {
        for chain in self.read(|reading| due(reading.conn)).await? {
            self.checkpoint(&chain).await?;
        }
        let untold = std::mem::take(&mut *self.checkpointing().await);
        Ok(untold.into_values().collect())
    }
}

/// Signs a chain as it is; says whether that is new.
fn sign(writing: &mut Writing<'_>, chain: Chain) -> Result<(SignedCheckpoint, bool), Error> {
    let tenant = writing.staged.tenant(writing.conn, &chain)?;
    let (size, row) = (
        tenant.head.next_index(),
        Range::of(tenant.number).at(tenant.head.next_index()),
    );
    if let Some(note) = find(writing.conn, row)? {
        return Ok((SignedCheckpoint { chain, size, note }, false));
    }
    let installation = &writing.shared.installation;
    let checkpoint = tenant
        .head
        .checkpoint(audit::origin(&installation.name, chain.as_str()));
    let note = checkpoint
        .sign(&installation.signer)
        .map_err(|_| Error::Unwritable("a checkpoint"))?;
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
fn find(conn: &Connection, row: i64) -> Result<Option<String>, Error> {
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
