//! Rows with checksums: how every table is written and read.
//!
//! The last column of a row is a checksum over the table's name and all other columns. A row whose checksum is wrong is
//! damaged; it is named and never guessed at.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use crate::error::{Damage, Error};

/// Bytes of a checksum: chance lets damage pass once in 2^128.
const CHECKSUM_BYTES: usize = 16;

/// A table whose rows carry a checksum.
pub(crate) struct Table {
    /// The table's name.
    pub(crate) name: &'static str,
    /// Inserts a row, all columns in order.
    pub(crate) insert: &'static str,
}

impl Table {
    /// Inserts a row; `values` are all columns but the checksum.
    pub(crate) fn insert(&self, conn: &Connection, values: &[ValueRef<'_>]) -> Result<(), Error> {
        self.run(conn, self.insert, values)
    }

    /// Runs a statement that takes all columns of a row in order, the checksum last, and writes that one row.
    pub(crate) fn run(
        &self,
        conn: &Connection,
        sql: &str,
        values: &[ValueRef<'_>],
    ) -> Result<(), Error> {
        let checksum = self.checksum(values.iter().copied());
        let mut statement = conn.prepare_cached(sql)?;
        for (position, value) in values
            .iter()
            .chain([&ValueRef::Blob(&checksum)])
            .enumerate()
        {
            statement.raw_bind_parameter(position + 1, ToSqlOutput::Borrowed(*value))?;
        }
        match statement.raw_execute()? {
            1 => Ok(()),
            _ => Err(self
                .damage(values.first().copied(), "it is not the row that was read")
                .into()),
        }
    }

    /// Makes sure that a row, read with all columns in order, is what was written.
    pub(crate) fn check(&self, row: &Row<'_>) -> Result<(), Error> {
        let columns = row.as_ref().column_count();
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(row.get_ref(column)?);
        }
        let stored = values.pop();
        if stored == Some(ValueRef::Blob(&self.checksum(values.iter().copied()))) {
            return Ok(());
        }
        Err(self
            .damage(values.first().copied(), "its checksum is wrong")
            .into())
    }

    /// Names a damaged row by its first column.
    pub(crate) fn damage(&self, id: Option<ValueRef<'_>>, reason: &str) -> Damage {
        let row = match id {
            Some(ValueRef::Integer(id)) => id.to_string(),
            _ => "with an unreadable number".to_owned(),
        };
        Damage::row(self.name, row, reason)
    }

    fn checksum<'a>(&self, values: impl Iterator<Item = ValueRef<'a>>) -> [u8; CHECKSUM_BYTES] {
        let mut hash = Sha256::new();
        hash.update(self.name);
        for value in values {
            match value {
                ValueRef::Null => hash.update([0]),
                ValueRef::Integer(number) => sized(&mut hash, 1, &number.to_be_bytes()),
                ValueRef::Real(number) => sized(&mut hash, 2, &number.to_be_bytes()),
                ValueRef::Text(text) => sized(&mut hash, 3, text),
                ValueRef::Blob(bytes) => sized(&mut hash, 4, bytes),
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (checksum, _) = digest
            .split_first_chunk()
            .unwrap_or((&[0; CHECKSUM_BYTES], &[]));
        *checksum
    }
}

fn sized(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    let mut head = [kind; 9];
    if let Some((_, size)) = head.split_first_mut() {
        size.copy_from_slice(&(bytes.len() as u64).to_be_bytes());
    }
    hash.update(head);
    hash.update(bytes);
}

/// A number as a column.
pub(crate) fn integer<'a>(number: i64) -> ValueRef<'a> {
    ValueRef::Integer(number)
}

/// A number that may be absent as a column.
pub(crate) fn optional<'a>(number: Option<i64>) -> ValueRef<'a> {
    number.map_or(ValueRef::Null, ValueRef::Integer)
}

/// Text as a column.
pub(crate) fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

/// Text that may be absent as a column.
pub(crate) fn optional_text(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}

/// Bytes as a column.
pub(crate) fn blob(bytes: &[u8]) -> ValueRef<'_> {
    ValueRef::Blob(bytes)
}

/// Every table whose rows carry a checksum.
pub(crate) const TABLES: [&Table; 15] = [
    &super::schema::MIGRATIONS,
    &super::installation::INSTALLATION,
    &super::epoch::EPOCHS,
    &super::tenants::TENANTS,
    &super::goals::GOALS,
    &super::journal::JOURNAL,
    &super::toolsets::TOOLSETS,
    &super::inbox::INBOX,
    &super::approvals::APPROVALS,
    &super::idempotency::IDEMPOTENCY,
    &super::controls::CONTROLS,
    &super::outbox::OUTBOX,
    &super::evidence::AUDIT,
    &super::evidence::CHAINS,
    &super::evidence::checkpoint::CHECKPOINTS,
];
