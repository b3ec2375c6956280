//! Verifying the evidence of a data directory.

use std::path::Path;

use audit::{Fault, Report, VerifierKey};
use rusqlite::Connection;

use super::checkpoint::{file as held_files, stored};
use super::{CHAINS, read, stored_head};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::checkpoint::file;
use crate::evidence::verify::{
    CHECKPOINTS_MAX, Held, PIECE_ROWS, Unproven, Verified, VerifyOptions, Walk,
};
use crate::numbers::{Range, SERIAL_BITS, serial};
use crate::sqlite::tenants::TENANTS;
use crate::sqlite::{DATABASE, connection, installation, schema};

/// Returns the public key that a data directory's checkpoints are signed by. Blocks.
///
/// # Errors
/// [`Error`] where the directory holds no store that can be read.
pub fn verifier_key(dir: &Path) -> Result<VerifierKey, Error> {
    let path = dir.join(DATABASE);
    let conn = connection::open_reader(&path)?;
    schema::check_version(&conn, &path)?;
    Ok(installation::public(&conn, dir)?.1)
}

/// Verifies the evidence of a data directory; a server may be writing to it. Blocks.
///
/// # Errors
/// [`Error`] where the directory holds no store that can be read; what is wrong with the evidence is in the answer.
pub fn verify(dir: &Path, options: &VerifyOptions) -> Result<Vec<Verified>, Error> {
    let path = dir.join(DATABASE);
    let conn = connection::open_reader(&path)?;
    schema::check_version(&conn, &path)?;
    let (installation, own_key) = installation::public(&conn, dir)?;
    let mut verified = Vec::new();
    if let Some(orphan) = orphans(&conn)?.into_iter().next() {
        return Err(orphan.into());
    }
    let mut unheld = held_files::damages(&conn, dir)?;
    for (number, chain) in chains(&conn)? {
        if options.chain.as_ref().is_some_and(|only| *only != chain) {
            continue;
        }
        let held = Held {
            chain: &chain,
            installation: &installation,
            own_key: &own_key,
            newest: file::read(dir, &chain)?,
        };
        unheld.retain(|(of, _)| *of != chain);
        let result = match held_chain(&conn, number, &held, options) {
            Ok(result) => result,
            Err(Error::Damaged(damage)) => Err(Unproven::Damaged(damage)),
            Err(error) => return Err(error),
        };
        verified.push(Verified { chain, result });
    }
    // A chain that only a checkpoint's file speaks of.
    unheld.retain(|(of, _)| options.chain.as_ref().is_none_or(|only| only == of));
    verified.extend(unheld.into_iter().map(|(chain, damage)| Verified {
        chain,
        result: Err(Unproven::Damaged(damage)),
    }));
    Ok(verified)
}

/// Verifies a connection's evidence against itself alone.
pub(crate) fn damages(conn: &Connection, dir: &Path) -> Result<Vec<Damage>, Error> {
    let (installation, own_key) = installation::public(conn, dir)?;
    let mut damages = orphans(conn)?;
    damages.extend(
        held_files::damages(conn, dir)?
            .into_iter()
            .map(|(_, damage)| damage),
    );
    for (number, chain) in chains(conn)? {
        let held = Held {
            chain: &chain,
            installation: &installation,
            own_key: &own_key,
            newest: None,
        };
        match held_chain(conn, number, &held, &VerifyOptions::default()) {
            Ok(Ok(_)) => {}
            Ok(Err(unproven)) => damages.push(Damage::row(
                "audit",
                format!("of {chain}"),
                unproven.to_string(),
            )),
            Err(Error::Damaged(damage)) => damages.push(damage),
            Err(error) => return Err(error),
        }
    }
    Ok(damages)
}

/// Every chain of a store, with the number of its tenant.
pub(crate) fn chains(conn: &Connection) -> Result<Vec<(i64, Chain)>, Error> {
    let mut statement = conn.prepare("SELECT * FROM tenants ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut chains = Vec::new();
    while let Some(row) = rows.next()? {
        TENANTS.check(row)?;
        let number = row.get(0)?;
        let chain = Chain::parse(&row.get::<_, String>(1)?);
        chains.push((
            number,
            chain.ok_or_else(|| Damage::row(TENANTS.name, number, "its name cannot be read"))?,
        ));
    }
    Ok(chains)
}

/// Names the tables that hold rows of a tenant that the store does not have.
fn orphans(conn: &Connection) -> Result<Vec<Damage>, Error> {
    let known: Vec<i64> = chains(conn)?
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let mut damages = Vec::new();
    for (table, key, shift) in [
        ("goals", "id", SERIAL_BITS),
        ("audit", "id", SERIAL_BITS),
        ("checkpoints", "id", SERIAL_BITS),
        ("chains", "tenant", 0),
    ] {
        let sql = format!("SELECT min({key}) FROM {table} WHERE {key} >= ?1");
        let mut statement = conn.prepare(&sql)?;
        let mut next = 0;
        // From tenant to tenant, whatever their rows.
        while let Some(row) =
            statement.query_row([next << shift], |row| row.get::<_, Option<i64>>(0))?
        {
            let number = row >> shift;
            if !known.contains(&number) {
                damages.push(Damage::row(
                    table,
                    row,
                    "it is of a tenant that the store does not have",
                ));
            }
            next = number + 1;
        }
    }
    Ok(damages)
}

/// Whether there are entries past the end of their chain.
fn beyond(conn: &Connection, tenant: i64, size: u64) -> Result<bool, Error> {
    let rows = Range::of(tenant);
    let sql = "SELECT 1 FROM audit WHERE id >= ?1 AND id <= ?2";
    Ok(conn.prepare(sql)?.exists([rows.at(size), rows.last])?)
}

/// Verifies one chain.
fn held_chain(
    conn: &Connection,
    number: i64,
    held: &Held<'_>,
    options: &VerifyOptions,
) -> Result<Result<Report, Unproven>, Error> {
    // Of one moment, so that a server that writes meanwhile makes no difference.
    let moment = conn.unchecked_transaction()?;
    let size = stored_head(conn, number)?.map_or(0, |head| head.next_index());
    let notes = stored(conn, number, CHECKPOINTS_MAX)?;
    if beyond(conn, number, size)? {
        let reason = "it ends before the entries do";
        let damage = Damage::row(CHAINS.name, number, reason);
        return Ok(Err(Unproven::Damaged(damage)));
    }
    moment.commit()?;
    let mut walk = match held.walk(size, notes, options) {
        Ok(walk) => walk,
        Err(unproven) => return Ok(Err(unproven)),
    };
    while walk.next < size {
        if let Err(fault) = piece(conn, number, &mut walk)? {
            return Ok(Err(Unproven::Fault(fault)));
        }
    }
    Ok(walk.finish())
}

/// Feeds some rows to the verifier.
fn piece(conn: &Connection, number: i64, walk: &mut Walk<'_>) -> Result<Result<(), Fault>, Error> {
    let rows = Range::of(number);
    let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let mut found = statement.query((rows.at(walk.next), rows.at(walk.size), PIECE_ROWS))?;
    let mut taken = 0;
    while let Some(row) = found.next()? {
        taken += 1;
        if let Err(fault) = walk.feed(serial(row.get(0)?), read(row))? {
            return Ok(Err(fault));
        }
    }
    if taken < PIECE_ROWS {
        walk.next = walk.size;
    }
    Ok(Ok(()))
}
