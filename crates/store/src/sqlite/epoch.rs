//! Epochs: the lives of a store. A restored store is older than the world, so it begins a new one.

use rusqlite::Connection;

use crate::error::Error;
use crate::sqlite::table::{Table, integer, text};

/// The table of epochs.
pub(crate) const EPOCHS: Table = Table {
    name: "epochs",
    insert: "INSERT INTO epochs VALUES (?1, ?2, ?3, ?4)",
};

/// The cause of the first epoch.
const FOUNDED: &str = "founded";

/// Reads the epoch of a store; 0: none has begun.
pub(crate) fn read(conn: &Connection) -> Result<i64, Error> {
    let mut statement = conn.prepare("SELECT * FROM epochs ORDER BY number DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(0);
    };
    EPOCHS.check(row)?;
    Ok(row.get(0)?)
}

/// Why the newest epoch began; `None`: none has begun.
pub(crate) fn cause(conn: &Connection) -> Result<Option<String>, Error> {
    let mut statement = conn.prepare("SELECT * FROM epochs ORDER BY number DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    EPOCHS.check(row)?;
    Ok(Some(row.get(2)?))
}

/// Reads the epoch of a store, or begins the first.
pub(crate) fn read_or_found(conn: &Connection, now: i64) -> Result<i64, Error> {
    match read(conn)? {
        0 => begin(conn, now, FOUNDED),
        epoch => Ok(epoch),
    }
}

/// Begins the next epoch and returns its number.
pub(crate) fn begin(conn: &Connection, now: i64, cause: &str) -> Result<i64, Error> {
    let number = read(conn)? + 1;
    EPOCHS.insert(conn, &[integer(number), integer(now), text(cause)])?;
    Ok(number)
}
