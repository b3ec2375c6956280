//! The outbox in Postgres.

use domain::id::TenantId;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::As;
use super::{Postgres, goals};
use crate::chain::Chain;
use crate::error::Error;
use crate::goals::time;
use crate::outbox::{DueNotice, decode};

const DUE: &str = "SELECT id, tenant, kind, body, at, attempts FROM omnihub.outbox
    WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
const NEXT: &str = "SELECT min(due_at) FROM omnihub.outbox";
const DONE: &str = "DELETE FROM omnihub.outbox WHERE tenant = $1 AND id = $2";
const LATER: &str =
    "UPDATE omnihub.outbox SET attempts = attempts + 1, due_at = $3 WHERE tenant = $1 AND id = $2";

impl Postgres {
    pub(crate) async fn due_notices(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueNotice>, Error> {
        let values: [&(dyn ToSql + Sync); 2] = [&now.as_microsecond(), &i64::from(limit)];
        let rows = self.read_one(As::Driver, DUE, values).await?;
        rows.iter().map(read).collect()
    }

    pub(crate) async fn next_notice(&self) -> Result<Option<Timestamp>, Error> {
        let rows = self.read_one(As::Driver, NEXT, []).await?;
        let due: Option<i64> = match rows.first() {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        Ok(due.map(time))
    }

    pub(crate) async fn notice_done(&self, tenant: &TenantId, id: u64) -> Result<(), Error> {
        let id = i64::try_from(id).unwrap_or(-1);
        let values: [&(dyn ToSql + Sync); 2] = [&tenant.as_str(), &id];
        let chain = Chain::Tenant(tenant.clone());
        self.change(As::Chain(&chain), DONE, values).await?;
        Ok(())
    }

    pub(crate) async fn notice_later(
        &self,
        tenant: &TenantId,
        id: u64,
        due: Timestamp,
    ) -> Result<(), Error> {
        let id = i64::try_from(id).unwrap_or(-1);
        let values: [&(dyn ToSql + Sync); 3] = [&tenant.as_str(), &id, &due.as_microsecond()];
        let chain = Chain::Tenant(tenant.clone());
        self.change(As::Chain(&chain), LATER, values).await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<DueNotice, Error> {
    let id: i64 = row.try_get(0)?;
    let attempts: i64 = row.try_get(5)?;
    Ok(DueNotice {
        id: u64::try_from(id).unwrap_or(0),
        tenant: goals::tenant(row.try_get(1)?)?,
        notice: decode(id, row.try_get(2)?, row.try_get(3)?)?,
        at: time(row.try_get(4)?),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    })
}
