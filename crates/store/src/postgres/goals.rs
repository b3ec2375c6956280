//! Goals in Postgres.

use domain::digest::GoalKey;
use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use futures_util::future::join_all;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{As, Connection};
use super::{Postgres, inbox, journal};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::goals::{Loaded, OpenGoal, Standing, time};
use crate::numbers::Range;
use crate::shared::Shared;

mod list;

/// Goals that are read at once where many are: more would only wait for connections.
const READ_AT_ONCE: usize = 4;

/// A goal's row.
pub(super) const READ: &str =
    "SELECT id, goal, owner, created_at, status, reason, updated_at, finished_at, sequence,
    erased_at, driver FROM omnihub.goals WHERE tenant = $1 AND goal = $2";
/// The same, so that nothing is written to it until the transaction ends.
pub(super) const LOCK: &str =
    "SELECT id, goal, owner, created_at, status, reason, updated_at, finished_at, sequence,
    erased_at, driver FROM omnihub.goals WHERE tenant = $1 AND goal = $2 FOR UPDATE";
const OPEN: &str = "SELECT id, tenant, goal, wake_at, status,
        EXISTS (SELECT 1 FROM omnihub.inbox WHERE inbox.goal = goals.id)
    FROM omnihub.goals WHERE finished_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
const SEQUENCES: &str = "SELECT goals.tenant, goals.goal, goals.sequence
    FROM unnest($1::text[], $2::text[]) AS watched(tenant, goal)
    JOIN omnihub.goals ON goals.tenant = watched.tenant AND goals.goal = watched.goal WHERE goals.goal = ANY($2)";
const STANDING: &str = "SELECT owner, status, sequence, EXISTS (SELECT 1 FROM omnihub.inbox WHERE inbox.goal = goals.id)
    FROM omnihub.goals WHERE tenant = $1 AND goal = $2";
const NUMBER: &str = "SELECT number FROM omnihub.tenants WHERE tenant = $1";

/// A row of the table.
pub(super) struct Record {
    pub(super) id: i64,
    pub(super) tenant: TenantId,
    pub(super) goal: GoalId,
    pub(super) owner: Subject,
    pub(super) created_at: i64,
    pub(super) status: GoalStatus,
    pub(super) reason: Option<String>,
    pub(super) updated_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) sequence: u64,
    pub(super) erased: bool,
}

impl Record {
    /// Reads a row that begins with the columns of [`READ`].
    pub(super) fn read(row: &Row, tenant: &TenantId) -> Result<Self, Error> {
        let id = row.try_get(0)?;
        let unreadable =
            |what: &str| Damage::row("goals", id, format!("its {what} cannot be read"));
        let status: &str = row.try_get(4)?;
        let sequence: i64 = row.try_get(8)?;
        let owner = Subject::try_from(row.try_get::<_, String>(2)?);
        Ok(Self {
            id,
            tenant: tenant.clone(),
            goal: name(id, row.try_get(1)?)?,
            owner: owner.map_err(|_| unreadable("owner"))?,
            created_at: row.try_get(3)?,
            status: GoalStatus::parse(status).ok_or_else(|| unreadable("status"))?,
            reason: row.try_get(5)?,
            updated_at: row.try_get(6)?,
            finished_at: row.try_get(7)?,
            sequence: u64::try_from(sequence).map_err(|_| unreadable("sequence"))?,
            erased: row.try_get::<_, Option<i64>>(9)?.is_some(),
        })
    }

    /// The key of the goal's digests.
    pub(super) fn key(&self, shared: &Shared) -> GoalKey {
        let secret = &shared.installation.secret;
        secret.goal_key(&self.tenant, &self.goal)
    }
}

/// The name of a goal in the row of that number.
pub(super) fn name(id: i64, name: String) -> Result<GoalId, Error> {
    let name = GoalId::try_from(name);
    Ok(name.map_err(|_| Damage::row("goals", id, "its name cannot be read"))?)
}

impl Postgres {
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Option<Loaded>, Error> {
        let mut conn = self.connection().await?;
        let chain = Chain::Tenant(tenant.clone());
        let setup = conn.transaction().await?;
        let read = self.read_goal(&conn, READ, (tenant, goal));
        let (_, loaded) =
            tokio::try_join!(biased; conn.begin_read(&setup, As::Chain(&chain)), read)?;
        conn.commit().await?;
        Ok(loaded.map(|(_, loaded)| loaded))
    }

    pub(crate) async fn load_many(
        &self,
        goals: Vec<(TenantId, GoalId)>,
    ) -> Result<Vec<Result<Option<Loaded>, Error>>, Error> {
        let mut loaded = Vec::with_capacity(goals.len());
        for some in goals.chunks(READ_AT_ONCE) {
            let some = some.iter().map(|(tenant, goal)| self.load(tenant, goal));
            loaded.extend(join_all(some).await);
        }
        Ok(loaded)
    }

    /// Reads a goal with its unread wishes, in a transaction that is begun at the same time; `read` is [`READ`] or
    /// [`LOCK`].
    pub(super) async fn read_goal(
        &self,
        conn: &Connection,
        read: &str,
        (tenant, goal): (&TenantId, &GoalId),
    ) -> Result<Option<(Record, Loaded)>, Error> {
        let [read, journal, inbox] = conn.prepare([read, journal::READ, inbox::READ]).await?;
        let (tenant_name, goal_name) = (tenant.as_str(), goal.as_str());
        let (rows, events, wishes) = tokio::try_join!(
            biased;
            conn.query(&read, [&tenant_name, &goal_name]),
            conn.query(&journal, [&tenant_name, &goal_name, &0_i64]),
            conn.query(&inbox, [&tenant_name, &goal_name])
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let record = Record::read(row, tenant)?;
        let driver: Option<&str> = row.try_get(10)?;
        let loaded = Loaded {
            elsewhere: driver.is_some_and(|driver| driver != self.holder()),
            saga: journal::saga(conn, &self.inner.shared, &record, &events).await?,
            inbox: inbox::read(&wishes)?,
            owner: record.owner.clone(),
            created_at: time(record.created_at),
        };
        Ok(Some((record, loaded)))
    }

    pub(crate) async fn open_goals(&self, after: u64, limit: u32) -> Result<Vec<OpenGoal>, Error> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 2] = [&after, &i64::from(limit)];
        let rows = self.read_one(As::Driver, OPEN, values).await?;
        rows.iter().map(open_goal).collect()
    }

    pub(crate) async fn standing(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Option<Standing>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        let values: [&(dyn ToSql + Sync); 2] = [&tenant.as_str(), &goal.as_str()];
        let rows = self.read_one(As::Chain(&chain), STANDING, values).await?;
        rows.first().map(standing).transpose()
    }

    /// The sequence of a goal's newest event; 0: there is no such goal.
    pub(crate) async fn sequence(&self, tenant: &TenantId, goal: &GoalId) -> Result<u64, Error> {
        let goals = [(tenant.clone(), goal.clone())];
        let found = self.sequences(&goals).await?;
        Ok(found.first().map_or(0, |(_, _, sequence)| *sequence))
    }

    /// The sequences of goals of any tenants, for those who watch them; goals that are not there are left out.
    pub(super) async fn sequences(
        &self,
        goals: &[(TenantId, GoalId)],
    ) -> Result<Vec<(TenantId, GoalId, u64)>, Error> {
        let tenants: Vec<_> = goals.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let names: Vec<_> = goals.iter().map(|(_, goal)| goal.as_str()).collect();
        let values: [&(dyn ToSql + Sync); 2] = [&tenants, &names];
        let rows = self.read_one(As::Driver, SEQUENCES, values).await?;
        let sequences = rows.iter().map(|row| {
            let sequence = u64::try_from(row.try_get::<_, i64>(2)?).unwrap_or(0);
            Ok((
                tenant(row.try_get(0)?)?,
                name(0, row.try_get(1)?)?,
                sequence,
            ))
        });
        sequences.collect()
    }

    /// The number that the rows of a page of a chain's list are below; `None`: the chain has none.
    pub(super) async fn row_before(
        &self,
        chain: &Chain,
        before: Option<u64>,
    ) -> Result<Option<i64>, Error> {
        let values: [&(dyn ToSql + Sync); 1] = [&chain.as_str()];
        let rows = self.read_one(As::Chain(chain), NUMBER, values).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let rows = Range::of(row.try_get(0)?);
        Ok(Some(before.map_or(rows.last, |before| rows.at(before))))
    }
}

fn standing(row: &Row) -> Result<Standing, Error> {
    let unreadable = |what: &str| Damage::row("goals", "", format!("its {what} cannot be read"));
    let owner = Subject::try_from(row.try_get::<_, String>(0)?);
    let status = GoalStatus::parse(row.try_get(1)?);
    Ok(Standing {
        owner: owner.map_err(|_| unreadable("owner"))?,
        status: status.ok_or_else(|| unreadable("status"))?,
        sequence: u64::try_from(row.try_get::<_, i64>(2)?).map_err(|_| unreadable("sequence"))?,
        wished: row.try_get(3)?,
    })
}

fn open_goal(row: &Row) -> Result<OpenGoal, Error> {
    let id: i64 = row.try_get(0)?;
    let status = GoalStatus::parse(row.try_get(4)?);
    Ok(OpenGoal {
        cursor: u64::try_from(id).unwrap_or(0),
        tenant: tenant(row.try_get(1)?)?,
        goal: name(id, row.try_get(2)?)?,
        wake_at: row.try_get::<_, Option<i64>>(3)?.map(time),
        status: status.ok_or_else(|| Damage::row("goals", id, "its status cannot be read"))?,
        wished: row.try_get(5)?,
    })
}

/// The tenant of that name.
pub(super) fn tenant(name: String) -> Result<TenantId, Error> {
    let tenant = TenantId::try_from(name);
    Ok(tenant.map_err(|_| Damage::row("tenants", "", "its name cannot be read"))?)
}
