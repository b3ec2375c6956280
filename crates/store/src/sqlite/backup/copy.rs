//! The database of a backup, written row by row from a store that is not on SQLite.
//!
//! Rows come in pieces, those of the journal in the order of goals and sequences and before their goals: they get their
//! numbers here, and goals name those that they begin and end with.

use std::path::Path;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _};

use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::sqlite::approvals::APPROVALS;
use crate::sqlite::controls::CONTROLS;
use crate::sqlite::epoch::EPOCHS;
use crate::sqlite::evidence::checkpoint::CHECKPOINTS;
use crate::sqlite::evidence::{AUDIT, CHAINS};
use crate::sqlite::goals::GOALS;
use crate::sqlite::idempotency::IDEMPOTENCY;
use crate::sqlite::inbox::INBOX;
use crate::sqlite::installation::INSTALLATION;
use crate::sqlite::journal::JOURNAL;
use crate::sqlite::outbox::OUTBOX;
use crate::sqlite::table::Table;
use crate::sqlite::tenants::{TENANTS, Tenant};
use crate::sqlite::toolsets::TOOLSETS;
use crate::sqlite::{moving, payloads, schema};

/// A row as it was read elsewhere: the columns that a table has here in their order, but for its checksum. Numbers that
/// are given here are absent.
pub(crate) type Row = Vec<Value>;

/// What rows are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Installation,
    Epochs,
    Tenants,
    /// The number is given here.
    Toolsets,
    /// The number and that of the row before are given here; the values that lie beside it come last.
    Journal,
    /// The first and the last row in the journal are given here.
    Goals,
    Inbox,
    Approvals,
    /// The number is given here.
    Idempotency,
    Controls,
    Outbox,
    Audit,
    Chains,
    Checkpoints,
}

impl Of {
    fn table(self) -> &'static Table {
        match self {
            Self::Installation => &INSTALLATION,
            Self::Epochs => &EPOCHS,
            Self::Tenants => &TENANTS,
            Self::Toolsets => &TOOLSETS,
            Self::Journal => &JOURNAL,
            Self::Goals => &GOALS,
            Self::Inbox => &INBOX,
            Self::Approvals => &APPROVALS,
            Self::Idempotency => &IDEMPOTENCY,
            Self::Controls => &CONTROLS,
            Self::Outbox => &OUTBOX,
            Self::Audit => &AUDIT,
            Self::Chains => &CHAINS,
            Self::Checkpoints => &CHECKPOINTS,
        }
    }
}

/// Columns of the journal: the goal, the row before, and whether values lie beside it.
const GOAL: usize = 1;
const PREVIOUS: usize = 2;
const HAS_PAYLOADS: usize = 4;
/// Columns of goals: their first and last rows in the journal.
const FIRST: usize = 5;
const LAST: usize = 12;

/// Where each goal begins and ends in the journal, until its row is written.
const ENDS: &str = "CREATE TEMP TABLE ends (goal INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL)";
const END: &str =
    "INSERT INTO ends VALUES (?1, ?2, ?2) ON CONFLICT (goal) DO UPDATE SET last = excluded.last";

/// A database while it is written.
pub(crate) struct Copy {
    conn: Connection,
    /// The last row of the journal, and its goal.
    last: (i64, i64),
    toolsets: i64,
    answers: i64,
}

impl Copy {
    /// Makes an empty database. It is durable only once its file was synced.
    pub(crate) fn begin(path: &Path) -> Result<Self, Error> {
        let conn = Connection::open(path)?;
        // A copy that is cut short is thrown away.
        conn.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        schema::migrate(&conn, path)?;
        conn.execute_batch(ENDS)?;
        Ok(Self {
            conn,
            last: (0, 0),
            toolsets: 0,
            answers: 0,
        })
    }

    /// Writes a piece.
    pub(crate) fn add(&mut self, of: Of, rows: Vec<Row>) -> Result<(), Error> {
        self.conn.execute_batch("BEGIN")?;
        for mut row in rows {
            let beside = match of {
                Of::Journal => Some(self.number(&mut row)?),
                Of::Goals => self.find_ends(&mut row).map(|()| None)?,
                Of::Toolsets => {
                    self.toolsets += 1;
                    set(&mut row, 0, Some(self.toolsets));
                    None
                }
                Of::Idempotency => {
                    // Each came with a row of the journal, so that none of these numbers is given to another.
                    self.answers += 1;
                    set(&mut row, 0, Some(self.answers));
                    None
                }
                _ => None,
            };
            let values: Vec<_> = row.iter().map(ValueRef::from).collect();
            of.table().insert(&self.conn, &values)?;
            match beside {
                Some(Value::Blob(bodies)) => payloads::insert(&self.conn, self.last.0, &bodies)?,
                Some(_) if has_payloads(&row) => {
                    payloads::insert_erased(&self.conn, self.last.0)?;
                }
                _ => {}
            }
        }
        Ok(self.conn.execute_batch("COMMIT")?)
    }

    /// A chain as its rows say, and how many entries its newest checkpoint signs.
    pub(crate) fn counted(&self, chain: &Chain) -> Result<(Tenant, u64), Error> {
        let tenant = Tenant::read_or_create(&self.conn, chain)?;
        let signed = moving::signed(&self.conn, tenant.number)?;
        Ok((tenant, signed))
    }

    /// Gives a row of the journal its number; returns the values beside it.
    fn number(&mut self, row: &mut Row) -> Result<Value, Error> {
        let beside = row.pop().unwrap_or(Value::Null);
        let goal = number(&JOURNAL, row, GOAL)?;
        let (before, of) = self.last;
        let id = before + 1;
        set(row, 0, Some(id));
        set(row, PREVIOUS, (of == goal).then_some(before));
        self.conn.prepare_cached(END)?.execute((goal, id))?;
        self.last = (id, goal);
        Ok(beside)
    }

    fn find_ends(&self, row: &mut Row) -> Result<(), Error> {
        let id = number(&GOALS, row, 0)?;
        let sql = "SELECT first, last FROM ends WHERE goal = ?1";
        let mut ends = self.conn.prepare_cached(sql)?;
        let ends = ends.query_row([id], |ends| Ok((ends.get(0)?, ends.get(1)?)));
        let Some((first, last)) = ends.optional()? else {
            return Err(Damage::row(GOALS.name, id, "its journal is missing").into());
        };
        set(row, FIRST, Some(first));
        set(row, LAST, Some(last));
        Ok(())
    }
}

fn set(row: &mut Row, column: usize, number: Option<i64>) {
    if let Some(value) = row.get_mut(column) {
        *value = number.map_or(Value::Null, Value::Integer);
    }
}

fn number(table: &Table, row: &Row, column: usize) -> Result<i64, Error> {
    match row.get(column) {
        Some(Value::Integer(number)) => Ok(*number),
        _ => Err(Damage::row(table.name, "", "a column holds what it should not").into()),
    }
}

fn has_payloads(row: &Row) -> bool {
    row.get(HAS_PAYLOADS) == Some(&Value::Integer(1))
}
