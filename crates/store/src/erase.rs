//! Erasing: words, arguments and outputs go, what happened stays (DESIGN law 15).

use audit::Draft;
use domain::id::{GoalId, TenantId};

use crate::error::Error;
use crate::store::Store;
use crate::tenants::Chain;
use crate::{evidence, fault, goals, journal, payloads};

impl Store {
    /// Erases all payloads of a goal for good; its events and its evidence stay. `false`: there is no such goal.
    ///
    /// # Errors
    /// [`Error`]; nothing was erased then.
    pub async fn erase_payloads(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        evidence: Vec<Draft>,
    ) -> Result<bool, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        let evidence = evidence::Prepared::new(Chain::Tenant(tenant.clone()), evidence)?;
        self.write(move |writing| {
            let Some(mut record) = goals::find_by_name(writing.conn, &tenant, &goal)? else {
                return Ok(false);
            };
            for segment in journal::segments(writing.conn, &record, 0)? {
                fault::hit("erase");
                payloads::erase(writing.conn, segment.id)?;
            }
            record.erased_at = Some(writing.now.as_microsecond());
            record.update(writing.conn, false)?;
            writing.staged.wrote_goal(record);
            evidence.write(writing)?;
            Ok(true)
        })
        .await
    }
}
