//! The gate: what emergency controls hold or cancel, at one moment.
//!
//! A snapshot that costs nothing to clone. Its generation tells the writer whether whoever wants to start an effect has
//! seen the newest controls.

use std::sync::Arc;

use domain::emergency::{Mode, Scope};
use domain::id::{GoalId, Subject, TenantId};
use jiff::{SignedDuration, Timestamp};

/// One emergency control, active or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Whose control it is; `None`: the installation's, which covers every tenant unless it names one.
    pub tenant: Option<TenantId>,
    /// What it covers of them.
    pub scope: Scope,
    /// The tool or goal, or the tenant that a control of the installation names; `None` where the scope needs none.
    pub target: Option<String>,
    /// What it does.
    pub mode: Mode,
    /// Why, in words.
    pub reason: String,
    /// Who set it.
    pub set_by: Subject,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: it is active.
    pub until: Option<Timestamp>,
}

/// All controls, as they are and as they were.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    generation: u64,
    active: Arc<[Control]>,
    /// Holds that are over.
    past: Arc<[Control]>,
}

impl Gate {
    /// Makes a gate of its controls.
    pub(crate) fn new(generation: u64, controls: Vec<Control>) -> Self {
        let (active, mut past): (Vec<_>, Vec<_>) = controls
            .into_iter()
            .partition(|control| control.until.is_none());
        past.retain(|control| control.mode == Mode::Hold);
        Self {
            generation,
            active: active.into(),
            past: past.into(),
        }
    }

    /// Which change this snapshot was taken after; counts from the start of the process.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Why no effect of this tool may start for this goal; `None`: nothing holds it.
    ///
    /// A tool under `cancel` is held too, for goals that are on their way to be cancelled and for those that undo.
    pub fn held(&self, tenant: &TenantId, goal: &GoalId, tool: &str) -> Option<&str> {
        let holds = |control: &&Control| match control.scope {
            Scope::Tool => control.target.as_deref() == Some(tool) && control.is_of(tenant),
            Scope::All | Scope::Tenant | Scope::Goal => {
                control.mode == Mode::Hold && control.covers(tenant, goal)
            }
        };
        self.active
            .iter()
            .find(holds)
            .map(|control| control.reason.as_str())
    }

    /// Why the goal as a whole stands still; `None`: at most some of its tools are held.
    pub fn holding(&self, tenant: &TenantId, goal: &GoalId) -> Option<&str> {
        let holds = |control: &&Control| control.mode == Mode::Hold && control.covers(tenant, goal);
        let found = self.active.iter().find(holds);
        found.map(|control| control.reason.as_str())
    }

    /// The control by which the goal is to be cancelled, and no such goal is accepted; `None`: there is none. `uses`:
    /// whether the goal has yet to use a tool.
    pub fn cancelling(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        uses: impl Fn(&str) -> bool,
    ) -> Option<&Control> {
        let cancels = |control: &&Control| {
            control.mode == Mode::Cancel
                && match (control.scope, control.target.as_deref()) {
                    (Scope::Tool, Some(tool)) => control.is_of(tenant) && uses(tool),
                    _ => control.covers(tenant, goal),
                }
        };
        self.active.iter().find(cancels)
    }

    /// How long holds have kept the goal as a whole still between two moments; overlapping holds count once.
    pub fn held_total(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        since: Timestamp,
        now: Timestamp,
    ) -> SignedDuration {
        let mut spans: Vec<_> = self
            .past
            .iter()
            .chain(self.active.iter())
            .filter(|control| control.mode == Mode::Hold && control.covers(tenant, goal))
            .map(|control| {
                (
                    control.since.max(since),
                    control.until.unwrap_or(now).min(now),
                )
            })
            .filter(|(from, to)| from < to)
            .collect();
        spans.sort();
        let mut total = SignedDuration::ZERO;
        let mut covered = since;
        for (from, to) in spans {
            let from = from.max(covered);
            if from < to {
                total = total.saturating_add(to.duration_since(from));
                covered = to;
            }
        }
        total
    }

    /// The active controls that a tenant's goals are under, its own and those of every tenant.
    pub fn active(&self, tenant: &TenantId) -> impl Iterator<Item = &Control> {
        self.active.iter().filter(|control| control.is_of(tenant))
    }

    /// All active controls.
    pub fn all_active(&self) -> &[Control] {
        &self.active
    }
}

impl Control {
    /// Whether it says something about the tenant.
    fn is_of(&self, tenant: &TenantId) -> bool {
        match (&self.tenant, self.scope) {
            (Some(own), _) => own == tenant,
            (None, Scope::Tenant) => self.target.as_deref() == Some(tenant.as_str()),
            (None, Scope::All | Scope::Tool | Scope::Goal) => true,
        }
    }

    /// Whether it covers the goal as a whole.
    fn covers(&self, tenant: &TenantId, goal: &GoalId) -> bool {
        self.is_of(tenant)
            && match self.scope {
                Scope::All | Scope::Tenant => true,
                Scope::Goal => self.target.as_deref() == Some(goal.as_str()),
                Scope::Tool => false,
            }
    }
}
