//! Registered tables: what a plan may call them and what may be done with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cell::{Cell, Row};
use super::open::OpenError;
use super::refusal::Refusal;

/// A table as it is registered and as the database has it.
#[derive(Debug)]
pub(crate) struct Table {
    /// The database it lies in, as the settings call it.
    pub(crate) database: String,
    /// Its name in the database.
    pub(crate) name: String,
    /// What plans may call it, best first.
    pub(crate) spellings: Vec<String>,
    /// The column that names a row; it need not be among `columns`.
    pub(crate) key: Column,
    /// The registered columns.
    pub(crate) columns: Vec<Column>,
    /// Columns that the database computes.
    pub(crate) generated: BTreeSet<String>,
    /// Whether the table has columns that are not registered.
    pub(crate) has_hidden: bool,
    /// Whether rows may be made.
    pub(crate) insert: bool,
    /// Whether rows may be deleted.
    pub(crate) delete: bool,
    /// Whether its database keeps `omnihub_effects`.
    pub(crate) keeps_effects: bool,
    /// Foreign keys by which changing a row here would change rows elsewhere.
    pub(crate) referrers: Vec<Referrer>,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it is registered as writable.
    pub(crate) writable: bool,
    /// Whether a new row needs a value for it.
    pub(crate) required: bool,
}

/// What a column holds, where its declaration is clear about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
    Boolean,
    /// Anything but a blob.
    Any,
}

/// A foreign key of another table that points here.
#[derive(Debug, Clone)]
pub(crate) struct Referrer {
    /// The table that has it.
    pub(crate) table: String,
    /// Its columns, each with the column here that it points to.
    pub(crate) columns: Vec<(String, String)>,
    /// Whether deleting a row here would delete or change rows there.
    pub(crate) follows_delete: bool,
    /// Whether changing those columns here would empty those there.
    pub(crate) forgets_update: bool,
}

impl Table {
    /// The columns that a new row may be given: a row that is being made may be given its name, too.
    pub(crate) fn insertable(&self) -> impl Iterator<Item = &Column> {
        let key = self.insert.then_some(&self.key);
        let key = key.filter(|key| !self.generated.contains(&key.name));
        let others = self
            .columns
            .iter()
            .filter(|column| self.insert && column.writable && column.name != self.key.name);
        key.into_iter().chain(others)
    }

    /// The columns of an existing row that may be written: never its name.
    pub(crate) fn updatable(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.writable && column.name != self.key.name)
    }

    /// The registered column of that name.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, Refusal> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| {
                Refusal::permanent(
                    "column.unknown",
                    format!("table {:?} registers no column {name:?}", self.name),
                )
            })
    }

    /// A row as outputs show it: the registered columns only.
    pub(crate) fn shown(&self, row: &Row) -> Value {
        let shown = self
            .columns
            .iter()
            .filter_map(|column| row.get_key_value(&column.name));
        shown
            .map(|(name, cell)| (name.clone(), cell.shown()))
            .collect()
    }

    /// The table as SQL names it; the schema is named so that nothing else can be meant.
    pub(crate) fn sql(&self) -> String {
        format!("main.{}", quoted(&self.name))
    }

    /// A column as SQL names it. With its table before it, since SQLite takes a lone quoted name that it does not know
    /// for text.
    pub(crate) fn sql_column(&self, column: &str) -> String {
        format!("{}.{}", quoted(&self.name), quoted(column))
    }
}

/// A name as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Column {
    /// A JSON value as this column holds it.
    pub(crate) fn cell(&self, value: &Value) -> Result<Cell, Refusal> {
        let wrong = |why: &str| {
            Refusal::permanent("value.invalid", format!("column {:?} {why}", self.name))
        };
        Ok(match value {
            Value::Null => Cell::Null,
            Value::Bool(boolean) => Cell::Integer((*boolean).into()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Cell::Integer(integer),
                (None, Some(real)) if self.kind == Kind::Integer => Cell::Integer(
                    whole(real).ok_or_else(|| wrong("takes whole numbers of 64 bits"))?,
                ),
                (None, Some(_)) if number.is_u64() => {
                    return Err(wrong("takes integers of 64 bits"));
                }
                (None, Some(real)) => Cell::Real(real),
                (None, None) => return Err(wrong("takes no such number")),
            },
            Value::String(text) if text.contains('\0') => {
                return Err(wrong("takes no text with NUL in it"));
            }
            Value::String(text) if self.kind == Kind::Integer => Cell::Integer(
                text.parse()
                    .map_err(|_| wrong("takes integers of 64 bits"))?,
            ),
            Value::String(text) => Cell::text(text),
            Value::Array(_) | Value::Object(_) => return Err(wrong("takes no arrays or objects")),
        })
    }
}

/// A number without a fraction as an integer, where that changes nothing.
fn whole(real: f64) -> Option<i64> {
    let integer = real as i64;
    let same = integer as f64 == real && integer != i64::MAX;
    same.then_some(integer)
}

/// What plans may call each of some tables: `orders` where only one database has one, and `shop.orders` always.
pub(super) fn spellings<'a>(
    tables: impl Iterator<Item = &'a Table> + Clone,
) -> Result<Vec<Vec<String>>, OpenError> {
    let mut homes = BTreeMap::<&str, usize>::new();
    for table in tables.clone() {
        *homes.entry(&table.name).or_default() += 1;
    }
    let names = tables.clone().map(|table| {
        let plain = (homes.get(table.name.as_str()) == Some(&1)).then(|| table.name.clone());
        plain
            .into_iter()
            .chain([format!("{}.{}", table.database, table.name)])
            .collect::<Vec<_>>()
    });
    let names = names.collect::<Vec<_>>();
    let mut taken = BTreeMap::new();
    for (table, names) in tables.zip(&names) {
        for name in names {
            if let Some(other) = taken.insert(name.clone(), table) {
                let reason = format!(
                    "{name:?} would name a table of database {:?} as well",
                    other.database
                );
                return Err(OpenError::table(&table.database, &table.name, "", reason));
            }
        }
    }
    Ok(names)
}
