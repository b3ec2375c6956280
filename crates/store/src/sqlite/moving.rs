//! A store on its way elsewhere: sealed for good, and its rows handed out table by table.

use audit::{Action, Draft};
use domain::id::Subject;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::evidence::{verify, write_drafts};
use super::tenants::Tenant;
use super::writer::Writing;
use super::{Sqlite, epoch};
use crate::chain::Chain;
use crate::error::Error;
use crate::numbers::serial;

/// What the last epoch of a sealed store begins with.
const MOVED: &str = "moved to ";

/// Where a store was moved to; `None`: it was not.
pub(crate) fn moved(conn: &Connection) -> Result<Option<String>, Error> {
    let cause = epoch::cause(conn)?;
    Ok(cause.and_then(|cause| Some(cause.strip_prefix(MOVED)?.to_owned())))
}

/// A chain with what is counted of its tenant, as it stands.
pub(crate) struct Counted {
    pub(crate) chain: Chain,
    pub(crate) tenant: Tenant,
    /// How many entries the newest checkpoint signs.
    pub(crate) signed: u64,
}

impl Sqlite {
    /// Seals the store, with evidence in every chain: it is never opened for work again. Sealed before, it stays as it is.
    pub(crate) async fn seal(&self, to: &str, by: &Subject) -> Result<(), Error> {
        let (to, by) = (to.to_owned(), by.clone());
        self.write(move |writing| seal(writing, &to, &by)).await
    }

    /// Reads every chain.
    pub(crate) async fn counted(&self) -> Result<Vec<Counted>, Error> {
        self.read(|reading| counted(reading.conn)).await
    }

    /// Reads rows by a query that takes a key to go on after and a limit, and yields the key first.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Vec<Value>>, Error> {
        self.read(move |reading| {
            let mut statement = reading.conn.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut found = statement.query((after, limit))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let values = (0..columns).map(|column| row.get(column));
                rows.push(values.collect::<Result<Vec<Value>, _>>()?);
            }
            Ok(rows)
        })
        .await
    }
}

fn seal(writing: &mut Writing<'_>, to: &str, by: &Subject) -> Result<(), Error> {
    if moved(writing.conn)?.is_some() {
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
