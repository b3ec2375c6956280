//! Emergency controls in SQLite.

use domain::emergency::{Mode, Scope};
use domain::id::{Subject, TenantId};
use rusqlite::{Connection, Row};

use super::table::{Table, integer, optional, optional_text, text};
use super::writer::Writing;
use super::{Sqlite, evidence};
use crate::controls::{Columns, SetControl, mode_name, scope_name};
use crate::error::{Damage, Error};
use crate::evidence::Prepared;
use crate::fault;
use crate::gate::{Control, Gate};
use crate::goals::time;

/// The table of controls.
pub(crate) const CONTROLS: Table = Table {
    name: "controls",
    insert: "INSERT INTO controls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
};

/// Takes the same columns as the insert.
const END: &str =
    "UPDATE controls SET until = ?9, checksum = ?10 WHERE id = ?1 AND tenant IS ?2 AND scope = ?3
    AND target IS ?4 AND mode = ?5 AND reason = ?6 AND set_by = ?7 AND since = ?8";

impl Sqlite {
    pub(crate) async fn set_control(
        &self,
        change: SetControl,
        prepared: Prepared,
    ) -> Result<Gate, Error> {
        self.write(move |writing| set(writing, change, prepared))
            .await
    }
}

fn set(writing: &mut Writing<'_>, change: SetControl, prepared: Prepared) -> Result<Gate, Error> {
    evidence::write(writing, prepared)?;
    let now = writing.now.as_microsecond();
    let mut stored = read(writing.conn)?;
    for (id, control) in &mut stored {
        if change.replaces(control) {
            control.until = Some(time(now));
            fault::hit("control.end");
            write(writing.conn, *id, control, END)?;
        }
    }
    if let Some(control) = change.begins(now) {
        let id = stored.last().map_or(1, |(id, _)| id + 1);
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
    let columns = Columns {
        tenant: row.get(1)?,
        scope: row.get(2)?,
        target: row.get(3)?,
        mode: row.get(4)?,
        reason: row.get(5)?,
        set_by: row.get(6)?,
        since: row.get(7)?,
        until: row.get(8)?,
    };
    Ok(columns.control())
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
