//! Erasing: words, arguments and outputs go, what happened stays (DESIGN law 15).

use audit::Draft;
use domain::id::{GoalId, TenantId};

use crate::chain::Chain;
use crate::error::Error;
use crate::evidence;
use crate::store::{Store, either};

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
        let evidence = evidence::Prepared::new(Chain::Tenant(tenant.clone()), evidence)?;
        either!(self, store => store.erase_payloads(tenant, goal, evidence).await)
    }
}
