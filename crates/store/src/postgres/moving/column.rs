//! The columns of rows that travel together.

use std::collections::HashMap;

use rusqlite::types::Value;
use tokio_postgres::types::ToSql;

use super::tables::{Kind, Table};
use crate::error::{Damage, Error};

/// The values of a column.
pub(super) enum Column {
    Numbers(Vec<Option<i64>>),
    Flags(Vec<bool>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Tenants(Vec<String>),
}

impl Column {
    /// No values yet of that kind.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::Numbers(Vec::new()),
            Kind::Flag => Self::Flags(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
            Kind::Tenant => Self::Tenants(Vec::new()),
        }
    }

    /// Takes the value of the next row.
    pub(super) fn push(
        &mut self,
        table: &Table,
        value: &Value,
        tenants: &HashMap<i64, String>,
    ) -> Result<(), Error> {
        let wrong = || Damage::row(table.name, "", "a column holds what it should not");
        match (self, value) {
            (Self::Numbers(values), _) => values.push(number(table, Some(value))?),
            (Self::Flags(values), Value::Integer(flag)) => values.push(*flag != 0),
            (Self::Texts(values), Value::Text(text)) => values.push(Some(text.clone())),
            (Self::Texts(values), Value::Null) => values.push(None),
            (Self::Bytes(values), Value::Blob(bytes)) => values.push(Some(bytes.clone())),
            (Self::Bytes(values), Value::Null) => values.push(None),
            (Self::Tenants(values), Value::Integer(number)) => {
                let name = tenants.get(number);
                values.push(name.ok_or_else(wrong)?.clone());
            }
            _ => return Err(wrong().into()),
        }
        Ok(())
    }

    /// All of them, as one value of a statement.
    pub(super) fn values(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(values) => values,
            Self::Flags(values) => values,
            Self::Texts(values) => values,
            Self::Bytes(values) => values,
            Self::Tenants(values) => values,
        }
    }
}

/// A number of a row; `None`: it is absent.
pub(super) fn number(table: &Table, value: Option<&Value>) -> Result<Option<i64>, Error> {
    match value {
        Some(Value::Integer(number)) => Ok(Some(*number)),
        Some(Value::Null) => Ok(None),
        _ => Err(Damage::row(table.name, "", "a column holds what it should not").into()),
    }
}
