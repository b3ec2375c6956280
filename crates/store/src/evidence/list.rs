//! Entries as auditors ask for them, newest first, and evidence of what belongs to no goal.

use audit::Draft;
use domain::id::TenantId;
use jiff::Timestamp;

use super::{Prepared, Stored, index_of};
use crate::chain::Chain;
use crate::error::Error;
use crate::page::{Listed, Page};
use crate::store::{Store, either};

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
        either!(self, store => store.append_evidence(prepared).await)
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
        either!(self, store => store.entries(&chain, filter, page).await)
    }

    /// Reads one of a tenant's entries as canonical JSON; `None`: there is none of that id.
    ///
    /// # Errors
    /// [`Error::Damaged`] where its row is not what was written.
    pub async fn entry(&self, tenant: &TenantId, id: &str) -> Result<Option<String>, Error> {
        let Some(index) = index_of(id) else {
            return Ok(None);
        };
        let page = Page {
            limit: 1,
            before: Some(index.saturating_add(1)),
        };
        let listed = self.entries(tenant, EntryFilter::default(), page).await?;
        // Past the end, the newest entry would answer for the one asked for.
        let mut found = listed.items.into_iter();
        Ok(found.next().filter(|_| listed.last == Some(index)))
    }
}

/// A page of entries as it fills, newest first.
pub(crate) struct Filling<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) filter: &'a EntryFilter,
    pub(crate) page: Page,
    pub(crate) listed: Listed<String>,
    looked_at: usize,
}

impl<'a> Filling<'a> {
    /// An empty page.
    pub(crate) fn new(chain: &'a Chain, filter: &'a EntryFilter, page: Page) -> Self {
        Self {
            chain,
            filter,
            page,
            listed: Listed::default(),
            looked_at: 0,
        }
    }

    /// Where the page begins: entries from this index on are not asked for.
    pub(crate) fn before(&self) -> u64 {
        self.page.before.unwrap_or(u64::MAX)
    }

    /// Takes the next older row; `false`: the page is full, or enough was looked at, and another one follows.
    pub(crate) fn take(&mut self, stored: Stored) -> Result<bool, Error> {
        let first = stored.first;
        let more = self.looked_at < SCAN_MAX && self.collect(stored)?;
        if !more {
            self.listed.next = self.listed.last;
            return Ok(false);
        }
        self.looked_at += 1;
        self.listed.last = Some(self.listed.last.map_or(first, |last| last.min(first)));
        Ok(true)
    }

    /// Takes the fitting entries of one row, newest first; `false`: the page is full and another one follows.
    fn collect(&mut self, stored: Stored) -> Result<bool, Error> {
        let (filter, before) = (self.filter, self.before());
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
        stored.lines(self.chain, |index, line| {
            if fitting.contains(&index) {
                lines.push((index, line));
            }
        })?;
        for (index, line) in lines.into_iter().rev() {
            if self.listed.items.len() == self.page.limit as usize {
                return Ok(false);
            }
            self.listed.items.push(line);
            self.listed.last = Some(index);
        }
        Ok(true)
    }
}

fn fits(draft: &Draft, filter: &EntryFilter) -> bool {
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    is(&filter.actor_id, &draft.actor_id)
        && is(&filter.action, draft.action.as_str())
        && is(&filter.resource_id, &draft.resource_id)
        && is(&filter.correlation_id, &draft.correlation_id)
}
