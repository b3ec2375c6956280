//! Lists of goals, newest first, and the events of one.

use std::collections::BTreeMap;

use domain::goal::GoalStatus;
use domain::id::{GoalId, Subject, TenantId};
use jiff::Timestamp;
use saga::Event;
use serde::Deserialize;

use crate::error::Error;
use crate::page::{Listed, Page};
use crate::store::{Store, either};

/// Goals looked at for one page where words or tags are asked for: a bound on one answer's time, some tenths of a second.
pub(crate) const SCAN_MAX: usize = 50_000;

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
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) user_intent: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
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
        either!(self, store => store.goals(tenant, filter, page).await)
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
        either!(self, store => store.events(tenant, goal, after, limit).await)
    }
}

impl Request {
    /// Reads it from the first value of a goal; `None`: it was erased.
    pub(crate) fn of(first: Option<&[u8]>) -> Result<Self, String> {
        let read = first.map(serde_json::from_slice).transpose();
        Ok(read.map_err(|error| error.to_string())?.unwrap_or_default())
    }

    /// Whether its words and tags are those that are asked for.
    pub(crate) fn fits(&self, filter: &GoalFilter) -> bool {
        let tagged = filter.tag.as_ref().is_none_or(|(name, value)| {
            self.tags
                .get(name)
                .is_some_and(|tag| value.as_ref().is_none_or(|value| tag == value))
        });
        let said = filter.words.as_ref().is_none_or(|words| {
            let intent = self.user_intent.as_deref().unwrap_or_default();
            intent.to_lowercase().contains(&words.to_lowercase())
        });
        tagged && said
    }
}
