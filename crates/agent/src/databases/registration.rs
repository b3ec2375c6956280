//! A table's registration, compared with what the database says about the table.

use std::collections::BTreeSet;

use super::inspect::{self, Found};
use super::open::OpenError;
use super::table::{Column, Kind, Table};
use super::{DatabaseConfig, TableConfig, effects};

/// A registration under comparison.
struct Registration<'a> {
    database: &'a str,
    name: &'a String,
    settings: &'a TableConfig,
    table: &'a Found,
}

/// Makes a table of its registration.
///
/// # Errors
/// The first thing that the database does not bear out.
pub(super) fn compare(
    database: &str,
    config: &DatabaseConfig,
    (name, settings): (&String, &TableConfig),
    found: &[Found],
) -> Result<Table, OpenError> {
    let Some(table) = found.iter().find(|table| table.name == *name) else {
        let near = nearest(name, found.iter().map(|table| table.name.as_str()));
        let reason = format!("the database has no such table{near}");
        return Err(OpenError::table(database, name, "", reason));
    };
    let registration = Registration {
        database,
        name,
        settings,
        table,
    };
    registration.check()?;
    let key = registration.column(".key", &settings.key)?;
    let columns = settings
        .columns
        .iter()
        .map(|name| registration.column(".columns", name));
    let generated = table.columns.iter().filter(|known| known.generated);
    Ok(Table {
        database: database.to_owned(),
        name: name.clone(),
        spellings: Vec::new(),
        key: registration.registered(key),
        columns: columns
            .map(|known| known.map(|known| registration.registered(known)))
            .collect::<Result<_, _>>()?,
        generated: generated.map(|known| known.name.clone()).collect(),
        has_hidden: table
            .columns
            .iter()
            .any(|known| !known.generated && !settings.columns.contains(&known.name)),
        insert: settings.insert,
        delete: settings.delete,
        keeps_effects: config.effects_table,
        referrers: inspect::referrers(table, found),
    })
}

impl<'a> Registration<'a> {
    fn fail(&self, setting: &str, reason: impl Into<String>) -> OpenError {
        OpenError::table(self.database, self.name, setting, reason)
    }

    fn check(&self) -> Result<(), OpenError> {
        let settings = self.settings;
        if self.name.starts_with("sqlite_") || self.name == effects::TABLE {
            return Err(self.fail("", "it is not for plans to touch"));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = settings.columns.iter().find(|name| !seen.insert(*name)) {
            return Err(self.fail(".columns", format!("column {twice:?} stands there twice")));
        }
        if settings.columns.is_empty() {
            return Err(self.fail(".columns", "no column is named"));
        }
        for name in &settings.writable {
            let known = self.column(".writable", name)?;
            if !settings.columns.contains(name) {
                return Err(self.fail(
                    ".writable",
                    format!("column {name:?} is not among its columns"),
                ));
            }
            if known.generated {
                return Err(self.fail(
                    ".writable",
                    format!("column {name:?} is computed by the database"),
                ));
            }
        }
        self.column(".key", &settings.key)?;
        if settings.insert || settings.delete || !settings.writable.is_empty() {
            self.table
                .writable_by(&settings.key)
                .map_err(|reason| self.fail(".key", reason))?;
        }
        if settings.insert {
            self.warn_of_impossible_rows();
        }
        Ok(())
    }

    fn warn_of_impossible_rows(&self) {
        let (database, table) = (self.database, self.name);
        let given =
            |name: &String| *name == self.settings.key || self.settings.writable.contains(name);
        for known in self
            .table
            .columns
            .iter()
            .filter(|known| known.required && !given(&known.name))
        {
            let column = &known.name;
            tracing::warn!(
                database,
                table,
                column,
                "no row can be made: a column needs a value and is not writable"
            );
        }
    }

    fn column(&self, setting: &str, name: &str) -> Result<&'a inspect::Column, OpenError> {
        let known = self.table.columns.iter().find(|known| known.name == *name);
        known.ok_or_else(|| {
            let near = nearest(
                name,
                self.table.columns.iter().map(|column| column.name.as_str()),
            );
            self.fail(setting, format!("it has no column {name:?}{near}"))
        })
    }

    fn registered(&self, known: &inspect::Column) -> Column {
        Column {
            name: known.name.clone(),
            kind: Kind::declared(&known.declared),
            writable: self.settings.writable.contains(&known.name),
            required: known.required || (known.name == self.settings.key && known.needs_value()),
        }
    }
}

/// `; did you mean …` where some name is near.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (distance(wanted, name), name)).min();
    match near.filter(|(distance, _)| *distance <= wanted.chars().count() / 2 + 1) {
        Some((_, name)) => format!("; did you mean {name:?}?"),
        None => String::new(),
    }
}

/// How many letters have to be changed, added or removed; case does not count.
fn distance(left: &str, right: &str) -> usize {
    let right = right.to_lowercase().chars().collect::<Vec<_>>();
    let mut row = (0..=right.len()).collect::<Vec<_>>();
    for (at, letter) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = at;
        let mut previous = at + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            *cell = replaced.min(previous + 1).min(*cell + 1);
            previous = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
