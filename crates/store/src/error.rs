//! What can go wrong with facts at rest, as one error for the whole crate.
//!
//! An error here means that the store failed, never that a goal's tool did. Whoever gets [`Error::Damaged`] stops that
//! one goal; nothing is ever repaired by guessing.

use std::fmt;
use std::path::PathBuf;

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data directory.
    #[error("data directory {path} is in use by process {pid}")]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, as far as it said.
        pid: String,
    },
    /// The store was written by a later version of this program.
    #[error("store {path} has version {found}; this program knows versions up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The file belongs to another program.
    #[error("{path} is not a store of OmniHub")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A migration that the store went through is not the one that this program has.
    #[error("migration {version} of the store differs from the one that this program has")]
    Migration {
        /// Its number.
        version: i64,
    },
    /// SQLite did not take a setting that durability stands on.
    #[error("sqlite setting {name} is {found}, not {expected}")]
    Pragma {
        /// The setting.
        name: &'static str,
        /// What SQLite says it is.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// Something that was written is not what is read.
    #[error("damaged: {0}")]
    Damaged(Damage),
    /// A key file is missing, malformed or of another installation.
    #[error("key file {path}: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Evidence has no canonical form; the act that it describes is refused.
    #[error("evidence cannot be sealed")]
    Seal(#[from] audit::SealError),
    /// Something is where a new folder was to be made.
    #[error("{path} is there already; name a folder that is not, or an empty one")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The goals of this data directory are elsewhere now.
    #[error(
        "the goals of {dir} were moved to {to}: set store.url (DATABASE_URL) to go on with them; they get to another \
         store by `omnihub backup` there and `omnihub restore`, which puts them on hold"
    )]
    Moved {
        /// The directory.
        dir: PathBuf,
        /// Where to.
        to: String,
    },
    /// A store is where one was to be moved to.
    #[error("the database holds a store already")]
    NotEmpty,
    /// A backup was restored to a data directory, and could not be moved from there.
    #[error(
        "the backup is restored in {dir} and could not be moved into the database: \
         `omnihub migrate --from sqlite --to postgres` goes on from there"
    )]
    Unmoved {
        /// The data directory.
        dir: PathBuf,
        /// Why it could not be moved.
        source: Box<Error>,
    },
    /// Everything was moved to the database, and something failed after that.
    #[error(
        "everything was moved to {to}, and whether it is there as it was written is not known: `omnihub doctor --full` \
         tells; only where it finds no store there, `omnihub migrate --from sqlite --to postgres` moves it again"
    )]
    Unverified {
        /// Where to.
        to: String,
        /// What failed.
        source: Box<Error>,
    },
    /// The data directory holds a store that was sealed for a move of which nobody learnt the end, and the database none.
    #[error(
        "{dir} was sealed to be moved to {to}, and this database holds no store: unless that one does, \
         `omnihub migrate --from sqlite --to postgres` goes on with the move, to here"
    )]
    MoveCut {
        /// The data directory.
        dir: PathBuf,
        /// Where to it was to be moved.
        to: String,
    },
    /// The data directory holds a store of its own, and the database none.
    #[error(
        "{dir} holds a store on SQLite and the database holds none: `omnihub migrate --from sqlite --to postgres` moves \
         it there; a new store needs another data directory"
    )]
    NotMoved {
        /// The data directory.
        dir: PathBuf,
    },
    /// A backup is not what was written.
    #[error("backup {path}: {reason}")]
    Backup {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something given to the store has no serialised form.
    #[error("{0} cannot be written as JSON")]
    Unwritable(&'static str),
    /// The disk is full; nothing of the request was kept.
    #[error("no space left in the data directory")]
    NoSpace,
    /// A proof-only setting without the marker file that allows it.
    #[error("{setting} breaks a guarantee on purpose and needs the file {marker}")]
    ProofOnly {
        /// The setting.
        setting: &'static str,
        /// The file that has to be there.
        marker: PathBuf,
    },
    /// More tenants than row numbers allow.
    #[error("the store has its limit of {0} tenants")]
    TooManyTenants(i64),
    /// SQLite gave up the transaction of the whole group for one of its requests; nothing of it was kept.
    #[error("sqlite gave up the transaction")]
    GivenUp,
    /// A request was lost with others, or in a way it never should be; nothing of it was kept.
    #[error("nothing was written or read: {0}")]
    Lost(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database holds another store than was opened: it was restored, or made anew. Nothing is written to it.
    #[error(
        "the database holds another store than the one that was opened, which was restored or made anew: start again"
    )]
    Restored,
    /// The URL of the database says nothing that can be connected to.
    #[error("the URL of the database cannot be read: {0}")]
    Url(String),
    /// The URL of Redis says nothing that can be connected to.
    #[error("the URL of Redis cannot be read: {0}")]
    RedisUrl(String),
    /// Redis cannot be used. No store needs it.
    #[error("Redis cannot be used: {0}")]
    Redis(String),
    /// The database server cannot be reached.
    #[error("the database server cannot be reached: {0}")]
    Unreachable(String),
    /// The database server refused for want of a privilege.
    #[error(
        "a privilege is missing: {0}; connect once as a role that may create schemas and roles, or grant this one \
         omnihub_app and omnihub_driver"
    )]
    Privilege(String),
    /// The database server has a setting that a guarantee does not stand on.
    #[error("postgres setting {name} is {found}, not {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The database holds no store.
    #[error("the database has no schema omnihub: it holds no store of OmniHub")]
    NoSchema,
    /// The schema in the database is of a later version of this program.
    #[error("the schema omnihub has version {found}; this program knows versions up to {known}")]
    NewerSchema {
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// Postgres failed in another way.
    #[error("postgres failed")]
    Postgres(#[source] tokio_postgres::Error),
    /// SQLite failed in another way.
    #[error("sqlite failed")]
    Sqlite(#[source] rusqlite::Error),
}

/// One place where the store is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The table, or the file where no table can be named.
    pub table: String,
    /// The row's number, or the place in the file; empty: the whole.
    pub row: String,
    /// What is wrong.
    pub reason: String,
}

impl Damage {
    /// A row that is not what was written.
    pub(crate) fn row(table: &str, row: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self {
            table: table.to_owned(),
            row: row.to_string(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row.as_str() {
            "" => write!(f, "{}: {}", self.table, self.reason),
            row => write!(f, "{} {row}: {}", self.table, self.reason),
        }
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        match error.sqlite_error_code() {
            Some(DiskFull) => Self::NoSpace,
            Some(DatabaseCorrupt | NotADatabase) => Damage {
                table: crate::sqlite::DATABASE.to_owned(),
                row: String::new(),
                reason: error.to_string(),
            }
            .into(),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        if error.is_closed() {
            return Self::Unreachable("the connection was closed".to_owned());
        }
        match error.as_db_error() {
            Some(refused) => match *refused.code() {
                SqlState::DISK_FULL => Self::NoSpace,
                SqlState::INSUFFICIENT_PRIVILEGE => Self::Privilege(refused.message().to_owned()),
                // The server is being stopped, started, or has no room for a connection.
                SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN
                | SqlState::CANNOT_CONNECT_NOW
                | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                | SqlState::TOO_MANY_CONNECTIONS => Self::Unreachable(refused.message().to_owned()),
                _ => Self::Postgres(error),
            },
            None => match std::error::Error::source(&error) {
                Some(source) if source.is::<std::io::Error>() => {
                    Self::Unreachable(source.to_string())
                }
                _ => Self::Postgres(error),
            },
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            error => Self::Unreachable(error.to_string()),
        }
    }
}

/// The same error once more, for everybody whose request shared its fate.
pub(crate) fn again(error: &Error) -> Error {
    match error {
        Error::NoSpace => Error::NoSpace,
        Error::GivenUp => Error::GivenUp,
        Error::Restored => Error::Restored,
        Error::Damaged(damage) => Error::Damaged(damage.clone()),
        Error::Unreachable(reason) => Error::Unreachable(reason.clone()),
        Error::Privilege(reason) => Error::Privilege(reason.clone()),
        Error::Sqlite(rusqlite::Error::SqliteFailure(code, text)) => {
            Error::Sqlite(rusqlite::Error::SqliteFailure(*code, text.clone()))
        }
        error => Error::Lost(with_source(error)),
    }
}

/// An error in one line, with what it came from.
pub(crate) fn with_source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// How a request to write fails.
pub(crate) trait Failure: From<Error> + Send + 'static {
    /// The store's own error, where it is one.
    fn of_store(&self) -> Option<&Error>;
}

impl Failure for Error {
    fn of_store(&self) -> Option<&Error> {
        Some(self)
    }
}

impl Error {
    /// Makes the error of a failed file operation.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
