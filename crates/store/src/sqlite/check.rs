//! Checking the store: what is cheap at every start, everything when a person asks for it.

use std::path::Path;

use domain::id::TenantId;
use rusqlite::Connection;

use super::approvals::{self, APPROVALS};
use super::evidence::checkpoint::file;
use super::evidence::{self, verify};
use super::goals::{self, GOALS, Record};
use super::journal::{self, JOURNAL};
use super::table::TABLES;
use super::tenants::TENANTS;
use super::{DATABASE, connection, installation, schema};
use crate::error::{Damage, Error};
use crate::gate::Gate;
use crate::numbers;
use crate::shared::Shared;

/// Rows at the end of the journal that every start reads: what the last group before a crash can have held.
const TAIL_ROWS: i64 = 512;

/// Checks what is cheap: the journal's tail, the rows of open goals, where the chains end, and that the newest signed
/// checkpoints are held.
pub(crate) fn quick(conn: &Connection, dir: &Path) -> Result<(), Error> {
    let mut statement = conn.prepare("SELECT * FROM journal ORDER BY id DESC LIMIT ?1")?;
    let mut rows = statement.query([TAIL_ROWS])?;
    while let Some(row) = rows.next()? {
        JOURNAL.check(row)?;
    }
    let open = "SELECT * FROM goals INDEXED BY goals_open WHERE finished_at IS NULL";
    let mut statement = conn.prepare(open)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        GOALS.check(row)?;
    }
    let mut statement = conn.prepare("SELECT * FROM tenants")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        TENANTS.check(row)?;
        evidence::head(conn, row.get(0)?)?;
    }
    match file::damages(conn, dir)?.into_iter().next() {
        Some((_, damage)) => Err(damage.into()),
        None => Ok(()),
    }
}

/// Reads everything in a data directory and names each damage; a server may be running. Blocks, for long on a large one.
///
/// # Errors
/// [`Error`] where the directory holds no store that can be read at all.
pub fn check_full(dir: &Path) -> Result<Vec<Damage>, Error> {
    let path = dir.join(DATABASE);
    let conn = connection::open_reader(&path)?;
    schema::check_version(&conn, &path)?;
    let mut damages = integrity(&conn)?;
    for table in TABLES {
        let mut statement = conn.prepare(&format!("SELECT * FROM {}", table.name))?;
        let mut rows = statement.query([])?;
        collect(&mut damages, || {
            while let Some(row) = rows.next()? {
                if let Err(Error::Damaged(damage)) = table.check(row) {
                    return Ok(Some(damage));
                }
            }
            Ok(None)
        })?;
    }
    let installation = installation::read(&conn, dir)?;
    all_goals(
        &conn,
        &Shared::new(dir, installation, Gate::default()),
        &mut damages,
    )?;
    damages.extend(ownerless(&conn)?);
    damages.extend(verify::damages(&conn, dir)?);
    damages.dedup();
    Ok(damages)
}

/// Calls until nothing more is found.
fn collect(
    damages: &mut Vec<Damage>,
    mut next: impl FnMut() -> Result<Option<Damage>, Error>,
) -> Result<(), Error> {
    loop {
        match next() {
            Ok(Some(damage)) => damages.push(damage),
            Ok(None) => return Ok(()),
            // A page that SQLite itself cannot read ends the table.
            Err(Error::Damaged(damage)) => {
                damages.push(damage);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// What SQLite itself finds: pages, indexes, types.
fn integrity(conn: &Connection) -> Result<Vec<Damage>, Error> {
    let mut statement = conn.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    let mut damages = Vec::new();
    collect(&mut damages, || {
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let text: String = row.get(0)?;
        Ok((text != "ok").then(|| Damage::row(DATABASE, "", text)))
    })?;
    Ok(damages)
}

/// Rebuilds every goal from its journal and compares it with its row.
fn all_goals(conn: &Connection, shared: &Shared, damages: &mut Vec<Damage>) -> Result<(), Error> {
    let mut statement = conn.prepare("SELECT * FROM goals ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut tenant: Option<(i64, TenantId)> = None;
    let mut told = 0;
    collect(damages, || {
        while let Some(row) = rows.next()? {
            let number = numbers::tenant_of(row.get(0)?);
            let named = match tenant.take() {
                Some((known, named)) if known == number => named,
                _ => goals::named(conn, number)?,
            };
            let damage = goal(conn, shared, Record::read(row, &named));
            tenant = Some((number, named));
            match damage {
                Ok(approvals) => told += approvals,
                Err(Error::Damaged(damage)) => return Ok(Some(damage)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    })?;
    let found: i64 = conn.query_row("SELECT count(*) FROM approvals", [], |row| row.get(0))?;
    if damages.is_empty() && u64::try_from(found) != Ok(told) {
        let reason = format!("there are {found}, and the journal tells of {told}");
        damages.push(Damage::row(APPROVALS.name, "", reason));
    }
    Ok(())
}

/// Makes sure that a goal follows from its journal; returns how many approvals that tells of.
fn goal(conn: &Connection, shared: &Shared, record: Result<Record, Error>) -> Result<u64, Error> {
    let record = record?;
    let saga = journal::saga(conn, shared, &record)?;
    let owner = saga.acceptance().map(|acceptance| &acceptance.owner);
    let follows = saga.sequence() == record.sequence
        && saga.status() == record.status
        && saga.status().is_end() == record.finished_at.is_some()
        && owner == Some(&record.owner);
    if !follows {
        return Err(
            Damage::row(GOALS.name, record.id, "it does not follow from its journal").into(),
        );
    }
    approvals::check(conn, shared, &record)
}

/// Names events whose goal is gone.
fn ownerless(conn: &Connection) -> Result<Vec<Damage>, Error> {
    let sql = "SELECT min(id), goal FROM journal WHERE NOT EXISTS (SELECT 1 FROM goals WHERE goals.id = journal.goal)
        GROUP BY goal";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut damages = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, goal): (i64, i64) = (row.get(0)?, row.get(1)?);
        damages.push(Damage::row(
            JOURNAL.name,
            id,
            format!("its goal {goal} is missing"),
        ));
    }
    Ok(damages)
}
