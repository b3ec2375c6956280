//! Approvals as the store lists them: one row each, which follows from the journal and the inbox.

pub(crate) mod follow;

use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use domain::id::{GoalId, StepId, Subject, TenantId};
use jiff::Timestamp;
use saga::Moment;
use saga::event::{AskReason, StepItem};

use crate::error::{Damage, Error};
use crate::goals::time;
use crate::page::{Listed, Page};
use crate::store::{Store, either};

/// The table's name.
const TABLE: &str = "approvals";

/// A question to people about one exact effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Its id, unique in the tenant.
    pub id: String,
    /// The goal that waits for it.
    pub goal: GoalId,
    /// Who submitted that goal.
    pub goal_owner: Subject,
    /// Which use of which step.
    pub at: StepItem,
    /// What is asked about.
    pub digest: Digest,
    /// Why it is asked.
    pub reason: AskReason,
    /// When it was asked, by both clocks.
    pub requested: Moment,
    /// Seconds it stays open on the goal's clock, which stands still during holds and pauses.
    pub expires_in_seconds: u32,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<Subject>,
    /// When it was decided, expired or closed.
    pub decided_at: Option<Timestamp>,
}

/// Which approvals are asked for.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// Only those that stand there.
    pub status: Option<ApprovalStatus>,
    /// Only those of this goal.
    pub goal: Option<GoalId>,
    /// Only those of goals that this principal submitted.
    pub goal_owner: Option<Subject>,
}

impl Store {
    /// Lists approvals of a tenant, newest first.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn approvals(
        &self,
        tenant: &TenantId,
        filter: ApprovalFilter,
        page: Page,
    ) -> Result<Listed<Approval>, Error> {
        either!(self, store => store.approvals(tenant, filter, page).await)
    }

    /// Reads one approval; `None`: there is none of that id in this tenant.
    ///
    /// # Errors
    /// [`Error::Damaged`] where its row is not what was written.
    pub async fn approval(&self, tenant: &TenantId, id: &str) -> Result<Option<Approval>, Error> {
        either!(self, store => store.approval(tenant, id).await)
    }
}

/// A row of an approval, of either store.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its place in its tenant's list.
    pub(crate) id: i64,
    pub(crate) approval: String,
    pub(crate) step: String,
    pub(crate) item: Option<i64>,
    pub(crate) digest: Vec<u8>,
    pub(crate) reason: String,
    pub(crate) requested_at: i64,
    pub(crate) requested_held: i64,
    pub(crate) expires_in_seconds: i64,
    pub(crate) status: String,
    pub(crate) decided_by: Option<String>,
    pub(crate) decided_at: Option<i64>,
}

impl Approval {
    /// Reads an approval from its row and its goal's.
    pub(crate) fn of(record: Record, goal: GoalId, goal_owner: Subject) -> Result<Self, Error> {
        let unreadable = || Damage::row(TABLE, record.id, "it cannot be read");
        let step = StepId::try_from(record.step).map_err(|_| unreadable())?;
        Ok(Self {
            id: record.approval,
            goal,
            goal_owner,
            at: StepItem {
                step,
                item: record.item.and_then(|item| u32::try_from(item).ok()),
            },
            digest: Digest::from_bytes(record.digest.try_into().map_err(|_| unreadable())?),
            reason: reason_of(&record.reason).ok_or_else(unreadable)?,
            requested: Moment {
                at: time(record.requested_at),
                held: record.requested_held,
            },
            expires_in_seconds: u32::try_from(record.expires_in_seconds)
                .map_err(|_| unreadable())?,
            status: status_of(&record.status).ok_or_else(unreadable)?,
            decided_by: record.decided_by.and_then(|by| Subject::try_from(by).ok()),
            decided_at: record.decided_at.map(time),
        })
    }
}

/// What a reason is called in the table.
pub(crate) fn reason_name(reason: AskReason) -> &'static str {
    match reason {
        AskReason::Lane => "lane",
        AskReason::Step => "step",
    }
}

/// The reason of that name.
pub(crate) fn reason_of(name: &str) -> Option<AskReason> {
    [AskReason::Lane, AskReason::Step]
        .into_iter()
        .find(|reason| reason_name(*reason) == name)
}

/// The status of that name.
pub(crate) fn status_of(name: &str) -> Option<ApprovalStatus> {
    use ApprovalStatus::{Closed, Expired, Granted, Pending, Refused};
    [Pending, Granted, Refused, Expired, Closed]
        .into_iter()
        .find(|status| status.as_str() == name)
}
