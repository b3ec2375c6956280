//! Connections to the database, with settings that are read back.
//!
//! SQLite takes a misspelt setting in silence, and durability stands on some of them: what it says afterwards counts.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Damage, Error};
use crate::sqlite::wal;

/// Bytes of a page; 4,096 wrote least per commit of one goal and as little as larger ones per full batch.
const PAGE_BYTES: i64 = 4_096;
/// KiB of the writer's page cache: the working set of a hundred thousand open goals.
const WRITER_CACHE_KIB: i64 = 32_768;
/// KiB of a reader's page cache.
const READER_CACHE_KIB: i64 = 4_096;
/// How long a connection waits for another's short lock; no lock here is held for long.
const BUSY: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS_MAX: usize = 128;
/// Bytes of a database's header (SQLite file format §1.3).
const HEADER_BYTES: usize = 100;
/// How every database begins (SQLite file format §1.2).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Looks at the files before SQLite does.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    check_header(path)?;
    wal::check(&path.with_extension("db-wal"))
}

/// Opens a connection that writes; `durable` is off in proofs only.
pub(crate) fn open_writer(path: &Path, durable: bool) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    set(&conn, "page_size", PAGE_BYTES, PAGE_BYTES)?;
    set(&conn, "journal_mode", "WAL", "wal")?;
    match durable {
        true => set(&conn, "synchronous", "FULL", 2)?,
        false => set(&conn, "synchronous", "OFF", 0)?,
    }
    set(&conn, "foreign_keys", 1, 1)?;
    // The copier does that.
    set(&conn, "wal_autocheckpoint", 0, 0)?;
    set(&conn, "cache_size", -WRITER_CACHE_KIB, -WRITER_CACHE_KIB)?;
    // What is deleted or erased is overwritten where that costs no further page.
    set(&conn, "secure_delete", "FAST", 2)?;
    set(&conn, "trusted_schema", 0, 0)?;
    Ok(conn)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Error> {
    check_header(path)?;
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    set(&conn, "query_only", 1, 1)?;
    set(&conn, "cache_size", -READER_CACHE_KIB, -READER_CACHE_KIB)?;
    set(&conn, "trusted_schema", 0, 0)?;
    Ok(conn)
}

/// Makes a setting and reads it back.
fn set<V, E>(conn: &Connection, name: &'static str, value: V, expected: E) -> Result<(), Error>
where
    V: std::fmt::Display,
    E: std::fmt::Display,
{
    // Some answer with the new value, some with nothing.
    conn.prepare(&format!("PRAGMA {name} = {value}"))?
        .query([])?
        .next()?;
    let found = conn.query_row(&format!("PRAGMA {name}"), [], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
        })
    })?;
    let expected = expected.to_string();
    if found == expected {
        Ok(())
    } else {
        Err(Error::Pragma {
            name,
            found,
            expected,
        })
    }
}

/// Makes sure that a file that is there begins like a database and ends with a page.
fn check_header(path: &Path) -> Result<(), Error> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("open", path)(error)),
    };
    let size = file.metadata().map_err(Error::file("read", path))?.len();
    if size == 0 {
        return Ok(());
    }
    let name = path.display().to_string();
    let mut header = [0; HEADER_BYTES];
    if file.read_exact(&mut header).is_err() || !header.starts_with(MAGIC) {
        return Err(Damage::row(&name, "header", "it does not begin like a database").into());
    }
    // While the log holds pages, the file may rightly be shorter than it will be.
    let log = path.with_extension("db-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let expected = pages(&header) * PAGE_BYTES as u64;
    if size < expected {
        let reason = format!("it is cut short: {size} of {expected} bytes");
        return Err(Damage::row(&name, "", reason).into());
    }
    Ok(())
}

/// Reads how many pages the file has (SQLite file format §1.3.7).
fn pages(header: &[u8; HEADER_BYTES]) -> u64 {
    header
        .iter()
        .skip(28)
        .take(4)
        .fold(0, |pages, byte| (pages << 8) | u64::from(*byte))
}
