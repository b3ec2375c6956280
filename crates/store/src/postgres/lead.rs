//! The lead in Postgres: one row, whose lease runs by the database's clock.
//!
//! The holder is the data directory, where this process has it for itself: then whoever held the lead under that name
//! before is known to be dead, and the lead goes on. Otherwise every process is a holder of its own.

use std::path::Path;
use std::time::Duration;

use domain::id::{GoalId, TenantId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::connection::As;
use super::{Postgres, goals};
use crate::error::Error;
use crate::keys;
use crate::lead::Lead;
use crate::lock::Lock;

/// The file that names a data directory as a holder.
const FILE: &str = "holder";

const LEAD: &str = "UPDATE omnihub.leader SET until = now() + make_interval(secs => $2), holder = $1,
    since = CASE holder WHEN $1 THEN since ELSE $3 END, epoch = epoch + CASE holder WHEN $1 THEN 0 ELSE 1 END
    WHERE holder = $1 OR until < now() RETURNING epoch, since";
const STEP_DOWN: &str =
    "UPDATE omnihub.leader SET until = now() - interval '1 second' WHERE holder = $1";
const TAKE: &str =
    "DELETE FROM omnihub.queue WHERE id IN (SELECT id FROM omnihub.queue ORDER BY id LIMIT $1)
    RETURNING tenant, goal";

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
        let now = Timestamp::now().as_microsecond();
        let (holder, seconds) = (&self.inner.holder.name, lease.as_secs_f64());
        let values: [&(dyn ToSql + Sync); 3] = [holder, &seconds, &now];
        let rows = self.change(As::Driver, LEAD, values).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let epoch: i64 = row.try_get(0)?;
        Ok(Some(Lead {
            epoch: u64::try_from(epoch).unwrap_or(0),
            since: crate::goals::time(row.try_get(1)?),
        }))
    }

    pub(crate) async fn step_down(&self) -> Result<(), Error> {
        let holder = &self.inner.holder.name;
        self.change(As::Driver, STEP_DOWN, [holder]).await?;
        Ok(())
    }

    pub(crate) async fn take_queued(&self, limit: u32) -> Result<Vec<(TenantId, GoalId)>, Error> {
        let rows = self.change(As::Driver, TAKE, [&i64::from(limit)]).await?;
        let goals = rows.iter().map(|row| {
            let tenant = goals::tenant(row.try_get(0)?)?;
            Ok((tenant, goals::name(0, row.try_get(1)?)?))
        });
        goals.collect()
    }
}
