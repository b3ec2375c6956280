//! Evidence in Postgres: each row's number ends in the index of its first entry.

pub(super) mod checkpoint;
mod list;
pub(super) mod verify;

use jiff::Timestamp;
use tokio_postgres::{Row, Statement};

use super::Postgres;
use super::connection::Connection;
use super::tenants::Tenant;
use crate::chain::Chain;
use crate::error::Error;
use crate::evidence::{Columns, FORM, Prepared, Sealed, Stored};
use crate::fault;
use crate::numbers::serial;

/// Writes rows of entries.
pub(super) const INSERT: &str = "INSERT INTO omnihub.audit
    SELECT id, $1, at, $2, previous, drafts, hashes
    FROM unnest($3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[])
        AS new(id, at, previous, drafts, hashes)";

/// Rows of entries, a list a column.
#[derive(Default)]
pub(super) struct Rows {
    ids: Vec<i64>,
    at: Vec<i64>,
    previous: Vec<Option<Vec<u8>>>,
    drafts: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
}

impl Rows {
    /// Takes a row in.
    pub(super) fn push(&mut self, id: i64, sealed: Sealed) {
        let previous = sealed.previous.map(|hash| hash.as_bytes().to_vec());
        self.ids.push(id);
        self.at.push(sealed.at);
        self.previous.push(previous);
        self.drafts.push(sealed.drafts);
        self.hashes.push(sealed.hashes);
    }

    /// Writes them with [`INSERT`].
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        tenant: &str,
    ) -> Result<u64, Error> {
        if self.ids.is_empty() {
            return Ok(0);
        }
        fault::hit("audit");
        conn.execute(
            statement,
            [
                &tenant,
                &FORM,
                &self.ids,
                &self.at,
                &self.previous,
                &self.drafts,
                &self.hashes,
            ],
        )
        .await
    }
}

/// Seals drafts at the end of a chain whose row is locked.
pub(super) async fn write(
    conn: &Connection,
    chain: &Chain,
    (tenant, now): (&mut Tenant, Timestamp),
    prepared: Prepared,
) -> Result<(), Error> {
    if prepared.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::default();
    let sealed = prepared.seal(&mut tenant.head, now)?;
    rows.push(tenant.rows().at(sealed.first), sealed);
    let [insert] = conn.prepare([INSERT]).await?;
    rows.write(conn, &insert, chain.as_str()).await?;
    Ok(())
}

/// Reads a row with the columns `id, at, form, previous, drafts, hashes`.
pub(super) fn read(row: &Row) -> Result<Stored, Error> {
    let id: i64 = row.try_get(0)?;
    let columns = Columns {
        at: row.try_get(1)?,
        form: row.try_get(2)?,
        previous: row.try_get(3)?,
        drafts: row.try_get(4)?,
        hashes: row.try_get(5)?,
    };
    Stored::read(id, serial(id), &columns)
}

impl Postgres {
    pub(crate) async fn append_evidence(&self, prepared: Prepared) -> Result<(), Error> {
        if prepared.is_empty() {
            return Ok(());
        }
        let chain = prepared.chain().clone();
        let mut conn = self.connection().await?;
        let mut tenant = self.lock_tenant(&mut conn, &chain, None).await?;
        write(&conn, &chain, (&mut tenant, Timestamp::now()), prepared).await?;
        self.save_tenant(conn, &tenant).await
    }
}
