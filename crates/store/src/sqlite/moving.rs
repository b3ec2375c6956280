//! A store on its way elsewhere: sealed for good, and its rows handed out table by table.
//!
//! What became of a move is the cause of the source's newest epoch.

use std::path::Path;

use audit::{Action, Draft};
use domain::id::Subject;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};

use super::epoch::{self, Epoch};
use super::evidence::{verify, write_drafts};
use super::tenants::Tenant;
use super::writer::Writing;
use super::{DATABASE, Sqlite, connection};
use crate::chain::Chain;
use crate::error::Error;
use crate::numbers::serial;

/// What the cause of a sealed store's newest epoch begins with, in every release.
const MOVED: &str = "moved to ";
/// What it ends with once everything is known to have arrived.
const ARRIVED: &str = ", and arrived";

/// The seal of a store that is not to be opened for work again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Where its goals are, or were to be.
    pub(crate) to: String,
    /// Whether they are known to be there.
    pub(crate) arrived: bool,
}

impl Seal {
    /// What whoever wants to open a sealed store is told.
    pub(crate) fn moved(self, dir: &Path) -> Error {
        Error::Moved {
            dir: dir.to_owned(),
            to: self.to,
        }
    }
}

/// The seal of a store; `None`: it has none.
pub(super) fn seal_of(conn: &Connection) -> Result<Option<Seal>, Error> {
    let epoch = epoch::newest(conn)?;
    Ok(epoch.and_then(|epoch| {
        let to = epoch.cause.strip_prefix(MOVED)?;
        Some(Seal {
            to: to.strip_suffix(ARRIVED).unwrap_or(to).to_owned(),
            arrived: to.ends_with(ARRIVED),
        })
    }))
}

/// The seal of the store in a data directory, which is not opened for it.
pub(crate) fn seal_in(dir: &Path) -> Result<Option<Seal>, Error> {
    let conn = connection::open_reader(&dir.join(DATABASE))?;
    // A store that was never opened since there are epochs has none.
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'epochs'";
    let epochs: Option<i64> = conn.query_row(sql, [], |row| row.get(0)).optional()?;
    match epochs {
        Some(_) => seal_of(&conn),
        None => Ok(None),
    }
}

/// A chain with what is counted of its tenant, as it stands.
pub(crate) struct Counted {
    pub(crate) chain: Chain,
    pub(crate) tenant: Tenant,
    /// How many entries the newest checkpoint signs.
    pub(crate) signed: u64,
}

impl Sqlite {
    /// Seals the store, with evidence in every chain: it is never opened for work again. Sealed for the same place before,
    /// it stays as it is.
    pub(crate) async fn seal(&self, to: &str, by: &Subject) -> Result<(), Error> {
        let (to, by) = (to.to_owned(), by.clone());
        self.write(move |writing| seal(writing, &to, &by)).await
    }

    /// Notes that everything has arrived: it is never moved again.
    pub(crate) async fn arrive(&self, to: &str) -> Result<(), Error> {
        let cause = format!("{MOVED}{to}{ARRIVED}");
        let note = move |writing: &mut Writing<'_>| {
            let now = writing.now.as_microsecond();
            epoch::begin(writing.conn, now, &cause).map(drop)
        };
        self.write(note).await
    }

    /// The epoch that the seal began; `None`: the store is not sealed.
    pub(crate) async fn sealed_since(&self) -> Result<Option<Epoch>, Error> {
        self.read(|reading| match seal_of(reading.conn)? {
            Some(_) => epoch::newest(reading.conn),
            None => Ok(None),
        })
        .await
    }

    /// Reads every chain.
    pub(crate) async fn counted(&self) -> Result<Vec<Counted>, Error> {
        self.read(|reading| counted(reading.conn)).await
    }

    /// Reads rows by a query that takes a key to go on after and a limit, and yields the key first: as many as have some
    /// bytes together, and at least one where there is one.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        after: i64,
        (limit, enough): (i64, usize),
    ) -> Result<Vec<Vec<Value>>, Error> {
        self.read(move |reading| {
            let mut statement = reading.conn.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut found = statement.query((after, limit))?;
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while bytes < enough
                && let Some(row) = found.next()?
            {
                let values = (0..columns).map(|column| row.get(column));
                let values = values.collect::<Result<Vec<Value>, _>>()?;
                bytes += values.iter().map(size).sum::<usize>();
                rows.push(values);
            }
            Ok(rows)
        })
        .await
    }
}

/// The bytes of a value, where it may have many.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
    }
}

fn seal(writing: &mut Writing<'_>, to: &str, by: &Subject) -> Result<(), Error> {
    if seal_of(writing.conn)?.is_some_and(|seal| seal.to == to) {
        return Ok(());
    }
    let name = writing.shared.installation.name.clone();
    for (_, chain) in verify::chains(writing.conn)? {
        let draft = Draft::new(Action::STORE_MOVED, by.as_str(), "store", name.as_str());
        write_drafts(writing, chain, vec![draft.with("to", to)])?;
    }
    let now = writing.now.as_microsecond();
    epoch::begin(writing.conn, now, &format!("{MOVED}{to}"))?;
    Ok(())
}

fn counted(conn: &Connection) -> Result<Vec<Counted>, Error> {
    let mut counted = Vec::new();
    for (number, chain) in verify::chains(conn)? {
        let tenant = Tenant::read_or_create(conn, &chain)?;
        counted.push(Counted {
            chain,
            tenant,
            signed: signed(conn, number)?,
        });
    }
    Ok(counted)
}

/// How many entries the newest checkpoint of a tenant signs.
pub(crate) fn signed(conn: &Connection, number: i64) -> Result<u64, Error> {
    let rows = crate::numbers::Range::of(number);
    let sql = "SELECT coalesce(max(id), ?1) FROM checkpoints WHERE id BETWEEN ?1 AND ?2";
    let newest = conn.query_row(sql, [rows.first, rows.last], |row| row.get(0))?;
    Ok(serial(newest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Sqlite;
    use crate::store::StoreConfig;

    #[tokio::test]
    async fn a_piece_ends_with_its_rows_or_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(StoreConfig::new(dir.path())).unwrap();
        let rows =
            "WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 100)
            SELECT id, CASE id WHEN 50 THEN zeroblob(9000) ELSE zeroblob(1000) END FROM row
            WHERE id > ?1 ORDER BY id LIMIT ?2";
        for (after, piece, expected) in [
            (0, (10, 100_000), 10),
            (0, (100, 4_001), 5),
            (0, (100, 4_000), 4),
            // One alone may have more.
            (49, (100, 5_000), 1),
            (98, (100, 5_000), 2),
            (100, (100, 5_000), 0),
        ] {
            let rows = store.rows(rows, after, piece).await.unwrap();
            assert_eq!(rows.len(), expected, "after {after}: {piece:?}");
        }
    }
}
