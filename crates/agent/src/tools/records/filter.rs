//! Typed filters as SQL conditions: names come from the registration, values are bound.
//!
//! `ne` is the exact opposite of `eq`: it finds rows without a value, too.

use serde_json::{Map, Value};

use super::{IN_VALUES_MAX, PATTERN_CHARS_MAX};
use crate::databases::cell::Cell;
use crate::databases::refusal::Refusal;
use crate::databases::table::{Column, Table};

/// The operators, and by which kinds of columns they are taken: see `schema`.
pub(super) const ORDERED: [(&str, &str); 4] =
    [("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">=")];

/// A condition under construction.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// What must hold, all of it.
    pub(super) terms: Vec<String>,
    /// The values of the `?`, in order.
    pub(super) values: Vec<Cell>,
}

impl Condition {
    /// The condition that some filters state.
    pub(super) fn new(table: &Table, filters: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut condition = Self::default();
        for (name, filter) in filters {
            let column = table.column(name)?;
            let sql = table.sql_column(name);
            match filter {
                Value::Object(operators) if operators.is_empty() => {
                    return Err(wrong(name, "an empty object"));
                }
                Value::Object(operators) => {
                    for (operator, value) in operators {
                        condition.add(&sql, column, operator, value)?;
                    }
                }
                value => condition.add(&sql, column, "eq", value)?,
            }
        }
        Ok(condition)
    }

    fn add(
        &mut self,
        sql: &str,
        column: &Column,
        operator: &str,
        value: &Value,
    ) -> Result<(), Refusal> {
        match (operator, value) {
            ("eq", Value::Null) | ("is_null", Value::Bool(true)) => {
                self.terms.push(format!("{sql} IS NULL"))
            }
            ("ne", Value::Null) | ("is_null", Value::Bool(false)) => {
                self.terms.push(format!("{sql} IS NOT NULL"))
            }
            ("eq", value) => self.compare(format!("{sql} = ?"), column.cell(value)?),
            ("ne", value) => self.compare(format!("{sql} IS NOT ?"), column.cell(value)?),
            ("in", Value::Array(values)) if values.len() <= IN_VALUES_MAX => {
                self.one_of(sql, column, values)?
            }
            ("like", Value::String(pattern)) if pattern.chars().count() <= PATTERN_CHARS_MAX => {
                self.compare(format!("{sql} LIKE ? ESCAPE '\\'"), Cell::text(pattern));
            }
            (operator, value) => match ORDERED.iter().find(|(name, _)| *name == operator) {
                Some((_, sign)) if !value.is_null() => {
                    self.compare(format!("{sql} {sign} ?"), column.cell(value)?)
                }
                _ => {
                    return Err(wrong(
                        &column.name,
                        &format!("{operator:?} with this value"),
                    ));
                }
            },
        }
        Ok(())
    }

    fn compare(&mut self, term: String, value: Cell) {
        self.terms.push(term);
        self.values.push(value);
    }

    fn one_of(&mut self, sql: &str, column: &Column, values: &[Value]) -> Result<(), Refusal> {
        let (nulls, values): (Vec<_>, Vec<_>) = values.iter().partition(|value| value.is_null());
        let places = vec!["?"; values.len()].join(", ");
        let or_null = if nulls.is_empty() {
            String::new()
        } else {
            format!(" OR {sql} IS NULL")
        };
        self.terms.push(format!("({sql} IN ({places}){or_null})"));
        for value in values {
            self.values.push(column.cell(value)?);
        }
        Ok(())
    }
}

fn wrong(column: &str, what: &str) -> Refusal {
    Refusal::permanent(
        "filter.invalid",
        format!("the filter of column {column:?} cannot be {what}"),
    )
}
