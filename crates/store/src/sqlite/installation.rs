//! The installation in SQLite.

use std::path::Path;

use audit::VerifierKey;
use jiff::Timestamp;
use rusqlite::Connection;

use super::epoch;
use super::table::{Table, blob, integer, text};
use crate::error::Error;
use crate::installation::{self, Installation, Stored};

/// The table, of one row.
pub(crate) const INSTALLATION: Table = Table {
    name: installation::TABLE,
    insert: "INSERT INTO installation VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};

/// Reads the installation, or founds it where the store is new.
pub(crate) fn open(conn: &Connection, dir: &Path) -> Result<Installation, Error> {
    let now = Timestamp::now().as_microsecond();
    let stored = match stored(conn)? {
        Some(stored) => stored,
        None => found(conn, dir, now)?,
    };
    stored.with_keys(dir, epoch::read_or_found(conn, now)?)
}

/// Reads the installation of a store that another process may have open.
pub(crate) fn read(conn: &Connection, dir: &Path) -> Result<Installation, Error> {
    existing(conn, dir)?.with_keys(dir, epoch::read(conn)?)
}

/// Returns the installation's name and public key without touching its private keys.
pub(crate) fn public(conn: &Connection, dir: &Path) -> Result<(String, VerifierKey), Error> {
    let stored = existing(conn, dir)?;
    let key = stored.key()?;
    Ok((stored.name, key))
}

fn found(conn: &Connection, dir: &Path, now: i64) -> Result<Stored, Error> {
    let stored = Stored::found(dir)?;
    let row = [
        integer(1),
        text(&stored.name),
        integer(now),
        blob(&stored.proof),
        text(&stored.verifier_key),
    ];
    INSTALLATION.insert(conn, &row)?;
    Ok(stored)
}

fn existing(conn: &Connection, dir: &Path) -> Result<Stored, Error> {
    stored(conn)?.ok_or_else(|| Error::Foreign {
        path: dir.to_owned(),
    })
}

fn stored(conn: &Connection) -> Result<Option<Stored>, Error> {
    let mut statement = conn.prepare("SELECT * FROM installation")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    INSTALLATION.check(row)?;
    Ok(Some(Stored {
        name: row.get(1)?,
        proof: row.get(3)?,
        verifier_key: row.get(4)?,
    }))
}
