//! Tenants as the store counts them: each has a number, and its rows are numbered within it.

use audit::ChainHead;
use rusqlite::{Connection, OptionalExtension as _};

use super::evidence;
use super::table::{Table, integer, text};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::numbers::{NUMBER_MAX, Range};

/// The table of tenants.
pub(crate) const TENANTS: Table = Table {
    name: "tenants",
    insert: "INSERT INTO tenants VALUES (?1, ?2, ?3)",
};

/// What the writer remembers of a tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its number.
    pub(crate) number: i64,
    /// The row of its newest goal.
    pub(crate) last_goal: i64,
    /// The row of its newest approval.
    pub(crate) last_approval: i64,
    /// Goals that have not ended.
    pub(crate) open_goals: u64,
    /// The end of its chain.
    pub(crate) head: ChainHead,
}

impl Tenant {
    /// Reads a tenant, or gives a new one its number.
    pub(crate) fn read_or_create(conn: &Connection, chain: &Chain) -> Result<Self, Error> {
        let number = match number(conn, chain.as_str())? {
            Some(number) => number,
            None => create(conn, chain)?,
        };
        let rows = Range::of(number);
        let newest = |table: &str| {
            let sql =
                format!("SELECT coalesce(max(id), ?1) FROM {table} WHERE id BETWEEN ?1 AND ?2");
            conn.prepare_cached(&sql)?
                .query_row([rows.first, rows.last], |row| row.get(0))
        };
        let (last_goal, last_approval) = (newest("goals")?, newest("approvals")?);
        let open = "SELECT count(*) FROM goals INDEXED BY goals_open
                    WHERE finished_at IS NULL AND id BETWEEN ?1 AND ?2";
        let open: i64 = conn
            .prepare_cached(open)?
            .query_row([rows.first, rows.last], |row| row.get(0))?;
        let open_goals = u64::try_from(open).unwrap_or(0);
        let head = evidence::head(conn, number)?;
        Ok(Self {
            number,
            last_goal,
            last_approval,
            open_goals,
            head,
        })
    }
}

/// Finds a tenant's number by its name; `None`: it has never written anything.
pub(crate) fn number(conn: &Connection, name: &str) -> Result<Option<i64>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM tenants WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    TENANTS.check(row)?;
    Ok(Some(row.get(0)?))
}

/// Finds a tenant's name by its number.
pub(crate) fn name(conn: &Connection, number: i64) -> Result<String, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM tenants WHERE number = ?1")?;
    let mut rows = statement.query([number])?;
    let row = rows
        .next()?
        .ok_or_else(|| Damage::row(TENANTS.name, number, "it is missing"))?;
    TENANTS.check(row)?;
    Ok(row.get(1)?)
}

fn create(conn: &Connection, chain: &Chain) -> Result<i64, Error> {
    let last: Option<i64> = conn
        .query_row("SELECT max(number) FROM tenants", [], |row| row.get(0))
        .optional()?
        .flatten();
    let number = match chain {
        Chain::Installation => 0,
        Chain::Tenant(_) => last.unwrap_or(0) + 1,
    };
    if number > NUMBER_MAX {
        return Err(Error::TooManyTenants(NUMBER_MAX));
    }
    TENANTS.insert(conn, &[integer(number), text(chain.as_str())])?;
    Ok(number)
}
