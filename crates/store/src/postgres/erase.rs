//! Erasing in Postgres.

use domain::id::{GoalId, TenantId};
use jiff::Timestamp;

use super::{Postgres, evidence};
use crate::chain::Chain;
use crate::error::Error;
use crate::evidence::Prepared;
use crate::fault;

const MARK: &str =
    "UPDATE omnihub.goals SET erased_at = $3 WHERE tenant = $1 AND goal = $2 RETURNING id";
const ERASE: &str = "UPDATE omnihub.payloads SET bodies = NULL WHERE tenant = $1 AND goal = $2";

impl Postgres {
    pub(crate) async fn erase_payloads(
        &self,
        of: &TenantId,
        goal: &GoalId,
        prepared: Prepared,
    ) -> Result<bool, Error> {
        let chain = Chain::Tenant(of.clone());
        let mut conn = self.connection().await?;
        let mut tenant = self.lock_tenant(&mut conn, &chain, None).await?;
        let now = Timestamp::now();
        let [mark, erase] = conn.prepare([MARK, ERASE]).await?;
        let values: (&str, &str, i64) = (of.as_str(), goal.as_str(), now.as_microsecond());
        let marked = conn.query(&mark, [&values.0, &values.1, &values.2]).await?;
        let Some(row) = marked.first() else {
            conn.roll_back().await?;
            return Ok(false);
        };
        let id: i64 = row.try_get(0)?;
        fault::hit("erase");
        conn.execute(&erase, [&values.0, &id]).await?;
        evidence::write(&conn, &chain, (&mut tenant, now), prepared).await?;
        self.save_tenant(conn, &tenant).await?;
        Ok(true)
    }
}
