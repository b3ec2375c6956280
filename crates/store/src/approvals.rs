//! Approvals as the store lists them: one row each, which follows from the journal and the inbox.

use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use domain::id::{GoalId, StepId, Subject, TenantId};
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::ToSql;
use saga::Moment;
use saga::event::{AskReason, StepItem};

use crate::error::{Damage, Error};
use crate::goals::{below, cursor, time};
use crate::page::{Listed, Page};
use crate::readers::Reading;
use crate::store::Store;
use crate::tenants::{self, Range};

mod check;
mod follow;
mod record;

use record::{Record, find, reason_of, status_of};

pub(crate) use check::check;
pub(crate) use follow::{Decided, decide, follow_from, project};
pub(crate) use record::APPROVALS;

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
        let tenant = tenant.clone();
        self.read(
            move |reading| match tenants::number(reading.conn, tenant.as_str())? {
                Some(number) => list(reading, number, &filter, page),
                None => Ok(Listed::default()),
            },
        )
        .await
    }

    /// Reads one approval; `None`: there is none of that id in this tenant.
    ///
    /// # Errors
    /// [`Error::Damaged`] where its row is not what was written.
    pub async fn approval(&self, tenant: &TenantId, id: &str) -> Result<Option<Approval>, Error> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.read(move |reading| {
            let Some(number) = tenants::number(reading.conn, tenant.as_str())? else {
                return Ok(None);
            };
            let Some(record) = find(reading.conn, number, &id)? else {
                return Ok(None);
            };
            Approval::of(reading.conn, record).map(Some)
        })
        .await
    }
}

fn list(
    reading: &Reading<'_>,
    number: i64,
    filter: &ApprovalFilter,
    page: Page,
) -> Result<Listed<Approval>, Error> {
    let rows = Range::of(number);
    let start = below(rows, page.before);
    let mut sql = "SELECT approvals.* FROM approvals CROSS JOIN goals ON goals.id = approvals.goal
        WHERE approvals.id >= ?1 AND approvals.id < ?2"
        .to_owned();
    let status = filter.status.map(ApprovalStatus::as_str);
    let (goal, owner) = (
        filter.goal.as_ref().map(GoalId::as_str),
        filter.goal_owner.as_ref().map(Subject::as_str),
    );
    let mut values: Vec<&dyn ToSql> = vec![&rows.first, &start];
    for (column, value) in [
        ("approvals.status", &status),
        ("goals.goal", &goal),
        ("goals.owner", &owner),
    ] {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    sql.push_str(" ORDER BY approvals.id DESC");
    let mut statement = reading.conn.prepare_cached(&sql)?;
    let mut found = statement.query(values.as_slice())?;
    let mut listed = Listed::default();
    while let Some(row) = found.next()? {
        if listed.items.len() == page.limit as usize {
            listed.next = listed.last;
            break;
        }
        let record = Record::read(row)?;
        listed.last = Some(cursor(record.id));
        listed.items.push(Approval::of(reading.conn, record)?);
    }
    Ok(listed)
}

impl Approval {
    fn of(conn: &Connection, record: Record) -> Result<Self, Error> {
        let sql = "SELECT goal, owner FROM goals WHERE id = ?1";
        let goal = conn
            .prepare_cached(sql)?
            .query_row([record.goal], |row| Ok((row.get(0)?, row.get(1)?)));
        let (goal, owner): (String, String) = goal?;
        let (Ok(goal), Ok(goal_owner)) = (GoalId::try_from(goal), Subject::try_from(owner)) else {
            return Err(
                Damage::row("goals", record.goal, "its name or owner cannot be read").into(),
            );
        };
        let unreadable = || Damage::row(APPROVALS.name, record.id, "it cannot be read");
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
