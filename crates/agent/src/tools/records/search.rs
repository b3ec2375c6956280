//! `search_database`: rows of one registered table that pass typed filters.

use rusqlite::{Connection, params_from_iter};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filter::Condition;
use super::{OUTPUT_BYTES_MAX, ROWS_DEFAULT, ROWS_MAX};
use crate::databases::Work;
use crate::databases::cell::Cell;
use crate::databases::refusal::Refusal;
use crate::databases::table::Table;

/// What an output has beside its rows: `{"count":1000,"rows":[]}`.
const ENVELOPE_BYTES: usize = 24;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[expect(
        dead_code,
        reason = "whoever prepares the search has found the table by it"
    )]
    table: String,
    #[serde(default)]
    filters: Map<String, Value>,
    select: Option<Vec<String>>,
    #[serde(default)]
    order_by: Vec<Order>,
    limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    column: String,
    #[serde(default)]
    direction: Direction,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Asc,
    Desc,
}

/// A search that is ready to be done.
struct Search {
    sql: String,
    values: Vec<Cell>,
    columns: Vec<String>,
}

/// Reads an input as a search of a table.
pub(crate) fn prepare(table: &Table, input: &Value) -> Result<Work, Refusal> {
    let input = Input::deserialize(input)
        .map_err(|error| Refusal::permanent("input.invalid", error.to_string()))?;
    let limit = input.limit.unwrap_or(ROWS_DEFAULT);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Refusal::permanent(
            "input.invalid",
            format!("\"limit\" must be between 1 and {ROWS_MAX}"),
        ));
    }
    let all = || {
        table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    };
    let columns: Vec<String> = input.select.unwrap_or_else(all);
    let shown = columns.iter().map(|name| {
        table
            .column(name)
            .map(|column| table.sql_column(&column.name))
    });
    let shown = shown.collect::<Result<Vec<_>, _>>()?.join(", ");
    let condition = Condition::new(table, &input.filters)?;
    let mut sql = format!("SELECT {shown} FROM {}", table.sql());
    if !condition.terms.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&condition.terms.join(" AND "));
    }
    sql.push_str(" ORDER BY ");
    for Order { column, direction } in &input.order_by {
        let way = match direction {
            Direction::Asc => "ASC",
            Direction::Desc => "DESC",
        };
        sql.push_str(&format!(
            "{} {way}, ",
            table.sql_column(&table.column(column)?.name)
        ));
    }
    // Rows that are otherwise equal keep their order from one search to the next.
    sql.push_str(&format!(
        "{} LIMIT {limit}",
        table.sql_column(&table.key.name)
    ));
    let search = Search {
        sql,
        values: condition.values,
        columns,
    };
    Ok(Box::new(move |connection| run(connection, &search)))
}

fn run(connection: &Connection, search: &Search) -> Result<Value, Refusal> {
    let mut statement = connection.prepare_cached(&search.sql)?;
    let mut found = statement.query(params_from_iter(&search.values))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let cells = search.columns.iter().enumerate();
        let cells =
            cells.map(|(at, name)| Ok((name.clone(), Cell::from(row.get_ref(at)?).shown())));
        let row = cells.collect::<rusqlite::Result<Value>>()?;
        bytes += row.to_string().len() + 1;
        if bytes + ENVELOPE_BYTES > OUTPUT_BYTES_MAX {
            let message = format!(
                "the rows are more than {OUTPUT_BYTES_MAX} bytes, the most an output may have; filter, select fewer columns or lower the limit"
            );
            return Err(Refusal::permanent("output.too_large", message));
        }
        rows.push(row);
    }
    Ok(json!({ "count": rows.len(), "rows": rows }))
}
