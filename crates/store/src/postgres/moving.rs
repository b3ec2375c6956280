//! Taking in a store that was on SQLite.
//!
//! The owner of the tables writes, past row-level security, which is let go and forced again within the transaction.

mod column;
mod tables;

use std::collections::HashMap;

use rusqlite::types::Value;
use tokio_postgres::types::ToSql;

use self::column::{Column, number};
use self::tables::{Kind, TABLES, Table};
use super::connection::{Connection, Pool, pool};
use super::tenants::{SAVE, Tenant};
use super::{PostgresConfig, installation, schema, toolsets};
use crate::error::{Damage, Error};
use crate::moving::Moved;
use crate::sqlite::Sqlite;

/// Rows that travel together.
const PIECE_ROWS: i64 = 1_000;

/// Nobody founds a store here meanwhile.
const BEGIN: &str = "BEGIN; LOCK TABLE omnihub.installation IN ACCESS EXCLUSIVE MODE";
const HELD: &str = "SELECT count(*) FROM omnihub.installation";
/// Row-level security binds the owner too, but for this transaction.
const FORCE: &str = "DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE omnihub.%I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$";
const TOOLSETS: &str = "SELECT id, digest, body FROM toolsets WHERE id > ?1 ORDER BY id LIMIT ?2";
const INSTALLATION: &str =
    "SELECT id, name, created_at, proof, verifier_key FROM installation WHERE id > ?1 LIMIT ?2";
const TENANT: &str =
    "INSERT INTO omnihub.tenants (number, tenant, last_goal, last_approval, open_goals)
    VALUES ($1, $2, 0, 0, 0)";
/// What was given away is never given again.
const NUMBERS: &str = "SELECT
    setval('omnihub.tenant_numbers', greatest(1, (SELECT max(number) FROM omnihub.tenants))),
    setval(pg_get_serial_sequence('omnihub.inbox', 'id'), greatest(1, $1::bigint)),
    setval(pg_get_serial_sequence('omnihub.outbox', 'id'), greatest(1, $2::bigint))";
const GIVEN: &str = "SELECT 0, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'inbox'), 0),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) WHERE ?1 < ?2";

/// Makes the schema where it is missing, and sees that nothing is in it.
pub(crate) async fn open_empty(config: &PostgresConfig) -> Result<Pool, Error> {
    let pool = pool(config)?;
    schema::migrate(&pool).await?;
    match installation::read(&pool).await? {
        None => Ok(pool),
        Some(_) => Err(Error::NotEmpty),
    }
}

/// Sees that no store is in a database, which may not even have the schema.
pub(crate) async fn check_empty(config: &PostgresConfig) -> Result<(), Error> {
    open_empty(config).await.map(drop)
}

async fn refuse_held(conn: &Connection) -> Result<(), Error> {
    let [held] = conn.prepare([HELD]).await?;
    let rows = conn.query(&held, []).await?;
    let held: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    match held {
        0 => Ok(()),
        _ => Err(Error::NotEmpty),
    }
}

/// Copies everything, in one transaction.
pub(crate) async fn copy(pool: &Pool, source: &Sqlite) -> Result<Moved, Error> {
    let mut conn = Connection::take(pool).await?;
    conn.transaction().await?;
    conn.long_batch(BEGIN).await?;
    conn.batch(&FORCE.replace("FORCE", "NO FORCE")).await?;
    refuse_held(&conn).await?;
    let mut moved = Moved {
        rows: Vec::new(),
        entries: 0,
    };
    let mut tenants = HashMap::new();
    for counted in source.counted().await? {
        let number = counted.tenant.number;
        let name = counted.chain.as_str().to_owned();
        let tenant = Tenant {
            number,
            last_goal: counted.tenant.last_goal,
            last_approval: counted.tenant.last_approval,
            open_goals: i64::try_from(counted.tenant.open_goals).unwrap_or(i64::MAX),
            signed: i64::try_from(counted.signed).unwrap_or(i64::MAX),
            head: counted.tenant.head,
        };
        moved.entries += tenant.head.next_index();
        let [insert, save] = conn.prepare([TENANT, SAVE]).await?;
        conn.execute(&insert, [&number, &name]).await?;
        tenant.save(&conn, &save).await?;
        tenants.insert(number, name);
    }
    for table in &TABLES {
        let rows = copy_table(&conn, source, table, &tenants).await?;
        moved.rows.push((table.name, rows));
    }
    let toolsets = copy_toolsets(&conn, source).await?;
    moved.rows.push(("toolsets", toolsets));
    finish(&conn, source).await?;
    conn.batch(FORCE).await?;
    conn.long_batch("COMMIT").await?;
    conn.ended();
    Ok(moved)
}

async fn copy_table(
    conn: &Connection,
    source: &Sqlite,
    table: &Table,
    tenants: &HashMap<i64, String>,
) -> Result<u64, Error> {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
    let types = table.columns.iter().enumerate().map(|(place, (_, kind))| {
        let kind = match kind {
            Kind::Number => "bigint",
            Kind::Flag => "boolean",
            Kind::Text | Kind::Tenant => "text",
            Kind::Bytes => "bytea",
        };
        format!("${}::{kind}[]", place + 1)
    });
    let insert = format!(
        "INSERT INTO omnihub.{} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest({})",
        table.name,
        names.join(", "),
        types.collect::<Vec<_>>().join(", ")
    );
    let [insert] = conn.prepare([insert.as_str()]).await?;
    let (mut after, mut copied) = (i64::MIN, 0);
    loop {
        let rows = source.rows(table.source, after, PIECE_ROWS).await?;
        let Some(last) = rows.last() else {
            return Ok(copied);
        };
        after = number(table, last.first())?.unwrap_or(i64::MAX);
        let mut columns: Vec<Column> = table
            .columns
            .iter()
            .map(|(_, kind)| Column::of(*kind))
            .collect();
        for row in &rows {
            for (column, value) in columns.iter_mut().zip(row.iter().skip(1)) {
                column.push(table, value, tenants)?;
            }
        }
        let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::values).collect();
        copied += conn.execute_all(&insert, &values).await?;
    }
}

/// Copies the sets of tools, each with the proof that its row has here.
async fn copy_toolsets(conn: &Connection, source: &Sqlite) -> Result<u64, Error> {
    let shared = source.shared();
    let [store] = conn.prepare([toolsets::STORE]).await?;
    let (mut after, mut copied) = (i64::MIN, 0);
    loop {
        let rows = source.rows(TOOLSETS, after, PIECE_ROWS).await?;
        if rows.is_empty() {
            return Ok(copied);
        }
        for row in rows {
            let [Value::Integer(id), Value::Blob(digest), Value::Blob(body)] = row.as_slice()
            else {
                return Err(
                    Damage::row("toolsets", after, "the row after it cannot be read").into(),
                );
            };
            let proof = toolsets::proof(&shared, digest, body);
            let proof = proof.as_bytes().as_slice();
            copied += conn.execute(&store, [digest, body, &proof]).await?;
            after = *id;
        }
    }
}

/// Writes what belongs to no table of its own kind: the installation, the controls' generation, the numbers given away.
async fn finish(conn: &Connection, source: &Sqlite) -> Result<(), Error> {
    let damage = || Damage::row("installation", 1, "it cannot be read");
    let rows = source.rows(INSTALLATION, 0, 1).await?;
    let Some(
        [
            _,
            Value::Text(name),
            Value::Integer(at),
            Value::Blob(proof),
            Value::Text(key),
        ],
    ) = rows.first().map(Vec::as_slice)
    else {
        return Err(damage().into());
    };
    let [found, gate, numbers] = conn
        .prepare([
            installation::FOUND,
            "UPDATE omnihub.gate SET generation = 1 + (SELECT count(*) FROM omnihub.emergency_controls)",
            NUMBERS,
        ])
        .await?;
    conn.execute(&found, [name, at, proof, key]).await?;
    conn.execute(&gate, []).await?;
    let given = source.rows(GIVEN, 0, 1).await?;
    let Some([_, Value::Integer(inbox), Value::Integer(outbox)]) = given.first().map(Vec::as_slice)
    else {
        return Err(damage().into());
    };
    conn.query(&numbers, [inbox, outbox]).await?;
    Ok(())
}
