//! Tenants in Postgres: the row that whoever writes for one locks first.

use audit::ChainHead;
use tokio_postgres::Row;

use super::connection::{As, Connection};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::chain_head;
use crate::numbers::{NUMBER_MAX, Range};

/// Locks a tenant's row.
pub(super) const LOCK: &str =
    "SELECT number, last_goal, last_approval, open_goals, size, previous, frontier, signed
    FROM omnihub.tenants WHERE tenant = $1 FOR UPDATE";
/// Reads a tenant's row.
pub(super) const READ: &str =
    "SELECT number, last_goal, last_approval, open_goals, size, previous, frontier, signed
    FROM omnihub.tenants WHERE tenant = $1";
/// Writes a tenant's row as [`Tenant::save`] gives it.
pub(super) const SAVE: &str =
    "UPDATE omnihub.tenants SET last_goal = $2, last_approval = $3, open_goals = $4, size = $5,
    previous = $6, frontier = $7, signed = $8 WHERE number = $1";
/// Gives a new tenant its number.
const CREATE: &str = "INSERT INTO omnihub.tenants (number, tenant, last_goal, last_approval, open_goals)
    SELECT number, $1, number << 40, number << 40, 0
    FROM (SELECT CASE $1 WHEN '@installation' THEN 0 ELSE nextval('omnihub.tenant_numbers') END AS number) AS given
    ON CONFLICT (tenant) DO NOTHING";

/// A tenant while its row is locked.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) number: i64,
    /// The row of its newest goal.
    pub(super) last_goal: i64,
    /// The row of its newest approval.
    pub(super) last_approval: i64,
    /// Goals that have not ended.
    pub(super) open_goals: i64,
    /// The end of its chain.
    pub(super) head: ChainHead,
    /// How many entries the newest checkpoint signs.
    pub(super) signed: i64,
}

impl Tenant {
    /// Reads a tenant; `None`: it has never written anything.
    pub(super) fn read(rows: &[Row]) -> Result<Option<Self>, Error> {
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let number = row.try_get(0)?;
        let size: i64 = row.try_get(4)?;
        let (previous, frontier): (Option<&[u8]>, Option<&[u8]>) =
            (row.try_get(5)?, row.try_get(6)?);
        let head = match (previous, frontier) {
            (Some(previous), Some(frontier)) => chain_head(previous, frontier),
            (None, None) => Some(ChainHead::default()),
            _ => None,
        };
        let head = head.filter(|head| i64::try_from(head.next_index()) == Ok(size));
        let unreadable = "the end of its chain cannot be read";
        Ok(Some(Self {
            number,
            last_goal: row.try_get(1)?,
            last_approval: row.try_get(2)?,
            open_goals: row.try_get(3)?,
            head: head.ok_or_else(|| Damage::row("tenants", number, unreadable))?,
            signed: row.try_get(7)?,
        }))
    }

    /// The rows of the tenant.
    pub(super) fn rows(&self) -> Range {
        Range::of(self.number)
    }

    /// Writes the row with [`SAVE`].
    pub(super) async fn save(
        &self,
        conn: &Connection,
        statement: &tokio_postgres::Statement,
    ) -> Result<(), Error> {
        let previous = self.head.previous_hash();
        let previous = previous.as_ref().map(|hash| hash.as_bytes().as_slice());
        let frontier = previous.map(|_| self.head.frontier().to_bytes());
        let size = i64::try_from(self.head.next_index()).unwrap_or(i64::MAX);
        let saved = conn.execute(
            statement,
            [
                &self.number,
                &self.last_goal,
                &self.last_approval,
                &self.open_goals,
                &size,
                &previous,
                &frontier,
                &self.signed,
            ],
        );
        match saved.await? {
            1 => Ok(()),
            _ => Err(Damage::row("tenants", self.number, "it is missing").into()),
        }
    }
}

/// Reads the name of a chain, the first column of a row.
pub(super) fn chain(row: &Row) -> Result<Chain, Error> {
    let name: &str = row.try_get(0)?;
    let chain = Chain::parse(name);
    Ok(chain.ok_or_else(|| Damage::row("tenants", name, "its name cannot be read"))?)
}

/// Begins a transaction with a chain's row locked; `None`: it has none yet. `before` is a lock that is taken first.
pub(super) async fn lock(
    conn: &mut Connection,
    chain: &Chain,
    before: Option<&str>,
) -> Result<Option<Tenant>, Error> {
    let setup = conn.transaction().await?;
    let [before, lock] = conn.prepare([before.unwrap_or("SELECT"), LOCK]).await?;
    let name = chain.as_str();
    let (_, _, rows) = tokio::try_join!(
        biased;
        conn.begin(&setup, As::Chain(chain)),
        conn.query(&before, []),
        conn.query(&lock, [&name])
    )?;
    Tenant::read(&rows)
}

/// Gives a tenant its row, in a transaction of its own.
pub(super) async fn create(conn: &mut Connection, chain: &Chain) -> Result<(), Error> {
    let setup = conn.transaction().await?;
    let [create, read] = conn.prepare([CREATE, READ]).await?;
    let name = chain.as_str();
    let (_, _, rows) = tokio::try_join!(
        biased;
        conn.begin(&setup, As::Chain(chain)),
        conn.execute(&create, [&name]),
        conn.query(&read, [&name])
    )?;
    if Tenant::read(&rows)?.is_some_and(|tenant| tenant.number > NUMBER_MAX) {
        conn.roll_back().await?;
        return Err(Error::TooManyTenants(NUMBER_MAX));
    }
    conn.batch("COMMIT").await?;
    conn.ended();
    Ok(())
}
