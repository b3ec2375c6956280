//! Payloads in SQLite: a row of values beside each journal row that names some.

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{Damage, Error};
use crate::payloads::{Bodies, TABLE};

/// Reads the values of a journal row.
pub(crate) fn read(conn: &Connection, row: i64) -> Result<Bodies, Error> {
    let mut statement = conn.prepare_cached("SELECT bodies FROM payloads WHERE journal = ?1")?;
    let bytes = statement.query_row([row], |row| row.get(0)).optional()?;
    let bytes = bytes.ok_or_else(|| Damage::row(TABLE, row, "it is missing"))?;
    Ok(Bodies::new(row, bytes))
}

/// Writes the values of a journal row.
pub(crate) fn insert(conn: &Connection, row: i64, bodies: &[u8]) -> Result<(), Error> {
    conn.prepare_cached("INSERT INTO payloads VALUES (?1, ?2)")?
        .execute((row, bodies))?;
    Ok(())
}

/// Writes that the values of a journal row were erased.
pub(crate) fn insert_erased(conn: &Connection, row: i64) -> Result<(), Error> {
    conn.prepare_cached("INSERT INTO payloads VALUES (?1, NULL)")?
        .execute([row])?;
    Ok(())
}

/// Erases the values of a journal row.
pub(crate) fn erase(conn: &Connection, row: i64) -> Result<(), Error> {
    conn.prepare_cached("UPDATE payloads SET bodies = NULL WHERE journal = ?1")?
        .execute([row])?;
    Ok(())
}
