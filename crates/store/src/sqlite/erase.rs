//! Erasing in SQLite.

use domain::id::{GoalId, TenantId};

use super::{Sqlite, evidence, goals, journal, payloads};
use crate::error::Error;
use crate::evidence::Prepared;
use crate::fault;

impl Sqlite {
    pub(crate) async fn erase_payloads(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        evidence: Prepared,
    ) -> Result<bool, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.write(move |writing| {
            let Some(mut record) = goals::find_by_name(writing.conn, &tenant, &goal)? else {
                return Ok(false);
            };
            for segment in journal::segments(writing.conn, &record, 0)? {
                fault::hit("erase");
                payloads::erase(writing.conn, segment.row)?;
            }
            record.erased_at = Some(writing.now.as_microsecond());
            record.update(writing.conn, false)?;
            writing.staged.wrote_goal(record);
            evidence::write(writing, evidence)?;
            Ok(true)
        })
        .await
    }
}
