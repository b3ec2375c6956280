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

/// One life of a store.
pub(crate) struct Epoch {
    pub(crate) number: i64,
    pub(crate) since: i64,
    /// Why it began.
    pub(crate) cause: String,
}

/// Reads the newest epoch of a store; `None`: none has begun.
pub(crate) fn newest(conn: &Connection) -> Result<Option<Epoch>, Error> {
    let mut statement = conn.prepare("SELECT * FROM epochs ORDER BY number DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    EPOCHS.check(row)?;
    Ok(Some(Epoch {
        number: row.get(0)?,
        since: row.get(1)?,
        cause: row.get(2)?,
    }))
}

/// Reads the epoch of a store; 0: none has begun.
pub(crate) fn read(conn: &Connection) -> Result<i64, Error> {
    Ok(newest(conn)?.map_or(0, |epoch| epoch.number))
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
