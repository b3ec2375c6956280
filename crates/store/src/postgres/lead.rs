//! The lead in Postgres: one row, whose lease runs by the database's clock.
//!
//! The holder is the data directory, where this process has it for itself: then whoever held the lead under that name
//! before is known to be dead, and the lead goes on. Otherwise every process is a holder of its own.

use std::path::Path;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::As;
use super::{Postgres, goals};
use crate::error::Error;
use crate::keys;
use crate::lead::{Lead, Queued};
use crate::lock::Lock;

/// The file that names a data directory as a holder.
const FILE: &str = "holder";

const LEAD: &str =
    "UPDATE omnihub.leader SET until = now() + make_interval(secs => $2), holder = $1,
    epoch = epoch + CASE holder WHEN $1 THEN 0 ELSE 1 END
    WHERE holder = $1 OR until < now() RETURNING epoch";
const STEP_DOWN: &str =
    "UPDATE omnihub.leader SET until = now() - interval '1 second' WHERE holder = $1";
/// Queues goals of which whoever drives is to be told, each with whether it was accepted before, and may keep them from
/// others for some seconds.
pub(super) const QUEUE: &str = "INSERT INTO omnihub.queue (tenant, goal, accepted, taken_until)
    SELECT $1, goal, accepted, coalesce(now() + make_interval(secs => $4), '-infinity')
    FROM unnest($2::text[], $3::boolean[]) AS new(goal, accepted)
    RETURNING id, tenant, goal, accepted";
// What is lost of these by a crash of the server is done again: nothing has to wait for its disk.
const TAKE: &str = "WITH hasty AS (SELECT set_config('synchronous_commit', 'off', true))
    UPDATE omnihub.queue SET taken_until = now() + make_interval(secs => $2) FROM hasty WHERE id IN
        (SELECT id FROM omnihub.queue WHERE taken_until < now() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id, tenant, goal, accepted";
const TOLD: &str = "WITH hasty AS (SELECT set_config('synchronous_commit', 'off', true))
    DELETE FROM omnihub.queue USING hasty WHERE id = ANY($1)";

/// Under which name this process leads.
pub(super) struct Holder {
    name: String,
    /// Held for as long as the name is used, where it is the directory's.
    _lock: Option<Lock>,
}

impl Holder {
    /// The holder of a data directory.
    pub(super) fn of(dir: &Path) -> Result<Self, Error> {
        match Lock::take(dir) {
            Ok(lock) => Ok(Self {
                name: keys::read_or_create_name(&dir.join(FILE))?,
                _lock: Some(lock),
            }),
            Err(Error::InUse { .. }) => Ok(Self {
                name: uuid::Uuid::now_v7().to_string(),
                _lock: None,
            }),
            Err(error) => Err(error),
        }
    }
}

impl Postgres {
    pub(crate) async fn lead(&self, lease: Duration) -> Result<Option<Lead>, Error> {
        let (holder, seconds) = (&self.inner.holder.name, lease.as_secs_f64());
        let values: [&(dyn ToSql + Sync); 2] = [holder, &seconds];
        let rows = self.change(As::Driver, LEAD, values).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let epoch: i64 = row.try_get(0)?;
        Ok(Some(Lead {
            epoch: u64::try_from(epoch).unwrap_or(0),
        }))
    }

    pub(crate) async fn step_down(&self) -> Result<(), Error> {
        let holder = &self.inner.holder.name;
        self.change(As::Driver, STEP_DOWN, [holder]).await?;
        Ok(())
    }

    /// Under which name this process writes that it began effects.
    pub(super) fn holder(&self) -> &str {
        &self.inner.holder.name
    }

    pub(crate) async fn take_queued(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Queued>, Error> {
        let values: [&(dyn ToSql + Sync); 2] = [&i64::from(limit), &lease.as_secs_f64()];
        let rows = self.change(As::Driver, TAKE, values).await?;
        queued(&rows)
    }

    pub(crate) async fn told(&self, queued: &[u64]) -> Result<(), Error> {
        let numbers = queued.iter().map(|id| i64::try_from(*id).unwrap_or(0));
        let numbers: Vec<i64> = numbers.collect();
        self.change(As::Driver, TOLD, [&numbers]).await?;
        Ok(())
    }
}

/// Of rows that [`QUEUE`] has written those that are kept from others.
pub(super) fn kept(rows: &[Row], lease: Option<f64>) -> Result<Vec<Queued>, Error> {
    match lease {
        Some(_) => queued(rows),
        None => Ok(Vec::new()),
    }
}

/// Reads rows of the queue.
fn queued(rows: &[Row]) -> Result<Vec<Queued>, Error> {
    let queued = rows.iter().map(|row| {
        let id: i64 = row.try_get(0)?;
        Ok(Queued {
            id: u64::try_from(id).unwrap_or(0),
            tenant: goals::tenant(row.try_get(1)?)?,
            goal: goals::name(0, row.try_get(2)?)?,
            accepted: row.try_get(3)?,
        })
    });
    queued.collect()
}
