//! Lists of goals in Postgres, and the events of one.

use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{READ, Record};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::goals::list::{EventPage, GoalFilter, ListedGoal, Request, SCAN_MAX};
use crate::goals::time;
use crate::numbers::serial;
use crate::page::{Listed, Page};
use crate::payloads::{self, Bodies};
use crate::postgres::connection::As;
use crate::postgres::{Postgres, journal};

/// Rows read at once where words or tags are asked for.
const PIECE_ROWS: i64 = 500;

/// Each filter that is not given lets all through. The request is the first value of the first append.
const LIST: &str = "SELECT goals.id, goals.goal, owner, created_at, status, reason, updated_at, finished_at, sequence,
        erased_at, payloads.bodies
    FROM omnihub.goals LEFT JOIN omnihub.payloads ON payloads.goal = goals.id AND payloads.first_sequence = 1
    WHERE goals.tenant = $1 AND goals.id < $2 AND goals.id >= $3
    AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR owner = $5)
    ORDER BY goals.id DESC LIMIT $6";
/// The same for goals that are open, which are few and have an index of their own.
const LIST_OPEN: &str = "SELECT goals.id, goals.goal, owner, created_at, status, reason, updated_at, finished_at,
        sequence, erased_at, payloads.bodies
    FROM omnihub.goals LEFT JOIN omnihub.payloads ON payloads.goal = goals.id AND payloads.first_sequence = 1
    WHERE goals.tenant = $1 AND goals.id < $2 AND goals.id >= $3 AND finished_at IS NULL
    AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR owner = $5)
    ORDER BY goals.id DESC LIMIT $6";

impl Postgres {
    pub(crate) async fn goals(
        &self,
        tenant: &TenantId,
        filter: GoalFilter,
        page: Page,
    ) -> Result<Listed<ListedGoal>, Error> {
        let mut listed = Listed::default();
        let chain = Chain::Tenant(tenant.clone());
        let Some(mut before) = self.row_before(&chain, page.before).await? else {
            return Ok(listed);
        };
        let searched = filter.tag.is_some() || filter.words.is_some();
        let piece = match searched {
            true => PIECE_ROWS,
            false => i64::from(page.limit) + 1,
        };
        let mut looked_at = 0;
        loop {
            let rows = self
                .piece_of_goals(&chain, &filter, (before, piece))
                .await?;
            for row in &rows {
                if listed.items.len() == page.limit as usize || looked_at == SCAN_MAX {
                    listed.next = listed.last;
                    return Ok(listed);
                }
                looked_at += 1;
                let record = Record::read(row, tenant)?;
                before = record.id;
                listed.last = Some(serial(record.id));
                let request = request(row, &record)?;
                if request.fits(&filter) {
                    listed.items.push(shown(record, request));
                }
            }
            if i64::try_from(rows.len()) != Ok(piece) {
                return Ok(listed);
            }
        }
    }

    async fn piece_of_goals(
        &self,
        chain: &Chain,
        filter: &GoalFilter,
        (before, limit): (i64, i64),
    ) -> Result<Vec<Row>, Error> {
        let sql = match filter.status.is_some_and(|status| !status.is_end()) {
            true => LIST_OPEN,
            false => LIST,
        };
        let first = crate::numbers::Range::of(crate::numbers::tenant_of(before)).first;
        let (status, owner) = (
            filter.status.map(GoalStatus::as_str),
            filter.owner.as_ref().map(Subject::as_str),
        );
        let values: [&(dyn ToSql + Sync); 6] =
            [&chain.as_str(), &before, &first, &status, &owner, &limit];
        self.read_one(As::Chain(chain), sql, values).await
    }

    pub(crate) async fn events(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        after: u64,
        limit: u32,
    ) -> Result<Option<EventPage>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        let mut conn = self.connection().await?;
        let setup = conn.transaction().await?;
        let [read, journal] = conn.prepare([READ, journal::READ]).await?;
        let from = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
        let names = (tenant.as_str(), goal.as_str());
        let (_, rows, events) = tokio::try_join!(
            biased;
            conn.begin_read(&setup, As::Chain(&chain)),
            conn.query(&read, [&names.0, &names.1]),
            conn.query(&journal, [&names.0, &names.1, &from])
        )?;
        let Some(row) = rows.first() else {
            conn.commit().await?;
            return Ok(None);
        };
        let record = Record::read(row, tenant)?;
        let mut page = EventPage {
            events: Vec::new(),
            newest: record.sequence,
            status: record.status,
            owner: record.owner.clone(),
        };
        for segment in journal::segments(&record, after, &events)? {
            let (first, room) = (segment.events.first, limit as usize - page.events.len());
            if room == 0 || segment.events.end <= after + 1 {
                continue;
            }
            let shared = &self.inner.shared;
            let parsed = journal::events(&conn, shared, &record, segment).await?;
            let numbered = (first..)
                .zip(parsed)
                .filter(|(sequence, _)| *sequence > after);
            page.events.extend(numbered.take(room));
        }
        conn.commit().await?;
        Ok(Some(page))
    }
}

fn request(row: &Row, record: &Record) -> Result<Request, Error> {
    let mut bodies = Bodies::new(record.id, row.try_get(10)?);
    Ok(Request::of(bodies.next()?)
        .map_err(|reason| Damage::row(payloads::TABLE, record.id, reason))?)
}

fn shown(record: Record, request: Request) -> ListedGoal {
    ListedGoal {
        goal: record.goal,
        owner: record.owner,
        status: record.status,
        reason: record.reason,
        words: request.user_intent,
        tags: request.tags,
        created_at: time(record.created_at),
        updated_at: time(record.updated_at),
        finished_at: record.finished_at.map(time),
        sequence: record.sequence,
    }
}
