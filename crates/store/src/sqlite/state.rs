//! What the writer remembers between groups, and how one request changes it.
//!
//! Memory follows the transaction: a request works on staged copies, which are merged when its savepoint stays and
//! forgotten when it is rolled back; what others may see is published after COMMIT. All of it can be read from the
//! database again.

use std::collections::{HashMap, HashSet};

use domain::digest::Digest;
use domain::id::{GoalId, TenantId};
use rusqlite::Connection;

use super::goals::{self, Record};
use super::tenants::Tenant;
use super::{controls, evidence, inbox};
use crate::chain::Chain;
use crate::error::Error;
use crate::gate::Gate;
use crate::numbers::tenant_of;
use crate::shared::Shared;

/// Tenants remembered at once, about a kilobyte each; past it all are forgotten and read again as they come.
const TENANTS_MAX: usize = 4_096;
/// Rows of goals remembered at once, about three hundred bytes each; past it all are forgotten and read again.
const GOALS_MAX: usize = 16_384;
/// Names of stored toolsets remembered at once.
const TOOLSETS_MAX: usize = 4_096;

/// What the writer remembers.
pub(crate) struct State {
    tenants: HashMap<Chain, Tenant>,
    /// Chains that grew in this group.
    grown: Vec<Chain>,
    next_journal: i64,
    /// Unread wishes of each goal, in order.
    unread: HashMap<i64, Vec<i64>>,
    gate: Gate,
    toolsets: HashSet<Digest>,
    /// Rows of open goals, as they were written last.
    goals: HashMap<(i64, GoalId), Record>,
    news: News,
}

/// What becomes visible with the group's COMMIT.
#[derive(Default)]
struct News {
    sequences: Vec<(TenantId, GoalId, u64)>,
    gate: bool,
    notices: bool,
}

/// What the writer remembers, as one request sees and changes it.
pub(crate) struct Staged<'a> {
    state: &'a State,
    changes: Changes,
}

/// What one request changed.
#[derive(Default)]
pub(crate) struct Changes {
    tenants: Vec<(Chain, Tenant)>,
    journal_rows: i64,
    posted: Vec<(i64, i64)>,
    read: Vec<(i64, i64)>,
    gate: Option<Gate>,
    toolset: Option<Digest>,
    goal: Option<Record>,
    sequence: Option<(TenantId, GoalId, u64)>,
    notices: bool,
}

impl State {
    /// Reads everything that cannot wait until it is needed.
    pub(crate) fn read(conn: &Connection) -> Result<Self, Error> {
        let next_journal =
            conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM journal", [], |row| {
                row.get(0)
            })?;
        Ok(Self {
            tenants: HashMap::new(),
            grown: Vec::new(),
            next_journal,
            unread: inbox::unread(conn)?,
            gate: controls::read_gate(conn)?,
            toolsets: HashSet::new(),
            goals: HashMap::new(),
            news: News::default(),
        })
    }

    /// The controls as they are.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Begins one request.
    pub(crate) fn stage(&self) -> Staged<'_> {
        Staged {
            state: self,
            changes: Changes::default(),
        }
    }

    /// Takes over what a request changed.
    pub(crate) fn merge(&mut self, changes: Changes) {
        for (chain, tenant) in changes.tenants {
            let before = self.tenants.insert(chain.clone(), tenant);
            let size = |tenant: &Tenant| tenant.head.next_index();
            let grew = before.as_ref().map(size) != self.tenants.get(&chain).map(size);
            if grew && !self.grown.contains(&chain) {
                self.grown.push(chain);
            }
        }
        self.next_journal += changes.journal_rows;
        for (goal, wish) in changes.posted {
            self.unread.entry(goal).or_default().push(wish);
        }
        for (goal, read) in changes.read {
            if let Some(wishes) = self.unread.get_mut(&goal) {
                wishes.retain(|wish| *wish > read);
                if wishes.is_empty() {
                    self.unread.remove(&goal);
                }
            }
        }
        if let Some(gate) = changes.gate {
            self.gate = gate;
            self.news.gate = true;
        }
        if self.toolsets.len() >= TOOLSETS_MAX {
            self.toolsets.clear();
        }
        self.toolsets.extend(changes.toolset);
        if let Some(goal) = changes.goal {
            self.remember(goal);
        }
        self.news.sequences.extend(changes.sequence);
        self.news.notices |= changes.notices;
    }

    fn remember(&mut self, goal: Record) {
        let name = (tenant_of(goal.id), goal.goal.clone());
        if goal.finished_at.is_some() {
            self.goals.remove(&name);
            return;
        }
        if self.goals.len() >= GOALS_MAX {
            self.goals.clear();
        }
        self.goals.insert(name, goal);
    }

    /// Writes the ends of the chains that grew, before COMMIT.
    pub(crate) fn write_heads(&mut self, conn: &Connection) -> Result<(), Error> {
        for chain in self.grown.drain(..) {
            if let Some(tenant) = self.tenants.get(&chain) {
                evidence::write_head(conn, tenant)?;
            }
        }
        Ok(())
    }

    /// Lets everybody see what the group changed, after COMMIT.
    pub(crate) fn publish(&mut self, shared: &Shared) {
        let news = std::mem::take(&mut self.news);
        shared.watchers.tell(&news.sequences);
        if news.gate {
            shared.gate.send_replace(self.gate.clone());
        }
        if news.notices {
            shared.notices.send_modify(|count| *count += 1);
        }
        if self.tenants.len() > TENANTS_MAX {
            self.tenants.clear();
        }
    }
}

impl<'a> Staged<'a> {
    /// The tenant, to be changed.
    pub(crate) fn tenant(
        &mut self,
        conn: &Connection,
        chain: &Chain,
    ) -> Result<&mut Tenant, Error> {
        let tenants = &mut self.changes.tenants;
        let position = match tenants.iter().position(|(staged, _)| staged == chain) {
            Some(position) => position,
            None => {
                let tenant = match self.state.tenants.get(chain) {
                    Some(tenant) => tenant.clone(),
                    None => Tenant::read_or_create(conn, chain)?,
                };
                tenants.push((chain.clone(), tenant));
                tenants.len() - 1
            }
        };
        tenants
            .get_mut(position)
            .map(|(_, tenant)| tenant)
            .ok_or(Error::Closed)
    }

    /// The number of the next journal row, which is then taken.
    pub(crate) fn take_journal_row(&mut self) -> i64 {
        let row = self.state.next_journal + self.changes.journal_rows;
        self.changes.journal_rows += 1;
        row
    }

    /// The goal's unread wishes, in order.
    pub(crate) fn unread(&self, goal: i64) -> &'a [i64] {
        self.state.unread.get(&goal).map_or(&[], Vec::as_slice)
    }

    /// Notes a new wish.
    pub(crate) fn posted(&mut self, goal: i64, wish: i64) {
        self.changes.posted.push((goal, wish));
    }

    /// Notes that the goal's wishes up to one were read.
    pub(crate) fn read_up_to(&mut self, goal: i64, wish: i64) {
        self.changes.read.push((goal, wish));
    }

    /// The controls as they are.
    pub(crate) fn gate(&self) -> &Gate {
        self.changes.gate.as_ref().unwrap_or(&self.state.gate)
    }

    /// Changes the controls.
    pub(crate) fn set_gate(&mut self, gate: Gate) {
        self.changes.gate = Some(gate);
    }

    /// The goal's row; `None`: there is no such goal.
    pub(crate) fn goal(
        &self,
        conn: &Connection,
        number: i64,
        (tenant, goal): (&TenantId, &GoalId),
    ) -> Result<Option<Record>, Error> {
        match self.state.goals.get(&(number, goal.clone())) {
            Some(record) => Ok(Some(record.clone())),
            None => goals::find(conn, number, tenant, goal),
        }
    }

    /// Notes how a goal's row was written; every writer of such rows says so.
    pub(crate) fn wrote_goal(&mut self, record: Record) {
        self.changes.goal = Some(record);
    }

    /// Whether a toolset is known to be stored.
    pub(crate) fn has_toolset(&self, digest: &Digest) -> bool {
        self.state.toolsets.contains(digest)
    }

    /// Notes that a toolset is stored.
    pub(crate) fn stored_toolset(&mut self, digest: Digest) {
        self.changes.toolset = Some(digest);
    }

    /// Tells whoever watches the goal, after COMMIT.
    pub(crate) fn advanced(&mut self, tenant: TenantId, goal: GoalId, sequence: u64) {
        self.changes.sequence = Some((tenant, goal, sequence));
    }

    /// Tells whoever sends notices, after COMMIT.
    pub(crate) fn noticed(&mut self) {
        self.changes.notices = true;
    }

    /// Ends the request.
    pub(crate) fn finish(self) -> Changes {
        self.changes
    }
}
