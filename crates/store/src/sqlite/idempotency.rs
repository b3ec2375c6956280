//! Idempotency keys in SQLite.

use domain::digest::Digest;
use domain::id::TenantId;
use rusqlite::Connection;

use super::table::{Table, blob, integer, text};
use super::{Sqlite, tenants};
use crate::error::{Damage, Error};
use crate::fault;
use crate::idempotency::{Answer, RequestKey};

/// The table of answers.
pub(crate) const IDEMPOTENCY: Table = Table {
    name: "idempotency",
    insert: "INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
};

impl Sqlite {
    pub(crate) async fn answer(
        &self,
        tenant: &TenantId,
        key: &RequestKey,
    ) -> Result<Option<Answer>, Error> {
        let (tenant, key) = (tenant.clone(), key.clone());
        self.read(
            move |reading| match tenants::number(reading.conn, tenant.as_str())? {
                Some(number) => find(reading.conn, number, &key),
                None => Ok(None),
            },
        )
        .await
    }
}

/// Finds the answer of a request key.
pub(crate) fn find(
    conn: &Connection,
    tenant: i64,
    key: &RequestKey,
) -> Result<Option<Answer>, Error> {
    let sql = "SELECT * FROM idempotency WHERE tenant = ?1 AND principal = ?2 AND route = ?3 AND name = ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query((tenant, key.principal.as_str(), &key.route, &key.key))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    IDEMPOTENCY.check(row)?;
    let id: i64 = row.get(0)?;
    let body: Vec<u8> = row.get(5)?;
    let body = body
        .try_into()
        .map_err(|_| Damage::row(IDEMPOTENCY.name, id, "its digest cannot be read"))?;
    Ok(Some(Answer {
        body: Digest::from_bytes(body),
        answer: row.get(6)?,
    }))
}

/// Keeps the answer of a request key; the row has the number of the journal row that it belongs to.
pub(crate) fn insert(
    conn: &Connection,
    (journal, tenant, goal): (i64, i64, i64),
    key: &RequestKey,
    answer: &Answer,
) -> Result<(), Error> {
    fault::hit("append.idempotency");
    let values = [
        integer(journal),
        integer(tenant),
        text(key.principal.as_str()),
        text(&key.route),
        text(&key.key),
        blob(answer.body.as_bytes()),
        blob(&answer.answer),
        integer(goal),
    ];
    IDEMPOTENCY.insert(conn, &values)
}
