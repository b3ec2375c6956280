//! What a SQLite database says about its own tables.

use rusqlite::Connection;

use super::table::{Kind, Referrer};

/// A table as the database has it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// `table`, `view`, `virtual` or `shadow`.
    form: String,
    pub(super) columns: Vec<Column>,
    /// Columns that name a row each for itself.
    unique: Vec<String>,
    foreign_keys: Vec<ForeignKey>,
}

/// A column as the database has it.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) declared: String,
    pub(super) generated: bool,
    /// Whether a new row needs a value for it that nobody else gives.
    pub(super) required: bool,
    /// Whether the database fills it in by itself.
    filled: bool,
    /// Its place in the primary key, from 1; 0: it is not part of it.
    primary: i64,
}

#[derive(Debug)]
struct ForeignKey {
    id: i64,
    parent: String,
    from: String,
    /// `None`: the parent's primary key.
    to: Option<String>,
    on_update: String,
    on_delete: String,
}

/// All tables and views.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<Found>> {
    let mut statement = connection.prepare(
        "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name",
    )?;
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    names
        .map(|row| {
            row.and_then(|(name, form, without_rowid)| table(connection, name, form, without_rowid))
        })
        .collect()
}

fn table(
    connection: &Connection,
    name: String,
    form: String,
    without_rowid: bool,
) -> rusqlite::Result<Found> {
    let indexes = unique_indexes(connection, &name)?;
    let mut columns = columns(connection, &name)?;
    let primary = columns.iter().filter(|column| column.primary > 0).count();
    // The one case in which SQLite numbers rows by itself: an INTEGER PRIMARY KEY that is the rowid, hence has no index.
    let numbered =
        primary == 1 && !without_rowid && !indexes.iter().any(|(origin, _)| origin == "pk");
    for column in &mut columns {
        if column.primary > 0 && numbered && column.declared.eq_ignore_ascii_case("INTEGER") {
            column.filled = true;
        }
        column.required &= !column.filled;
    }
    let alone = columns
        .iter()
        .filter(|column| primary == 1 && column.primary > 0)
        .map(|column| column.name.clone());
    let unique = alone
        .chain(indexes.into_iter().filter_map(|(_, column)| column))
        .collect();
    Ok(Found {
        foreign_keys: foreign_keys(connection, &name)?,
        name,
        form,
        columns,
        unique,
    })
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1, 'main') \
         WHERE hidden <> 1 ORDER BY cid",
    )?;
    let columns = statement.query_map([table], |row| {
        let (not_null, defaulted, hidden): (bool, bool, i64) =
            (row.get(2)?, row.get(3)?, row.get(5)?);
        Ok(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            generated: hidden > 1,
            required: not_null,
            filled: defaulted || hidden > 1,
            primary: row.get(4)?,
        })
    })?;
    columns.collect()
}

/// The unique indexes over all rows: where each comes from and, if it is over one column alone, which.
fn unique_indexes(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let mut statement = connection.prepare(
        "SELECT i.origin, CASE WHEN count(*) = 1 THEN max(c.name) END \
         FROM pragma_index_list(?1, 'main') AS i, pragma_index_info(i.name, 'main') AS c \
         WHERE i.\"unique\" AND NOT i.partial GROUP BY i.name",
    )?;
    statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn foreign_keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq",
    )?;
    let keys = statement.query_map([table], |row| {
        Ok(ForeignKey {
            id: row.get(0)?,
            parent: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            on_update: row.get(4)?,
            on_delete: row.get(5)?,
        })
    })?;
    keys.collect()
}

/// The foreign keys by which a change to a row of `parent` spreads in a way that its undo could not take back.
pub(super) fn referrers(parent: &Found, all: &[Found]) -> Vec<Referrer> {
    let mut referrers = Vec::new();
    for child in all {
        let here = child
            .foreign_keys
            .iter()
            .filter(|key| key.parent.eq_ignore_ascii_case(&parent.name));
        for column in here
            .clone()
            .filter(|key| follows(&key.on_delete) || empties(&key.on_update))
        {
            let same = here
                .clone()
                .filter(|key| key.id == column.id)
                .collect::<Vec<_>>();
            if same.first().is_none_or(|first| first.from != column.from) {
                continue;
            }
            let pairs = same.iter().enumerate();
            let columns = pairs
                .filter_map(|(at, key)| Some((key.from.clone(), parent.referred(key, at)?)))
                .collect();
            referrers.push(Referrer {
                table: child.name.clone(),
                columns,
                follows_delete: follows(&column.on_delete),
                forgets_update: empties(&column.on_update),
            });
        }
    }
    referrers
}

fn follows(action: &str) -> bool {
    action == "CASCADE" || empties(action)
}

fn empties(action: &str) -> bool {
    matches!(action, "SET NULL" | "SET DEFAULT")
}

impl Found {
    /// Whether single rows can be written when `key` names them; if not, why.
    pub(super) fn writable_by(&self, key: &str) -> Result<(), String> {
        match self.form.as_str() {
            "table" => {}
            "view" => return Err("it is a view, which can only be read".to_owned()),
            form => return Err(format!("it is a {form} table, which can only be read")),
        }
        if self.unique.iter().any(|column| column == key) {
            return Ok(());
        }
        let primary = self
            .columns
            .iter()
            .filter(|column| column.primary > 0)
            .map(|column| column.name.as_str());
        let primary = primary.collect::<Vec<_>>();
        if primary.len() > 1 {
            let names = primary.join(", ");
            return Err(format!(
                "its primary key is composite ({names}), and {key:?} alone does not name a row; only reading is possible"
            ));
        }
        Err(format!(
            "column {key:?} is neither its primary key nor unique, so it does not name a row"
        ))
    }

    /// The column of this table that a foreign key's column points to.
    fn referred(&self, key: &ForeignKey, at: usize) -> Option<String> {
        let wanted = match &key.to {
            Some(name) => self
                .columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name)),
            None => self
                .columns
                .iter()
                .find(|column| usize::try_from(column.primary) == Ok(at + 1)),
        };
        wanted.map(|column| column.name.clone())
    }
}

impl Column {
    /// Whether nobody but the caller gives it a value.
    pub(super) fn needs_value(&self) -> bool {
        !self.filled
    }
}

impl Kind {
    /// What a declared type says, where it is clear (<https://www.sqlite.org/datatype3.html> §3.1 takes far more).
    pub(super) fn declared(declared: &str) -> Self {
        let word = declared
            .split('(')
            .next()
            .unwrap_or_default()
            .trim()
            .to_uppercase();
        match word.as_str() {
            "INTEGER" | "INT" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BIGINT"
            | "UNSIGNED BIG INT" | "INT2" | "INT4" | "INT8" => Self::Integer,
            "REAL" | "DOUBLE" | "DOUBLE PRECISION" | "FLOAT" => Self::Real,
            "TEXT" | "CHARACTER" | "CHAR" | "VARCHAR" | "VARYING CHARACTER" | "NCHAR"
            | "NATIVE CHARACTER" | "NVARCHAR" | "CLOB" => Self::Text,
            "BOOLEAN" | "BOOL" => Self::Boolean,
            _ => Self::Any,
        }
    }
}
