//! Lists of goals, newest first, and the events of one.

use std::collections::BTreeMap;

use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use jiff::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, Rows};
use saga::Event;
use serde::Deserialize;

use super::{Record, below, cursor, find_by_name, time};
use crate::error::{Damage, Error};
use crate::journal;
use crate::page::{Listed, Page};
use crate::payloads::Bodies;
use crate::readers::Reading;
use crate::store::Store;
use crate::tenants::{self, Range};

/// Goals looked at for one page where words or tags are asked for: a bound on one answer's time, some tenths of a second.
const SCAN_MAX: usize = 50_000;

/// Which goals are asked for.
#[derive(Debug, Clone, Default)]
pub struct GoalFilter {
    /// Only those that stand there.
    pub status: Option<GoalStatus>,
    /// Only those of this principal.
    pub owner: Option<Subject>,
    /// Only those with this tag: name, and value where that matters.
    pub tag: Option<(String, Option<String>)>,
    /// Only those whose words contain this, in any case.
    pub words: Option<String>,
}

/// A goal in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedGoal {
    /// The goal.
    pub goal: GoalId,
    /// Who submitted it.
    pub owner: Subject,
    /// Where it stands.
    pub status: GoalStatus,
    /// Why, as a code.
    pub reason: Option<String>,
    /// What is wanted; `None`: it was erased.
    pub words: Option<String>,
    /// How the submitter sorts it.
    pub tags: BTreeMap<String, String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When something last happened.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The sequence of its newest event.
    pub sequence: u64,
}

/// Some events of a goal.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events in order, each with its sequence.
    pub events: Vec<(u64, Event)>,
    /// The sequence of the goal's newest event.
    pub newest: u64,
    /// Where the goal stands.
    pub status: GoalStatus,
    /// Who submitted it.
    pub owner: Subject,
}

/// The part of a goal's request that lists show; the request is the first payload of its first event.
#[derive(Default, Deserialize)]
struct Request {
    #[serde(default)]
    user_intent: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Store {
    /// Lists goals of a tenant, newest first. With a filter on words or tags a page may be short although more follow.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn goals(
        &self,
        tenant: &TenantId,
        filter: GoalFilter,
        page: Page,
    ) -> Result<Listed<ListedGoal>, Error> {
        let tenant = tenant.clone();
        self.read(
            move |reading| match tenants::number(reading.conn, tenant.as_str())? {
                Some(number) => list(reading, (&tenant, number), &filter, page),
                None => Ok(Listed::default()),
            },
        )
        .await
    }

    /// Reads events of a goal after a sequence; `None`: there is no such goal in this tenant.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row of the goal is not what was written.
    pub async fn events(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        after: u64,
        limit: u32,
    ) -> Result<Option<EventPage>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(move |reading| {
            let Some(record) = find_by_name(reading.conn, &tenant, &goal)? else {
                return Ok(None);
            };
            events(reading, &record, after, limit as usize).map(Some)
        })
        .await
    }
}

fn list(
    reading: &Reading<'_>,
    (tenant, number): (&TenantId, i64),
    filter: &GoalFilter,
    page: Page,
) -> Result<Listed<ListedGoal>, Error> {
    let rows = Range::of(number);
    let mut sql = "SELECT * FROM goals WHERE id >= ?1 AND id < ?2".to_owned();
    let start = below(rows, page.before);
    let (status, owner) = (
        filter.status.map(GoalStatus::as_str),
        filter.owner.as_ref().map(Subject::as_str),
    );
    let mut values: Vec<&dyn ToSql> = vec![&rows.first, &start];
    if let Some(owner) = &owner {
        sql.push_str(" AND tenant = ?3 AND owner = ?4");
        values.extend([&number as &dyn ToSql, owner]);
    }
    if let Some(status) = &status {
        sql.push_str(&format!(" AND status = ?{}", values.len() + 1));
        values.push(status);
    }
    // Open goals are few beside those that ended, and have an index of their own.
    if filter.status.is_some_and(|status| !status.is_end()) {
        sql.push_str(" AND finished_at IS NULL");
    }
    sql.push_str(" ORDER BY id DESC");
    let mut statement = reading.conn.prepare_cached(&sql)?;
    let found = statement.query(values.as_slice())?;
    collect(reading.conn, found, tenant, (filter, page))
}

fn collect(
    conn: &Connection,
    mut rows: Rows<'_>,
    tenant: &TenantId,
    (filter, page): (&GoalFilter, Page),
) -> Result<Listed<ListedGoal>, Error> {
    let mut listed = Listed::default();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if listed.items.len() == page.limit as usize || looked_at == SCAN_MAX {
            listed.next = listed.last;
            break;
        }
        looked_at += 1;
        let record = Record::read(row, tenant)?;
        listed.last = Some(cursor(record.id));
        let request = request(conn, &record)?;
        if fits(&request, filter) {
            listed.items.push(ListedGoal::new(record, request));
        }
    }
    Ok(listed)
}

impl ListedGoal {
    fn new(record: Record, request: Request) -> Self {
        Self {
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
}

fn fits(request: &Request, filter: &GoalFilter) -> bool {
    let tagged = filter.tag.as_ref().is_none_or(|(name, value)| {
        request
            .tags
            .get(name)
            .is_some_and(|tag| value.as_ref().is_none_or(|value| tag == value))
    });
    let said = filter.words.as_ref().is_none_or(|words| {
        let intent = request.user_intent.as_deref().unwrap_or_default();
        intent.to_lowercase().contains(&words.to_lowercase())
    });
    tagged && said
}

fn request(conn: &Connection, record: &Record) -> Result<Request, Error> {
    let mut bodies = Bodies::read(conn, record.first_journal)?;
    match bodies.next()? {
        Some(body) => Ok(serde_json::from_slice(body)
            .map_err(|error| Damage::row("payloads", record.first_journal, error.to_string()))?),
        None => Ok(Request::default()),
    }
}

fn events(
    reading: &Reading<'_>,
    record: &Record,
    after: u64,
    limit: usize,
) -> Result<EventPage, Error> {
    let mut events = Vec::new();
    for segment in journal::segments(reading.conn, record, after)? {
        if events.len() >= limit {
            break;
        }
        let parsed = segment.events(reading.conn, reading.shared, record)?;
        let numbered = (segment.first..)
            .zip(parsed)
            .filter(|(sequence, _)| *sequence > after);
        events.extend(numbered.take(limit - events.len()));
    }
    Ok(EventPage {
        events,
        newest: record.sequence,
        status: record.status,
        owner: record.owner.clone(),
    })
}
