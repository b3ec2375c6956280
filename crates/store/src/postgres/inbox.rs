//! The inbox in Postgres.

use domain::id::{GoalId, TenantId};
use jiff::Timestamp;
use saga::input::Person;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::As;
use super::lead::QUEUE;
use super::{Postgres, approvals, controls, goals, lead};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::fault;
use crate::goals::Loaded;
use crate::hints::Hint;
use crate::inbox::{self, PostError, Posted, decides, decode, encode, judge};
use crate::shared::Queues;

/// The unread wishes of a goal, in order.
pub(super) const READ: &str = "SELECT inbox.id, inbox.person
    FROM omnihub.goals JOIN omnihub.inbox ON inbox.goal = goals.id
    WHERE goals.tenant = $1 AND goals.goal = $2 ORDER BY inbox.id";
const POST: &str =
    "INSERT INTO omnihub.inbox (goal, tenant, at, person) VALUES ($1, $2, $3, $4) RETURNING id";
const FORGET: &str = "DELETE FROM omnihub.inbox USING omnihub.goals
    WHERE inbox.goal = goals.id AND goals.tenant = $1 AND goals.goal = $2 AND inbox.id <= $3";

/// Reads wishes that [`READ`] found.
pub(super) fn read(rows: &[Row]) -> Result<Vec<(u64, Person)>, Error> {
    let wishes = rows
        .iter()
        .map(|row| decode(row.try_get(0)?, row.try_get(1)?));
    wishes.collect()
}

impl Postgres {
    pub(crate) async fn post<G, F>(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        G: Send + 'static,
        F: FnOnce(&Loaded) -> Result<(), G> + Send + 'static,
    {
        let (store, tenant, goal) = (self.clone(), tenant.clone(), goal.clone());
        // In a task of its own, which goes on where nobody waits for the answer any more.
        let task = async move { store.take_wish((&tenant, &goal), person, guard).await };
        tokio::spawn(task).await.map_err(|_| Error::Closed)?
    }

    async fn take_wish<G, F>(
        &self,
        (tenant, goal): (&TenantId, &GoalId),
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        F: FnOnce(&Loaded) -> Result<(), G>,
    {
        let chain = Chain::Tenant(tenant.clone());
        let gate = controls::read_gate(&self.inner.pool).await?;
        let mut conn = self.connection().await?;
        let setup = conn.transaction().await.map_err(PostError::Store)?;
        let found = self.read_goal(&conn, goals::LOCK, (tenant, goal));
        let (_, found) = tokio::try_join!(biased; conn.begin(&setup, As::Chain(&chain)), found)?;
        let now = Timestamp::now();
        let judged = match found {
            None => Err(PostError::NotFound),
            Some((record, loaded)) => guard(&loaded)
                .map_err(PostError::Guard)
                .and_then(|()| judge(loaded, &person, (&gate, tenant, goal), now))
                .map(|()| record),
        };
        let record = match judged {
            Ok(record) => record,
            Err(refused) => {
                conn.roll_back().await?;
                return Err(refused);
            }
        };
        let [post] = conn.prepare([POST]).await?;
        fault::hit("post.inbox");
        let (at, body) = (now.as_microsecond(), encode(&person)?);
        let values: [&(dyn ToSql + Sync); 4] = [&record.id, &tenant.as_str(), &at, &body];
        let rows = conn.query(&post, values).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::from(Damage::row(inbox::TABLE, "", "it is missing")))?;
        let id: i64 = row.try_get(0).map_err(Error::from)?;
        if let Some((approval, ended)) = decides(&person, at) {
            fault::hit("post.approval");
            approvals::end(&conn, tenant.as_str(), approval, &ended).await?;
        }
        let queues = self.inner.shared.queues() != Queues::Nothing;
        let lease = self.queue_lease();
        let mut kept = Vec::new();
        if queues {
            let [queue] = conn.prepare([QUEUE]).await?;
            let (of, goals) = (tenant.as_str(), [goal.as_str()]);
            let before = [true].as_slice();
            let values: [&(dyn ToSql + Sync); 4] = [&of, &goals.as_slice(), &before, &lease];
            let rows = conn.query(&queue, values).await?;
            kept = lead::kept(&rows, lease)?;
        }
        fault::hit("commit");
        conn.commit().await?;
        if queues {
            self.inner.shared.queued(kept);
            if let Some(hints) = self.hints() {
                hints.say(Hint::queued());
            }
        }
        fault::hit("committed");
        Ok(Posted {
            id: u64::try_from(id).unwrap_or(0),
            sequence: record.sequence,
        })
    }

    pub(crate) async fn inbox(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Vec<(u64, Person)>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        let values: [&(dyn ToSql + Sync); 2] = [&tenant.as_str(), &goal.as_str()];
        read(&self.read_one(As::Chain(&chain), READ, values).await?)
    }

    pub(crate) async fn forget_wishes(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        read: u64,
    ) -> Result<(), Error> {
        let chain = Chain::Tenant(tenant.clone());
        let read = i64::try_from(read).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 3] = [&tenant.as_str(), &goal.as_str(), &read];
        self.change(As::Chain(&chain), FORGET, values).await?;
        Ok(())
    }
}
