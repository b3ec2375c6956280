//! Approvals in SQLite.

use domain::approval::ApprovalStatus;
use domain::id::{GoalId, Subject, TenantId};
use rusqlite::Connection;
use rusqlite::types::ToSql;

use super::Sqlite;
use super::goals::{below, cursor};
use super::readers::Reading;
use super::tenants;
use crate::approvals::{Approval, ApprovalFilter};
use crate::error::{Damage, Error};
use crate::numbers::Range;
use crate::page::{Listed, Page};

mod check;
mod follow;
mod record;

use record::{Row, find};

pub(crate) use check::check;
pub(crate) use follow::{decide, follow};
pub(crate) use record::APPROVALS;

impl Sqlite {
    pub(crate) async fn approvals(
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

    pub(crate) async fn approval(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Approval>, Error> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.read(move |reading| {
            let Some(number) = tenants::number(reading.conn, tenant.as_str())? else {
                return Ok(None);
            };
            let Some(row) = find(reading.conn, number, &id)? else {
                return Ok(None);
            };
            approval(reading.conn, row).map(Some)
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
        let row = Row::read(row)?;
        listed.last = Some(cursor(row.record.id));
        listed.items.push(approval(reading.conn, row)?);
    }
    Ok(listed)
}

fn approval(conn: &Connection, row: Row) -> Result<Approval, Error> {
    let sql = "SELECT goal, owner FROM goals WHERE id = ?1";
    let goal = conn
        .prepare_cached(sql)?
        .query_row([row.goal], |row| Ok((row.get(0)?, row.get(1)?)));
    let (goal, owner): (String, String) = goal?;
    let (Ok(goal), Ok(owner)) = (GoalId::try_from(goal), Subject::try_from(owner)) else {
        return Err(Damage::row("goals", row.goal, "its name or owner cannot be read").into());
    };
    Approval::of(row.record, goal, owner)
}
