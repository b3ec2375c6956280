//! The SQL that touches one row.

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use crate::databases::cell::{Cell, Row};
use crate::databases::refusal::Refusal;
use crate::databases::table::{Referrer, Table, quoted};

/// The whole row of that name.
pub(super) fn read(
    connection: &Connection,
    table: &Table,
    id: &Cell,
) -> Result<Option<Row>, Refusal> {
    let (name, key) = (table.sql(), table.sql_column(&table.key.name));
    let mut statement =
        connection.prepare_cached(&format!("SELECT * FROM {name} WHERE {key} = ?1 LIMIT 2"))?;
    let mut rows = statement.query([id])?;
    let Some(first) = rows.next()? else {
        return Ok(None);
    };
    let columns = first
        .as_ref()
        .column_names()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let cells = columns
        .into_iter()
        .enumerate()
        .map(|(at, column)| Ok((column, Cell::from(first.get_ref(at)?))));
    let row = cells.collect::<rusqlite::Result<Row>>()?;
    if rows.next()?.is_some() {
        return Err(Refusal::permanent(
            "row.ambiguous",
            format!("several rows of {:?} have this key", table.name),
        ));
    }
    Ok(Some(row))
}

/// Makes a row and gives its name.
pub(super) fn insert(
    connection: &Connection,
    table: &Table,
    cells: &[(&str, Cell)],
) -> Result<Cell, Refusal> {
    let names = cells
        .iter()
        .map(|(name, _)| quoted(name))
        .collect::<Vec<_>>()
        .join(", ");
    let places = vec!["?"; cells.len()].join(", ");
    let values = if cells.is_empty() {
        "DEFAULT VALUES".to_owned()
    } else {
        format!("({names}) VALUES ({places})")
    };
    // OR ABORT overrules `ON CONFLICT REPLACE` of the table, which would delete other rows.
    let sql = format!(
        "INSERT OR ABORT INTO {} {values} RETURNING {}",
        table.sql(),
        quoted(&table.key.name)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let id = statement
        .query_row(values_of(cells), |row| row.get_ref(0).map(Cell::from))
        .optional()?;
    let id = id.ok_or_else(|| ignored(table))?;
    if id.is_null() {
        let message = format!(
            "the new row of {:?} has no {:?}",
            table.name, table.key.name
        );
        return Err(Refusal::permanent("row.constraint", message));
    }
    Ok(id)
}

/// Changes a row that is there.
pub(super) fn update(
    connection: &Connection,
    table: &Table,
    id: &Cell,
    cells: &[(&str, Cell)],
) -> Result<(), Refusal> {
    if cells.is_empty() {
        return Ok(());
    }
    let changes = cells
        .iter()
        .map(|(name, _)| format!("{} = ?", quoted(name)))
        .collect::<Vec<_>>()
        .join(", ");
    let sql = format!(
        "UPDATE OR ABORT {} SET {changes} WHERE {} = ?",
        table.sql(),
        table.sql_column(&table.key.name)
    );
    let values = cells.iter().map(|(_, cell)| cell).chain([id]);
    one(
        table,
        connection
            .prepare_cached(&sql)?
            .execute(params_from_iter(values))?,
    )
}

/// Deletes a row that is there.
pub(super) fn delete(connection: &Connection, table: &Table, id: &Cell) -> Result<(), Refusal> {
    let sql = format!(
        "DELETE FROM {} WHERE {} = ?1",
        table.sql(),
        table.sql_column(&table.key.name)
    );
    one(table, connection.prepare_cached(&sql)?.execute([id])?)
}

fn values_of<'a>(cells: &'a [(&str, Cell)]) -> impl rusqlite::Params + 'a {
    params_from_iter(cells.iter().map(|(_, cell)| cell as &dyn ToSql))
}

fn one(table: &Table, changed: usize) -> Result<(), Refusal> {
    if changed == 1 {
        Ok(())
    } else {
        Err(ignored(table))
    }
}

/// A trigger's `RAISE(IGNORE)` leaves no error.
fn ignored(table: &Table) -> Refusal {
    Refusal::permanent(
        "row.constraint",
        format!(
            "the database's own rules for {:?} passed over it in silence",
            table.name
        ),
    )
}

/// Refuses what would change rows of other tables in a way that no undo of this row brings back.
pub(super) fn refuse_spread(
    connection: &Connection,
    table: &Table,
    row: &Row,
    spreads: impl Fn(&Referrer) -> bool,
) -> Result<(), Refusal> {
    for referrer in table.referrers.iter().filter(|referrer| spreads(referrer)) {
        let there = referrer
            .columns
            .iter()
            .map(|(column, _)| format!("child.{} = ?", quoted(column)));
        let mut sql = format!(
            "SELECT 1 FROM main.{} AS child WHERE ",
            quoted(&referrer.table)
        );
        sql.push_str(&there.collect::<Vec<_>>().join(" AND "));
        let mut values = referrer
            .columns
            .iter()
            .map(|(_, column)| row.get(column))
            .collect::<Vec<_>>();
        if referrer.table == table.name {
            sql.push_str(&format!(" AND child.{} IS NOT ?", quoted(&table.key.name)));
            values.push(row.get(&table.key.name));
        }
        if connection
            .prepare_cached(&sql)?
            .exists(params_from_iter(values))?
        {
            let message = format!(
                "rows of {:?} refer to it and would change with it for good",
                referrer.table
            );
            return Err(Refusal::permanent("row.referenced", message));
        }
    }
    Ok(())
}
