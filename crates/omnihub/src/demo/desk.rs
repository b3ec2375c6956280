//! The travel desk's folder: its database, its settings and its playbooks, all carried in the binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};

use super::services::Services;
use crate::lifeline;

const SQL: &str = include_str!("../../../../demo/travel.sql");
const SETTINGS: &str = include_str!("../../../../demo/omnihub.toml");
const PLAYBOOKS: [(&str, &str); 2] = [
    (
        "find_flights.yaml",
        include_str!("../../../../demo/playbooks/find_flights.yaml"),
    ),
    (
        "book_flight.yaml",
        include_str!("../../../../demo/playbooks/book_flight.yaml"),
    ),
];

/// The addresses that the files name, to be put where the services really are.
const PAYMENTS: &str = "127.0.0.1:9101";
const AIRLINE: &str = "127.0.0.1:9102";

/// A travel desk in a folder of its own.
#[derive(Debug)]
pub(crate) struct Desk {
    folder: PathBuf,
}

/// A seat as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Its name on the flight.
    pub seat: String,
    /// `free` or `reserved`.
    pub status: String,
    /// Who has it.
    pub passenger: Option<String>,
}

impl Desk {
    /// Writes the desk's files into an empty folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn lay_out(folder: &Path, services: &Services) -> Result<Self> {
        let desk = Self {
            folder: folder.to_owned(),
        };
        lifeline::mark(folder)?;
        let database = Connection::open(desk.database_path()).context("the desk's database")?;
        database.execute_batch(SQL).context("the desk's database")?;
        fs::create_dir(folder.join("playbooks"))?;
        for (name, text) in PLAYBOOKS {
            fs::write(folder.join("playbooks").join(name), placed(text, services))?;
        }
        fs::write(desk.settings(), placed(SETTINGS, services))?;
        Ok(desk)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.join("omnihub.toml")
    }

    /// Its server's data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("omnihub-data")
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The seats of a flight.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn seats(&self, flight: &str) -> Result<Vec<Seat>> {
        let database = self.database()?;
        let mut statement = database
            .prepare("SELECT seat, status, passenger FROM seats WHERE flight = ?1 ORDER BY seat")?;
        let seats = statement.query_map([flight], |row| {
            Ok(Seat {
                seat: row.get(0)?,
                status: row.get(1)?,
                passenger: row.get(2)?,
            })
        })?;
        Ok(seats.collect::<Result<_, _>>()?)
    }

    /// The references of a passenger's confirmations.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn confirmations(&self, passenger: &str) -> Result<Vec<String>> {
        let database = self.database()?;
        let mut statement =
            database.prepare("SELECT reference FROM confirmations WHERE passenger = ?1")?;
        let references = statement.query_map([passenger], |row| row.get(0))?;
        Ok(references.collect::<Result<_, _>>()?)
    }

    /// How many mails lie in the outbox.
    pub(crate) fn mails(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.data_dir().join("outbox")) else {
            return 0;
        };
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "eml"))
            .count()
    }

    fn database(&self) -> Result<Connection> {
        Connection::open_with_flags(self.database_path(), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .context("the desk's database")
    }

    fn database_path(&self) -> PathBuf {
        self.folder.join("travel.db")
    }
}

fn placed(text: &str, services: &Services) -> String {
    text.replace(PAYMENTS, &services.payments.address.to_string())
        .replace(AIRLINE, &services.airline.address.to_string())
}
