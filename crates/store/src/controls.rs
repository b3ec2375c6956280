//! Emergency controls at rest, with their history: how long goals were held is read from it.

use audit::Draft;
use domain::emergency::{Mode, Scope};
use domain::id::{Subject, TenantId};
use rusqlite::{Connection, Row};

use crate::error::{Damage, Error};
use crate::evidence;
use crate::fault;
use crate::gate::{Control, Gate};
use crate::goals::time;
use crate::store::Store;
use crate::table::{Table, integer, optional, optional_text, text};
use crate::tenants::Chain;
use crate::writer::Writing;

/// The table of controls.
pub(crate) const CONTROLS: Table = Table {
    name: "controls",
    insert: "INSERT INTO controls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
};

/// Takes the same columns as the insert.
const END: &str =
    "UPDATE controls SET until = ?9, checksum = ?10 WHERE id = ?1 AND tenant IS ?2 AND scope = ?3
    AND target IS ?4 AND mode = ?5 AND reason = ?6 AND set_by = ?7 AND since = ?8";

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
        self.write(move |writing| set(writing, change, evidence))
            .await
    }
}

fn set(
    writing: &mut Writing<'_>,
    change: SetControl,
    evidence: evidence::Prepared,
) -> Result<Gate, Error> {
    evidence.write(writing)?;
    let now = writing.now.as_microsecond();
    let mut stored = read(writing.conn)?;
    let same = |control: &Control| {
        (&control.tenant, control.scope, &control.target)
            == (&change.tenant, change.scope, &change.target)
    };
    for (id, control) in &mut stored {
        if control.until.is_none() && same(control) {
            control.until = Some(time(now));
            fault::hit("control.end");
            write(writing.conn, *id, control, END)?;
        }
    }
    if change.mode != Mode::Off {
        let id = stored.last().map_or(1, |(id, _)| id + 1);
        let control = Control {
            tenant: change.tenant,
            scope: change.scope,
            target: change.target,
            mode: change.mode,
            reason: change.reason,
            set_by: change.by,
            since: time(now),
            until: None,
        };
        fault::hit("control.set");
        write(writing.conn, id, &control, CONTROLS.insert)?;
        stored.push((id, control));
    }
    Ok(publish(writing, stored))
}

/// Holds everything of some tenants, for a store that is not to go on by itself. What cancels goals stays beside it.
pub(crate) fn hold(
    writing: &mut Writing<'_>,
    tenants: Vec<TenantId>,
    reason: &str,
    by: &Subject,
) -> Result<(), Error> {
    let mut stored = read(writing.conn)?;
    let now = time(writing.now.as_microsecond());
    for (id, control) in &mut stored {
        let held = control.scope == Scope::All && control.mode == Mode::Hold;
        if held && control.until.is_none() && control.tenant.is_some() {
            control.until = Some(now);
            write(writing.conn, *id, control, END)?;
        }
    }
    for tenant in tenants {
        let id = stored.last().map_or(1, |(id, _)| id + 1);
        let control = Control {
            tenant: Some(tenant),
            scope: Scope::All,
            target: None,
            mode: Mode::Hold,
            reason: reason.to_owned(),
            set_by: by.clone(),
            since: now,
            until: None,
        };
        write(writing.conn, id, &control, CONTROLS.insert)?;
        stored.push((id, control));
    }
    publish(writing, stored);
    Ok(())
}

/// Lets the group's COMMIT show the controls.
fn publish(writing: &mut Writing<'_>, stored: Vec<(i64, Control)>) -> Gate {
    let generation = writing.staged.gate().generation() + 1;
    let controls = stored.into_iter().map(|(_, control)| control).collect();
    let gate = Gate::new(generation, controls);
    writing.staged.set_gate(gate.clone());
    gate
}

/// Reads the gate as the database has it.
pub(crate) fn read_gate(conn: &Connection) -> Result<Gate, Error> {
    Ok(Gate::new(
        1,
        read(conn)?
            .into_iter()
            .map(|(_, control)| control)
            .collect(),
    ))
}

fn read(conn: &Connection) -> Result<Vec<(i64, Control)>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM controls ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut controls = Vec::new();
    while let Some(row) = rows.next()? {
        CONTROLS.check(row)?;
        let id = row.get(0)?;
        let control =
            parse(row)?.ok_or_else(|| Damage::row(CONTROLS.name, id, "it cannot be read"))?;
        controls.push((id, control));
    }
    Ok(controls)
}

fn parse(row: &Row<'_>) -> Result<Option<Control>, Error> {
    let tenant = row
        .get::<_, Option<String>>(1)?
        .map(TenantId::try_from)
        .transpose();
    let set_by = Subject::try_from(row.get::<_, String>(6)?);
    let (scope, mode) = (
        scope_of(&row.get::<_, String>(2)?),
        mode_of(&row.get::<_, String>(4)?),
    );
    let (Ok(tenant), Ok(set_by), Some(scope), Some(mode)) = (tenant, set_by, scope, mode) else {
        return Ok(None);
    };
    Ok(Some(Control {
        tenant,
        scope,
        target: row.get(3)?,
        mode,
        reason: row.get(5)?,
        set_by,
        since: time(row.get(7)?),
        until: row.get::<_, Option<i64>>(8)?.map(time),
    }))
}

fn write(conn: &Connection, id: i64, control: &Control, sql: &str) -> Result<(), Error> {
    let values = [
        integer(id),
        optional_text(control.tenant.as_ref().map(TenantId::as_str)),
        text(scope_name(control.scope)),
        optional_text(control.target.as_deref()),
        text(mode_name(control.mode)),
        text(&control.reason),
        text(control.set_by.as_str()),
        integer(control.since.as_microsecond()),
        optional(control.until.map(|until| until.as_microsecond())),
    ];
    CONTROLS.run(conn, sql, &values)
}

const SCOPES: [Scope; 4] = [Scope::All, Scope::Tenant, Scope::Tool, Scope::Goal];
const MODES: [Mode; 3] = [Mode::Hold, Mode::Cancel, Mode::Off];

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all",
        Scope::Tenant => "tenant",
        Scope::Tool => "tool",
        Scope::Goal => "goal",
    }
}

fn mode_name(mode: Mode) -> &'static str {
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
