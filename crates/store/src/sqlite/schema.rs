//! The schema and its history: numbered migrations whose text is remembered by checksum.
//!
//! A store of a later version is refused, and so is one that went through another text under the same number, or whose
//! tables are not those that the migrations make.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use crate::error::{Damage, Error};
use crate::sqlite::table::{Table, blob, integer, text};

/// "OHub": tells a store from any other SQLite file.
const APPLICATION_ID: i64 = 0x4f48_7562;

/// The table of migrations, which makes itself.
pub(crate) const MIGRATIONS: Table = Table {
    name: "migrations",
    insert: "INSERT INTO migrations VALUES (?1, ?2, ?3, ?4, ?5)",
};

const MIGRATIONS_TABLE: &str = "CREATE TABLE migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    applied_at INTEGER NOT NULL,
    checksum BLOB NOT NULL
) STRICT";

/// Every migration, from version 1 on; only ever added to.
const HISTORY: [(&str, &str); 2] = [
    ("first", include_str!("schema/0001_first.sql")),
    ("epochs", include_str!("schema/0002_epochs.sql")),
];

/// The latest version known.
const KNOWN: i64 = HISTORY.len() as i64;

/// Brings a store to the latest version, or refuses it.
pub(crate) fn migrate(conn: &Connection, path: &Path) -> Result<(), Error> {
    migrate_to(conn, path, &HISTORY)?;
    check(conn)
}

fn migrate_to(conn: &Connection, path: &Path, history: &[(&str, &str)]) -> Result<(), Error> {
    let found = identify(conn, path, history.len() as i64)?;
    for (version, (name, sql)) in (1..).zip(history) {
        if version <= found {
            compare(conn, version, sql)?;
            continue;
        }
        conn.execute_batch("BEGIN IMMEDIATE")?;
        if version == 1 {
            conn.execute_batch(MIGRATIONS_TABLE)?;
            conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        conn.execute_batch(sql)?;
        let now = Timestamp::now().as_microsecond();
        MIGRATIONS.insert(
            conn,
            &[
                integer(version),
                text(name),
                blob(&Sha256::digest(sql)),
                integer(now),
            ],
        )?;
        conn.pragma_update(None, "user_version", version)?;
        conn.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// Returns the version of a store: 0 when it is new.
fn identify(conn: &Connection, path: &Path, known: i64) -> Result<i64, Error> {
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let objects: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application, version, objects) == (0, 0, 0) {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(Error::Foreign {
            path: path.to_owned(),
        });
    }
    if version > known {
        return Err(Error::Newer {
            path: path.to_owned(),
            found: version,
            known,
        });
    }
    Ok(version)
}

fn compare(conn: &Connection, version: i64, sql: &str) -> Result<(), Error> {
    let mut statement = conn.prepare("SELECT * FROM migrations WHERE version = ?1")?;
    let mut rows = statement.query([version])?;
    let Some(row) = rows.next()? else {
        return Err(Error::Migration { version });
    };
    MIGRATIONS.check(row)?;
    let stored: Vec<u8> = row.get(2)?;
    if stored == Sha256::digest(sql)[..] {
        Ok(())
    } else {
        Err(Error::Migration { version })
    }
}

/// Makes sure that the tables and indexes are those that the migrations make.
pub(crate) fn check(conn: &Connection) -> Result<(), Error> {
    let fresh = Connection::open_in_memory()?;
    migrate_to(&fresh, Path::new(":memory:"), &HISTORY)?;
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut expected = fresh.prepare(sql)?;
    let mut expected = expected.query([])?;
    while let Some(wanted) = expected.next()? {
        let (kind, name, sql): (String, String, String) =
            (wanted.get(0)?, wanted.get(1)?, wanted.get(2)?);
        let find = "SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2";
        let found: Option<String> = conn
            .query_row(find, [&kind, &name], |row| row.get(0))
            .optional()?;
        if found.as_ref() != Some(&sql) {
            let reason = if found.is_some() {
                "its definition was changed"
            } else {
                "it is missing"
            };
            return Err(Damage::row("schema", format!("{kind} {name}"), reason).into());
        }
    }
    Ok(())
}

/// Makes sure, without changing anything, that a store is of the version that this program knows.
pub(crate) fn check_version(conn: &Connection, path: &Path) -> Result<(), Error> {
    match identify(conn, path, KNOWN)? {
        0 => Err(Error::Foreign {
            path: path.to_owned(),
        }),
        KNOWN => check(conn),
        version => Err(Error::Migration { version }),
    }
}

#[cfg(test)]
mod tests;
