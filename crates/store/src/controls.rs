//! Emergency controls as the store keeps them, with their history: how long goals were held is read from it.

use audit::Draft;
use domain::emergency::{Mode, Scope};
use domain::id::{Subject, TenantId};

use crate::chain::Chain;
use crate::error::Error;
use crate::evidence;
use crate::gate::{Control, Gate};
use crate::goals::time;
use crate::store::{Kind, Store, either};

/// A change of the controls.
#[derive(Debug, Clone)]
pub struct SetControl {
    /// Whose control it is; `None`: the installation's, which covers every tenant unless it names one.
    pub tenant: Option<TenantId>,
    /// What it covers of them.
    pub scope: Scope,
    /// The tool or goal, or the tenant that a control of the installation names; `None` where the scope needs none.
    pub target: Option<String>,
    /// What it does from now on.
    pub mode: Mode,
    /// Why, in words.
    pub reason: String,
    /// Who sets it.
    pub by: Subject,
    /// Whose chain the evidence belongs to.
    pub chain: Chain,
    /// The evidence of the change; without it nothing is changed.
    pub evidence: Vec<Draft>,
}

impl Store {
    /// The emergency controls as they are now.
    pub fn gate(&self) -> Gate {
        self.shared().gate.borrow().clone()
    }

    /// The emergency controls as they are where they are kept: another process may have changed them a moment ago.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn look_at_controls(&self) -> Result<Gate, Error> {
        match &self.kind {
            Kind::Sqlite(_) => Ok(self.gate()),
            Kind::Postgres(postgres) => postgres.look_at_controls().await,
        }
    }

    /// Follows the emergency controls.
    pub fn watch_gate(&self) -> tokio::sync::watch::Receiver<Gate> {
        self.shared().gate.subscribe()
    }

    /// Sets a control for whom and what it names, in place of the one that was there. Returns the gate with it.
    ///
    /// # Errors
    /// [`Error`] where it could not be written; the controls are then as before.
    pub async fn set_control(&self, change: SetControl) -> Result<Gate, Error> {
        let evidence = evidence::Prepared::new(change.chain.clone(), change.evidence.clone())?;
        either!(self, store => store.set_control(change, evidence).await)
    }
}

impl SetControl {
    /// Whether a control is the one that this change takes the place of.
    pub(crate) fn replaces(&self, control: &Control) -> bool {
        control.until.is_none()
            && (&control.tenant, control.scope, &control.target)
                == (&self.tenant, self.scope, &self.target)
    }

    /// The control that begins; `None`: none does.
    pub(crate) fn begins(self, now: i64) -> Option<Control> {
        (self.mode != Mode::Off).then(|| Control {
            tenant: self.tenant,
            scope: self.scope,
            target: self.target,
            mode: self.mode,
            reason: self.reason,
            set_by: self.by,
            since: time(now),
            until: None,
        })
    }
}

/// The columns of a control, in the order of either store's table.
pub(crate) struct Columns {
    pub(crate) tenant: Option<String>,
    pub(crate) scope: String,
    pub(crate) target: Option<String>,
    pub(crate) mode: String,
    pub(crate) reason: String,
    pub(crate) set_by: String,
    pub(crate) since: i64,
    pub(crate) until: Option<i64>,
}

impl Columns {
    /// The control that they say; `None`: they say none.
    pub(crate) fn control(self) -> Option<Control> {
        Some(Control {
            tenant: self.tenant.map(TenantId::try_from).transpose().ok()?,
            scope: scope_of(&self.scope)?,
            target: self.target,
            mode: mode_of(&self.mode)?,
            reason: self.reason,
            set_by: Subject::try_from(self.set_by).ok()?,
            since: time(self.since),
            until: self.until.map(time),
        })
    }
}

const SCOPES: [Scope; 4] = [Scope::All, Scope::Tenant, Scope::Tool, Scope::Goal];
const MODES: [Mode; 3] = [Mode::Hold, Mode::Cancel, Mode::Off];

/// What a scope is called in the table.
pub(crate) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all",
        Scope::Tenant => "tenant",
        Scope::Tool => "tool",
        Scope::Goal => "goal",
    }
}

/// What a mode is called in the table.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Hold => "hold",
        Mode::Cancel => "cancel",
        Mode::Off => "off",
    }
}

fn scope_of(name: &str) -> Option<Scope> {
    SCOPES.into_iter().find(|scope| scope_name(*scope) == name)
}

fn mode_of(name: &str) -> Option<Mode> {
    MODES.into_iter().find(|mode| mode_name(*mode) == name)
}
