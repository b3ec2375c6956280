//! Opening a database: connections as they have to be, and the registration compared with what is there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file::OpenedFile;
use super::table::Table;
use super::worker::Pool;
use super::{DatabaseConfig, Lack, inspect, prepare, registration};

/// Connections that read, for each database: as many as small machines have cores.
const READERS: usize = 2;
/// Longest wait for somebody else's lock while opening.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// SQL texts kept prepared per connection: a few for each table of a large registration.
const STATEMENTS_KEPT: usize = 128;

/// A registration that the database does not bear out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct OpenError {
    /// The setting it is about, such as `databases.shop.tables.orders.key`.
    pub setting: String,
    /// What is wrong with it.
    pub reason: String,
}

impl OpenError {
    pub(super) fn database(database: &str, setting: &str, reason: impl Into<String>) -> Self {
        let name = key(database);
        let reason = format!("database {database:?}: {}", reason.into());
        Self {
            setting: format!("databases.{name}{setting}"),
            reason,
        }
    }

    pub(super) fn table(
        database: &str,
        table: &str,
        setting: &str,
        reason: impl Into<String>,
    ) -> Self {
        let reason = format!("table {table:?}: {}", reason.into());
        Self::database(
            database,
            &format!(".tables.{}{setting}", key(table)),
            reason,
        )
    }
}

/// A key as TOML writes it.
fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// An open database.
pub(super) struct Opened {
    pub(super) tables: Vec<Table>,
    pub(super) readers: Pool,
    pub(super) writer: Option<Pool>,
    /// `None`: it can take every write that its registration allows.
    pub(super) lack: Option<Lack>,
}

/// Opens one database.
pub(super) fn open(name: &str, config: &DatabaseConfig) -> Result<Opened, OpenError> {
    let fail = |reason: String| OpenError::database(name, ".url", reason);
    let Some(path) = config.sqlite_path() else {
        return Err(fail(match config.url.split_once(':') {
            Some((scheme @ ("postgres" | "postgresql"), _)) => {
                format!(
                    "{scheme}:// is not supported by this build yet; connect a SQLite file (\"sqlite:shop.db\")"
                )
            }
            _ => "the address must be \"sqlite:\" and the path of a database file".to_owned(),
        }));
    };
    if !path.is_file() {
        return Err(fail(format!(
            "there is no file {}; a database is never created: make it, or mend the path",
            path.display()
        )));
    }
    let file = OpenedFile::at(&path)
        .map_err(|error| fail(format!("{} cannot be used: {error}", path.display())))?;
    let file = Arc::new(file);
    let writer = connect(&path).map_err(|error| fail(said(&path, &error)))?;
    let found = inspect::tables(&writer).map_err(|error| fail(said(&path, &error)))?;
    let tables = config
        .tables
        .iter()
        .map(|table| registration::compare(name, config, table, &found));
    let tables = tables.collect::<Result<Vec<_>, _>>()?;
    let writable = tables
        .iter()
        .any(|table| table.insert || table.delete || table.updatable().next().is_some());
    let lack = match writable {
        true => prepare::lack(config, &writer, path.clone())
            .map_err(|error| OpenError::database(name, ".effects_table", error))?,
        false => None,
    };
    let readers = (0..READERS).map(|_| {
        let connection = connect(&path)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    });
    let readers = readers
        .collect::<rusqlite::Result<Vec<_>>>()
        .map_err(|error| fail(said(&path, &error)))?;
    let thread = |error: std::io::Error| fail(format!("its threads could not be started: {error}"));
    let writer = writable
        .then(|| Pool::writer(name, writer, &file))
        .transpose()
        .map_err(thread)?;
    Ok(Opened {
        tables,
        readers: Pool::readers(name, readers, &file).map_err(thread)?,
        writer,
        lack,
    })
}

pub(super) fn said(path: &Path, error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "; end what holds its lock, then start again"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; let this user read and write it and its folder"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "; name a SQLite database, or bring it back from a copy"
        }
        _ => "",
    };
    format!("{} cannot be used: {error}{remedy}", path.display())
}

/// A connection on which a commit is on the disk when it returns.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // EXTRA is FULL and, without WAL, a sync of the folder too: else a power cut could bring the rollback journal back
    // and undo what was answered.
    for (pragma, value) in [("synchronous", 3), ("foreign_keys", 1)] {
        connection.pragma_update(None, pragma, value)?;
        let taken: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        if taken != value {
            return Err(rusqlite::Error::InvalidParameterName(format!(
                "PRAGMA {pragma} stays {taken}"
            )));
        }
    }
    Ok(connection)
}
