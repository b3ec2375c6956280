//! Evidence in SQLite: each row's number ends in the index of its first entry.

use audit::{ChainHead, Draft};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::Sqlite;
use super::table::{Table, blob, integer};
use super::tenants::Tenant;
use super::writer::Writing;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::{self, Columns, FORM, Prepared, Stored, chain_head};
use crate::fault;
use crate::numbers::{Range, serial};

pub(super) mod checkpoint;
mod list;
pub(super) mod verify;

/// The table of entries.
pub(crate) const AUDIT: Table = Table {
    name: evidence::TABLE,
    insert: "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};
/// The table of chains' ends.
pub(crate) const CHAINS: Table = Table {
    name: "chains",
    insert: "INSERT OR REPLACE INTO chains VALUES (?1, ?2, ?3, ?4)",
};

impl Sqlite {
    pub(crate) async fn append_evidence(&self, prepared: Prepared) -> Result<(), Error> {
        self.write(move |writing| write(writing, prepared)).await
    }
}

/// Seals drafts at the end of their chain.
pub(crate) fn write(writing: &mut Writing<'_>, prepared: Prepared) -> Result<(), Error> {
    if prepared.is_empty() {
        return Ok(());
    }
    let tenant = writing.staged.tenant(writing.conn, prepared.chain())?;
    let sealed = prepared.seal(&mut tenant.head, writing.now)?;
    fault::hit("audit");
    let previous = sealed.previous.as_ref();
    let values = [
        integer(Range::of(tenant.number).at(sealed.first)),
        integer(sealed.at),
        integer(FORM),
        previous.map_or(ValueRef::Null, |hash| blob(hash.as_bytes())),
        blob(&sealed.drafts),
        blob(&sealed.hashes),
    ];
    AUDIT.insert(writing.conn, &values)
}

/// Seals the same drafts at the end of a chain at once.
pub(crate) fn write_drafts(
    writing: &mut Writing<'_>,
    chain: Chain,
    drafts: Vec<Draft>,
) -> Result<(), Error> {
    write(writing, Prepared::new(chain, drafts)?)
}

/// Reads a row with all columns; its checksum is the caller's.
pub(crate) fn read(row: &Row<'_>) -> Result<Stored, Error> {
    let id: i64 = row.get(0)?;
    let columns = Columns {
        at: row.get(1)?,
        form: row.get(2)?,
        previous: row.get_ref(3)?.as_blob_or_null().unwrap_or_default(),
        drafts: row.get_ref(4)?.as_blob().unwrap_or_default(),
        hashes: row.get_ref(5)?.as_blob().unwrap_or_default(),
    };
    Stored::read(id, serial(id), &columns)
}

/// Reads the end of a chain and makes sure that its last entry is there.
pub(crate) fn head(conn: &Connection, tenant: i64) -> Result<ChainHead, Error> {
    let damage = |reason| Damage::row(CHAINS.name, tenant, reason);
    let rows = Range::of(tenant);
    let last = "SELECT * FROM audit WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";
    let last = conn
        .prepare_cached(last)?
        .query_row([rows.first, rows.last], |row| {
            Ok(AUDIT.check(row).and_then(|()| read(row)))
        });
    let last = last.optional()?.transpose()?;
    let head = stored_head(conn, tenant)?.unwrap_or_default();
    let (size, hash) = last.map_or((0, None), |last| (last.end(), last.last_hash()));
    if (head.next_index(), head.previous_hash()) != (size, hash) {
        return Err(damage("it does not end where the entries do").into());
    }
    Ok(head)
}

/// Reads the end of a chain as it stands written.
pub(crate) fn stored_head(conn: &Connection, tenant: i64) -> Result<Option<ChainHead>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM chains WHERE tenant = ?1")?;
    let mut rows = statement.query([tenant])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    CHAINS.check(row)?;
    let previous = row.get_ref(1)?.as_blob().unwrap_or_default();
    let frontier = row.get_ref(2)?.as_blob().unwrap_or_default();
    let head = chain_head(previous, frontier);
    let head = head.ok_or_else(|| Damage::row(CHAINS.name, tenant, "it cannot be read"))?;
    Ok(Some(head))
}

/// Writes the end of a tenant's chain.
pub(crate) fn write_head(conn: &Connection, tenant: &Tenant) -> Result<(), Error> {
    let Some(previous) = tenant.head.previous_hash() else {
        return Ok(());
    };
    fault::hit("chains");
    let frontier = tenant.head.frontier().to_bytes();
    CHAINS.insert(
        conn,
        &[
            integer(tenant.number),
            blob(previous.as_bytes()),
            blob(&frontier),
        ],
    )
}
