//! The lead in Postgres: one row, whose lease runs by the database's clock.
//!
//! The holder is the data directory, where this process has it for itself: then whoever held the lead under that name
//! before is known to be dead, and the lead goes on. Otherwise every process is a holder of its own. A directory is known
//! by its lock on this machine since it was started: a copy of it, wherever it came to, is another (ADR 12).

use std::path::Path;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::As;
use super::{Postgres, goals};
use crate::error::Error;
use crate::hints::Hints;
use crate::keys;
use crate::lead::{Lead, Queued};
use crate::lock::Lock;

/// The file that names a data directory as a holder.
const FILE: &str = "holder";
/// What Linux calls itself since it was started, and no other machine does.
const MACHINE_START: &str = "/proc/sys/kernel/random/boot_id";

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
            Ok(lock) => {
                let start = std::fs::read_to_string(MACHINE_START).ok();
                let name = match start.as_deref().map(str::trim) {
                    Some(start) => {
                        keys::read_or_create_name(&dir.join(FILE), &of(start, lock.file()?))?
                    }
                    // Whoever cannot tell goes by a name of its own, and waits for what its own past has in flight.
                    None => fresh(),
                };
                Ok(Self {
                    name,
                    _lock: Some(lock),
                })
            }
            Err(Error::InUse { .. }) => Ok(Self {
                name: fresh(),
                _lock: None,
            }),
            Err(error) => Err(error),
        }
    }
}

/// A name that nobody else has.
fn fresh() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// What no copy of a data directory has while its lock is held.
fn of(start: &str, (device, file): (u64, u64)) -> String {
    format!("{start}/{device:x}.{file:x}")
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

    pub(crate) fn leaves_queue(&self) -> bool {
        let dispatched = self.inner.shared.dispatched.get();
        let elsewhere = dispatched.is_some_and(|dispatched| !dispatched.here);
        elsewhere && self.hints().is_some_and(Hints::are_live)
    }

    /// For how many seconds what is queued now is kept for this process; `None`: not at all.
    pub(super) fn queue_lease(&self) -> Option<f64> {
        match self.leaves_queue() {
            true => None,
            false => self.inner.shared.queue_lease(),
        }
    }

    pub(crate) async fn take_queued(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Queued>, Error> {
        let values: [&(dyn ToSql + Sync); 2] = [&i64::from(limit), &lease.as_secs_f64()];
        let rows = self.change(As::Driver, TAKE, values).await?;
        let mut queued = queued(&rows)?;
        queued.sort_by_key(|queued| queued.id);
        Ok(queued)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::of;
    use crate::keys::read_or_create_name;

    #[test]
    fn a_name_stays_with_the_directory_that_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("holder");
        let name = |of: &str| read_or_create_name(&path, of).unwrap();
        let here = of("start", (1, 2));
        let first = name(&here);
        assert_eq!(name(&here), first);
        let elsewhere = [
            of("another start", (1, 2)),
            of("start", (2, 2)),
            of("start", (1, 3)),
            of("start", (0x11, 2)),
        ];
        for of in &elsewhere {
            let other = name(of);
            assert_ne!(other, first);
            assert_eq!(name(of), other);
        }
        // As an earlier release wrote it.
        std::fs::write(&path, "01a2302c-3526-75eb-92a1-1ebab9a7d1f6").unwrap();
        assert!(name(&here).ends_with(&here));
    }
}
