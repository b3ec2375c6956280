//! Entries as auditors ask for them, newest first, and evidence of what belongs to no goal.

use audit::Draft;
use domain::id::TenantId;
use jiff::Timestamp;

use super::{AUDIT, Prepared, Stored, index_of};
use crate::error::Error;
use crate::page::{Listed, Page};
use crate::readers::Reading;
use crate::store::Store;
use crate::tenants::{self, Chain, Range};

/// Rows looked at for one page: a bound on one answer's time, some tenths of a second.
const SCAN_MAX: usize = 50_000;

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Only those sealed then or later.
    pub from: Option<Timestamp>,
    /// Only those sealed before then.
    pub to: Option<Timestamp>,
    /// Only what this one did.
    pub actor_id: Option<String>,
    /// Only acts of this name.
    pub action: Option<String>,
    /// Only what was done to this.
    pub resource_id: Option<String>,
    /// Only what belongs to this goal or request.
    pub correlation_id: Option<String>,
}

impl Store {
    /// Appends evidence of something that is no event of a goal: a refused plan, a failed login, a change by an admin.
    ///
    /// # Errors
    /// [`Error`]; the act is then to be refused (DESIGN law 13).
    pub async fn append_evidence(&self, chain: &Chain, drafts: Vec<Draft>) -> Result<(), Error> {
        let prepared = Prepared::new(chain.clone(), drafts)?;
        self.write(move |writing| prepared.write(writing)).await
    }

    /// Lists a tenant's entries as canonical JSON, newest first. With a filter a page may be short although more follow.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn entries(
        &self,
        tenant: &TenantId,
        filter: EntryFilter,
        page: Page,
    ) -> Result<Listed<String>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        self.read(move |reading| list(reading, &chain, &filter, page))
            .await
    }

    /// Reads one of a tenant's entries as canonical JSON; `None`: there is none of that id.
    ///
    /// # Errors
    /// [`Error::Damaged`] where its row is not what was written.
    pub async fn entry(&self, tenant: &TenantId, id: &str) -> Result<Option<String>, Error> {
        let Some(index) = index_of(id) else {
            return Ok(None);
        };
        let chain = Chain::Tenant(tenant.clone());
        self.read(move |reading| {
            let page = Page {
                limit: 1,
                before: Some(index.saturating_add(1)),
            };
            let listed = list(reading, &chain, &EntryFilter::default(), page)?;
            // Past the end, the newest entry would answer for the one asked for.
            Ok(listed
                .items
                .into_iter()
                .next()
                .filter(|_| listed.last == Some(index)))
        })
        .await
    }
}

fn list(
    reading: &Reading<'_>,
    chain: &Chain,
    filter: &EntryFilter,
    page: Page,
) -> Result<Listed<String>, Error> {
    let mut listed = Listed::default();
    let Some(number) = tenants::number(reading.conn, chain.as_str())? else {
        return Ok(listed);
    };
    let rows = Range::of(number);
    let before = page.before.unwrap_or(u64::MAX);
    let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id DESC";
    let mut statement = reading.conn.prepare_cached(sql)?;
    let mut found = statement.query([rows.first, rows.at(before)])?;
    let mut looked_at = 0;
    while let Some(row) = found.next()? {
        if looked_at == SCAN_MAX {
            listed.next = listed.last;
            return Ok(listed);
        }
        looked_at += 1;
        AUDIT.check(row)?;
        let stored = Stored::read(row)?;
        let first = stored.first;
        if !collect(stored, chain, (filter, before, page.limit), &mut listed)? {
            listed.next = listed.last;
            return Ok(listed);
        }
        listed.last = Some(listed.last.map_or(first, |last| last.min(first)));
    }
    Ok(listed)
}

/// Takes the fitting entries of one row, newest first; `false`: the page is full and another one follows.
fn collect(
    stored: Stored,
    chain: &Chain,
    (filter, before, limit): (&EntryFilter, u64, u32),
    listed: &mut Listed<String>,
) -> Result<bool, Error> {
    let in_time = filter.from.is_none_or(|from| stored.at >= from)
        && filter.to.is_none_or(|to| stored.at < to);
    let fitting: Vec<u64> = (stored.first..)
        .zip(&stored.entries)
        .filter(|(index, (draft, _))| in_time && *index < before && fits(draft, filter))
        .map(|(index, _)| index)
        .collect();
    if fitting.is_empty() {
        return Ok(true);
    }
    let mut lines = Vec::new();
    stored.lines(chain, |index, line| {
        if fitting.contains(&index) {
            lines.push((index, line));
        }
    })?;
    for (index, line) in lines.into_iter().rev() {
        if listed.items.len() == limit as usize {
            return Ok(false);
        }
        listed.items.push(line);
        listed.last = Some(index);
    }
    Ok(true)
}

fn fits(draft: &Draft, filter: &EntryFilter) -> bool {
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    is(&filter.actor_id, &draft.actor_id)
        && is(&filter.action, draft.action.as_str())
        && is(&filter.resource_id, &draft.resource_id)
        && is(&filter.correlation_id, &draft.correlation_id)
}
