//! Emergency controls in Postgres, effective for the very next effect of every process.
//!
//! Whoever admits an effect holds a lock on the controls, shared with all who do, until its COMMIT; whoever changes them
//! waits for those and keeps others out meanwhile. So an effect is admitted under the newest controls or not at all.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{As, Connection, Pool};
use super::{Postgres, evidence};
use crate::chain::Chain;
use crate::controls::{Columns, SetControl, mode_name, scope_name};
use crate::error::{Damage, Error};
use crate::evidence::Prepared;
use crate::fault;
use crate::gate::{Control, Gate};
use crate::goals::time;
use crate::hints::Hint;

/// Taken by whoever admits, before it looks.
pub(super) const SHARE: &str = "SELECT pg_advisory_xact_lock_shared(1330140516)";
/// Taken by whoever changes the controls.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1330140516)";
/// How often the controls were changed.
pub(super) const GENERATION: &str = "SELECT generation FROM omnihub.gate";
const CHANGED: &str = "UPDATE omnihub.gate SET generation = generation + 1 RETURNING generation";
const READ: &str = "SELECT id, tenant, scope, target, mode, reason, set_by, since, until
    FROM omnihub.emergency_controls ORDER BY id";
const NAME: &str = "SELECT set_config('omnihub.tenant', $1, true)";
/// Becomes whoever sees every tenant's controls, for one statement.
const AS_DRIVER: &str = "SELECT set_config('role', 'omnihub_driver', true)";
const AS_APP: &str = "SELECT set_config('role', 'omnihub_app', true)";
const END: &str = "UPDATE omnihub.emergency_controls SET until = $2 WHERE id = $1";
const BEGIN: &str =
    "INSERT INTO omnihub.emergency_controls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)";

impl Postgres {
    pub(crate) async fn set_control(
        &self,
        change: SetControl,
        prepared: Prepared,
    ) -> Result<Gate, Error> {
        let mut conn = self.connection().await?;
        let chain = change.chain.clone();
        let mut tenant = self.lock_tenant(&mut conn, &chain, Some(LOCK)).await?;
        let now = Timestamp::now();
        evidence::write(&conn, &chain, (&mut tenant, now), prepared).await?;
        let mut stored = read(&conn).await?;
        let owner = match &change.tenant {
            Some(tenant) => Chain::Tenant(tenant.clone()),
            None => Chain::Installation,
        };
        let [name, end, begin, changed] = conn.prepare([NAME, END, BEGIN, CHANGED]).await?;
        conn.query(&name, [&owner.as_str()]).await?;
        for (id, control) in &mut stored {
            if change.replaces(control) {
                fault::hit("control.end");
                conn.execute(&end, [id, &now.as_microsecond()]).await?;
                // As exact as it is read.
                control.until = Some(time(now.as_microsecond()));
            }
        }
        if let Some(control) = change.begins(now.as_microsecond()) {
            let id = stored.last().map_or(1, |(id, _)| id + 1);
            fault::hit("control.set");
            insert(&conn, &begin, id, &control).await?;
            stored.push((id, control));
        }
        let generation = generation(&conn.query(&changed, []).await?)?;
        conn.query(&name, [&chain.as_str()]).await?;
        self.save_tenant(conn, &tenant).await?;
        // As it was written: what is answered does not stand on reading it anew.
        let gate = gate(generation, stored);
        show(self, &gate, None);
        if let Some(hints) = self.hints() {
            hints.say(Hint::controls(gate.generation()));
        }
        Ok(gate)
    }
}

async fn insert(
    conn: &Connection,
    statement: &tokio_postgres::Statement,
    id: i64,
    control: &Control,
) -> Result<(), Error> {
    let tenant = control.tenant.as_ref().map(|tenant| tenant.as_str());
    let values: [&(dyn ToSql + Sync); 8] = [
        &id,
        &tenant,
        &scope_name(control.scope),
        &control.target,
        &mode_name(control.mode),
        &control.reason,
        &control.set_by.as_str(),
        &control.since.as_microsecond(),
    ];
    conn.execute(statement, values).await?;
    Ok(())
}

/// The generation in the answer to [`GENERATION`].
pub(super) fn generation(rows: &[Row]) -> Result<i64, Error> {
    let row = rows.first();
    let row = row.ok_or_else(|| Damage::row("gate", 1, "it is missing"))?;
    Ok(row.try_get(0)?)
}

impl Postgres {
    pub(crate) async fn look_at_controls(&self) -> Result<Gate, Error> {
        refresh(self).await
    }
}

/// Reads the controls anew, and shows them to whoever follows them.
pub(super) async fn refresh(store: &Postgres) -> Result<Gate, Error> {
    let asked = store.inner.shown.load(Ordering::SeqCst);
    let gate = read_gate(&store.inner.pool).await?;
    show(store, &gate, Some(asked));
    Ok(gate)
}

/// Shows the controls to whoever follows them, unless newer ones are shown. Older ones are shown as well where nothing was
/// shown since they were asked for: then the database went back, by whatever means, and there are no newer ones.
/// `asked`: how often controls had been shown then; `None`: they were not read.
fn show(store: &Postgres, gate: &Gate, asked: Option<u64>) {
    let times = &store.inner.shown;
    store.inner.shared.gate.send_if_modified(|shown| {
        let went_back = asked == Some(times.load(Ordering::SeqCst));
        let news = match gate.generation().cmp(&shown.generation()) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => went_back,
            std::cmp::Ordering::Equal => false,
        };
        if news {
            *shown = gate.clone();
            times.fetch_add(1, Ordering::SeqCst);
        }
        news
    });
}

/// Reads the controls as the database has them.
pub(super) async fn read_gate(pool: &Pool) -> Result<Gate, Error> {
    let (generation, controls) = look(pool).await?;
    Ok(gate(generation, controls))
}

fn gate(generation: i64, controls: Vec<(i64, Control)>) -> Gate {
    let controls = controls.into_iter().map(|(_, control)| control).collect();
    Gate::new(u64::try_from(generation).unwrap_or(0), controls)
}

/// Reads every tenant's controls within a transaction that works for one of them.
async fn read(conn: &Connection) -> Result<Vec<(i64, Control)>, Error> {
    let [as_driver, read, as_app] = conn.prepare([AS_DRIVER, READ, AS_APP]).await?;
    let (_, rows, _) = tokio::try_join!(
        biased;
        conn.query(&as_driver, []),
        conn.query(&read, []),
        conn.query(&as_app, [])
    )?;
    rows.iter().map(parse).collect()
}

async fn look(pool: &Pool) -> Result<(i64, Vec<(i64, Control)>), Error> {
    let mut conn = Connection::take(pool).await?;
    let setup = conn.transaction().await?;
    let [generation, read] = conn.prepare([GENERATION, READ]).await?;
    // The generation first: controls that are newer than it says are looked at again.
    let (_, generation, rows, _) = tokio::try_join!(
        biased;
        conn.begin(&setup, As::Driver),
        conn.query(&generation, []),
        conn.query(&read, []),
        conn.batch("COMMIT")
    )?;
    conn.ended();
    let controls = rows.iter().map(parse).collect::<Result<_, _>>()?;
    Ok((self::generation(&generation)?, controls))
}

fn parse(row: &Row) -> Result<(i64, Control), Error> {
    let id: i64 = row.try_get(0)?;
    let columns = Columns {
        tenant: row.try_get(1)?,
        scope: row.try_get(2)?,
        target: row.try_get(3)?,
        mode: row.try_get(4)?,
        reason: row.try_get(5)?,
        set_by: row.try_get(6)?,
        since: row.try_get(7)?,
        until: row.try_get(8)?,
    };
    let control = columns.control();
    let control =
        control.ok_or_else(|| Damage::row("emergency_controls", id, "it cannot be read"))?;
    Ok((id, control))
}
