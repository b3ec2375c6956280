//! Approvals in Postgres.

use domain::approval::ApprovalStatus;
use domain::id::{GoalId, Subject, TenantId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{As, Connection};
use super::tenants::Tenant;
use super::{Postgres, goals};
use crate::approvals::follow::{Asked, Change, Ended};
use crate::approvals::{Approval, ApprovalFilter, Record, reason_name};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::fault;
use crate::numbers::{Range, serial, tenant_of};
use crate::page::{Listed, Page};

/// Asked again, a question keeps its place.
const ASK: &str = "INSERT INTO omnihub.approvals
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', NULL, NULL)
    ON CONFLICT (tenant, approval) DO UPDATE SET goal = excluded.goal, step = excluded.step, item = excluded.item,
    digest = excluded.digest, reason = excluded.reason, requested_at = excluded.requested_at,
    requested_held = excluded.requested_held, expires_in_seconds = excluded.expires_in_seconds,
    status = excluded.status, decided_by = NULL, decided_at = NULL";
const END: &str = "UPDATE omnihub.approvals SET status = $3, decided_by = coalesce($4, decided_by), decided_at = $5
    WHERE tenant = $1 AND approval = $2 AND status <> $3";
/// Closes what nobody needs to decide any more, of goals and when.
pub(super) const CLOSE: &str =
    "UPDATE omnihub.approvals SET status = 'closed', decided_at = ended.at
    FROM unnest($2::bigint[], $3::bigint[]) AS ended(goal, at)
    WHERE approvals.goal = ended.goal AND approvals.goal = ANY($2) AND approvals.tenant = $1
        AND approvals.status = 'pending'";
/// Each filter that is not given lets all through.
const LIST: &str = "SELECT approvals.*, goals.goal, goals.owner
    FROM omnihub.approvals JOIN omnihub.goals ON goals.id = approvals.goal
    WHERE approvals.tenant = $1 AND approvals.id < $2 AND approvals.id >= $3
    AND ($4::text IS NULL OR approvals.status = $4) AND ($5::text IS NULL OR goals.goal = $5)
    AND ($6::text IS NULL OR goals.owner = $6)
    ORDER BY approvals.id DESC LIMIT $7";
/// The same for those that are pending, which are few and have an index of their own.
const LIST_PENDING: &str = "SELECT approvals.*, goals.goal, goals.owner
    FROM omnihub.approvals JOIN omnihub.goals ON goals.id = approvals.goal
    WHERE approvals.tenant = $1 AND approvals.id < $2 AND approvals.id >= $3
    AND approvals.status = $4 AND approvals.status = 'pending' AND ($5::text IS NULL OR goals.goal = $5)
    AND ($6::text IS NULL OR goals.owner = $6)
    ORDER BY approvals.id DESC LIMIT $7";
const ONE: &str = "SELECT approvals.*, goals.goal, goals.owner
    FROM omnihub.approvals JOIN omnihub.goals ON goals.id = approvals.goal
    WHERE approvals.tenant = $1 AND approvals.approval = $2";

/// Where the approvals of a goal stand.
pub(super) const STANDING: &str = "SELECT approvals.id, approval, approvals.status, decided_by
    FROM omnihub.goals JOIN omnihub.approvals ON approvals.goal = goals.id
    WHERE goals.tenant = $1 AND goals.goal = $2";

/// Where an approval stands.
pub(super) struct Standing {
    pub(super) id: i64,
    pub(super) approval: String,
    pub(super) status: String,
    pub(super) decided_by: Option<String>,
}

impl Standing {
    /// Reads a row that [`STANDING`] found.
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get(0)?,
            approval: row.try_get(1)?,
            status: row.try_get(2)?,
            decided_by: row.try_get(3)?,
        })
    }
}

impl Postgres {
    pub(crate) async fn approvals(
        &self,
        tenant: &TenantId,
        filter: ApprovalFilter,
        page: Page,
    ) -> Result<Listed<Approval>, Error> {
        let found = self.find_approvals(tenant, &filter, page).await?;
        let mut listed = Listed::default();
        for (id, approval) in found {
            if listed.items.len() == page.limit as usize {
                listed.next = listed.last;
                break;
            }
            listed.last = Some(serial(id));
            listed.items.push(approval);
        }
        Ok(listed)
    }

    pub(crate) async fn approval(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Approval>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        let values: [&(dyn ToSql + Sync); 2] = [&tenant.as_str(), &id];
        let rows = self.read_one(As::Chain(&chain), ONE, values).await?;
        let found = rows.first().map(read).transpose()?;
        Ok(found.map(|(_, found)| found))
    }

    /// Reads approvals, newest first: one more than the page holds.
    async fn find_approvals(
        &self,
        tenant: &TenantId,
        filter: &ApprovalFilter,
        page: Page,
    ) -> Result<Vec<(i64, Approval)>, Error> {
        let status = filter.status.map(ApprovalStatus::as_str);
        let (goal, owner) = (
            filter.goal.as_ref().map(GoalId::as_str),
            filter.goal_owner.as_ref().map(Subject::as_str),
        );
        let limit = i64::from(page.limit) + 1;
        let chain = Chain::Tenant(tenant.clone());
        let Some(before) = self.row_before(&chain, page.before).await? else {
            return Ok(Vec::new());
        };
        let first = Range::of(tenant_of(before)).first;
        let values: [&(dyn ToSql + Sync); 7] = [
            &tenant.as_str(),
            &before,
            &first,
            &status,
            &goal,
            &owner,
            &limit,
        ];
        let sql = match filter.status {
            Some(ApprovalStatus::Pending) => LIST_PENDING,
            _ => LIST,
        };
        let rows = self.read_one(As::Chain(&chain), sql, values).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<(i64, Approval), Error> {
    let (id, goal): (i64, i64) = (row.try_get(0)?, row.try_get(3)?);
    let record = Record {
        id,
        approval: row.try_get(2)?,
        step: row.try_get(4)?,
        item: row.try_get(5)?,
        digest: row.try_get(6)?,
        reason: row.try_get(7)?,
        requested_at: row.try_get(8)?,
        requested_held: row.try_get(9)?,
        expires_in_seconds: row.try_get(10)?,
        status: row.try_get(11)?,
        decided_by: row.try_get(12)?,
        decided_at: row.try_get(13)?,
    };
    let owner = Subject::try_from(row.try_get::<_, String>(15)?);
    let owner = owner.map_err(|_| Damage::row("goals", goal, "its owner cannot be read"))?;
    let approval = Approval::of(record, goals::name(goal, row.try_get(14)?)?, owner)?;
    Ok((id, approval))
}

/// Goals whose approvals are closed, and when.
pub(super) type Closes = (Vec<i64>, Vec<i64>);

/// What is closed, where nothing else of any approval changes; `None`: something does.
pub(super) fn closes(changes: &[(i64, Change)]) -> Option<Closes> {
    let closes = changes.iter().map(|(goal, change)| match change {
        Change::Close(ended) => Some((*goal, ended.at)),
        Change::Ask(_) | Change::End(..) => None,
    });
    closes.collect()
}

/// Follows the events of a group.
pub(super) async fn follow(
    conn: &Connection,
    tenant: (&str, &mut Tenant),
    changes: &[(i64, Change)],
) -> Result<(), Error> {
    let (name, tenant) = tenant;
    let (mut goals, mut ends) = (Vec::new(), Vec::new());
    for (goal, change) in changes {
        match change {
            Change::Ask(asked) => {
                // What was to be closed before this was asked is closed first.
                close(conn, name, (&mut goals, &mut ends)).await?;
                tenant.last_approval += 1;
                ask(conn, name, (tenant.last_approval, *goal), asked).await?;
            }
            Change::End(approval, ended) => end(conn, name, approval, ended).await?,
            Change::Close(ended) => {
                goals.push(*goal);
                ends.push(ended.at);
            }
        }
    }
    close(conn, name, (&mut goals, &mut ends)).await
}

async fn ask(
    conn: &Connection,
    tenant: &str,
    (id, goal): (i64, i64),
    asked: &Asked,
) -> Result<(), Error> {
    let [statement] = conn.prepare([ASK]).await?;
    fault::hit("append.approvals");
    conn.execute(
        &statement,
        [
            &id,
            &tenant,
            &asked.approval,
            &goal,
            &asked.at.step.as_str(),
            &asked.at.item.map(i64::from),
            &asked.digest.as_bytes().as_slice(),
            &reason_name(asked.reason),
            &asked.requested.at.as_microsecond(),
            &asked.requested.held,
            &i64::from(asked.expires_in_seconds),
        ],
    )
    .await?;
    Ok(())
}

/// Ends an approval; one that was never asked, or stands there already, is passed over.
pub(super) async fn end(
    conn: &Connection,
    tenant: &str,
    approval: &str,
    ended: &Ended,
) -> Result<(), Error> {
    let [statement] = conn.prepare([END]).await?;
    let by = ended.by.as_ref().map(Subject::as_str);
    let values: [&(dyn ToSql + Sync); 5] =
        [&tenant, &approval, &ended.status.as_str(), &by, &ended.at];
    conn.execute(&statement, values).await?;
    Ok(())
}

/// Closes what nobody needs to decide any more.
async fn close(
    conn: &Connection,
    tenant: &str,
    (goals, ends): (&mut Vec<i64>, &mut Vec<i64>),
) -> Result<(), Error> {
    if goals.is_empty() {
        return Ok(());
    }
    let [statement] = conn.prepare([CLOSE]).await?;
    let (goals, ends) = (std::mem::take(goals), std::mem::take(ends));
    conn.execute(&statement, [&tenant, &goals, &ends]).await?;
    Ok(())
}
