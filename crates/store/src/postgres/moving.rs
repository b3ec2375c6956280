//! Taking in a store that was on SQLite.
//!
//! The owner of the tables writes, past row-level security, which is let go and forced again within the transaction.

mod column;
mod tables;

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Value;
use tokio_postgres::types::ToSql;

use self::column::{Column, number};
use self::tables::{Kind, TABLES, Table};
use super::connection::{As, Connection, Pool, pool};
use super::tenants::{SAVE, Tenant};
use super::{PostgresConfig, installation, read_one, schema, toolsets};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::moving::Moved;
use crate::sqlite::Sqlite;
use crate::sqlite::epoch::Epoch;

/// Rows that travel together, and bytes of them: a statement is read whole before it is run, and Postgres takes none of
/// 1 GiB; a row alone may have some MB.
const PIECE: (i64, usize) = (1_000, 8 * 1_048_576);

/// Nobody founds a store here meanwhile, and who has another open waits, and then finds that it is another.
const BEGIN: &str =
    "BEGIN; LOCK TABLE omnihub.installation, omnihub.epochs IN ACCESS EXCLUSIVE MODE";
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
/// The epoch of a seal.
const SEALED: &str = "SELECT number FROM omnihub.epochs WHERE number = $1 AND since = $2";
const TOOLSETS: &str = "SELECT id, digest, body FROM toolsets WHERE id > ?1 ORDER BY id LIMIT ?2";
const INSTALLATION: &str =
    "SELECT id, name, created_at, proof, verifier_key FROM installation WHERE id > ?1 LIMIT ?2";
const TENANT: &str =
    "INSERT INTO omnihub.tenants (number, tenant, last_goal, last_approval, open_goals)
    VALUES ($1, $2, 0, 0, 0)";
/// A store that comes in begins a life of its own: a seal may be moved more than once.
const EPOCH: &str = "INSERT INTO omnihub.epochs
    SELECT max(number) + 1, $1, 'moved in from a data directory' FROM omnihub.epochs RETURNING number";
/// Whoever has seen the controls of another life, and whoever was told of rows of its queue, is never given the same
/// number again: so these begin where no count gets to, with the microseconds since 1970.
const GATE: &str = "UPDATE omnihub.gate SET generation = $1";
/// What was given away is never given again.
const NUMBERS: &str = "SELECT
    setval('omnihub.tenant_numbers', greatest(1, (SELECT max(number) FROM omnihub.tenants))),
    setval(pg_get_serial_sequence('omnihub.inbox', 'id'), greatest(1, $1::bigint)),
    setval(pg_get_serial_sequence('omnihub.outbox', 'id'), greatest(1, $2::bigint)),
    setval(pg_get_serial_sequence('omnihub.queue', 'id'), $3::bigint)";
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

/// Whether a database holds the store that was sealed in an epoch: a move whose end nobody learnt of.
pub(crate) async fn holds(
    config: &PostgresConfig,
    installation: &str,
    sealed: &Epoch,
) -> Result<bool, Error> {
    let pool = pool(config)?;
    let stored = installation::read(&pool).await?;
    let of = As::Chain(&Chain::Installation);
    let epoch = read_one(&pool, of, SEALED, [&sealed.number, &sealed.since]).await?;
    Ok(stored.is_some_and(|stored| stored.name == installation) && !epoch.is_empty())
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

/// A store that was copied whole and is not committed yet.
pub(crate) struct Copied {
    conn: Connection,
    moved: Moved,
}

impl Copied {
    /// Commits it. On an error nobody knows whether it is kept.
    pub(crate) async fn keep(mut self) -> Result<Moved, Error> {
        self.conn.long_batch("COMMIT").await?;
        self.conn.ended();
        Ok(self.moved)
    }
}

/// Copies everything, in one transaction.
pub(crate) async fn copy(pool: &Pool, source: &Sqlite) -> Result<Copied, Error> {
    let mut conn = Connection::take(pool).await?;
    conn.transaction().await?;
    conn.long_batch(BEGIN).await?;
    conn.batch(&FORCE.replace("FORCE", "NO FORCE")).await?;
    refuse_held(&conn).await?;
    let mut moved = Moved {
        rows: Vec::new(),
        entries: 0,
        epoch: 0,
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
    moved.epoch = finish(&conn, source).await?;
    conn.batch(FORCE).await?;
    Ok(Copied { conn, moved })
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
        let rows = source.rows(table.source, after, PIECE).await?;
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
        copied += conn.long_execute(&insert, &values).await?;
    }
}

/// Copies the sets of tools, each with the proof that its row has here.
async fn copy_toolsets(conn: &Connection, source: &Sqlite) -> Result<u64, Error> {
    let shared = source.shared();
    let [store] = conn.prepare([toolsets::STORE]).await?;
    let (mut after, mut copied) = (i64::MIN, 0);
    loop {
        let rows = source.rows(TOOLSETS, after, PIECE).await?;
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
            copied += conn.long_execute(&store, &[digest, body, &proof]).await?;
            after = *id;
        }
    }
}

/// Writes what belongs to no table of its own kind: the installation, the controls' generation, the numbers given away, and
/// the epoch that begins; returns its number.
async fn finish(conn: &Connection, source: &Sqlite) -> Result<u64, Error> {
    let damage = || Damage::row("installation", 1, "it cannot be read");
    let rows = source.rows(INSTALLATION, 0, PIECE).await?;
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
    let given = source.rows(GIVEN, 0, PIECE).await?;
    let Some([_, Value::Integer(inbox), Value::Integer(outbox)]) = given.first().map(Vec::as_slice)
    else {
        return Err(damage().into());
    };
    let now = Timestamp::now().as_microsecond();
    let [found, gate, numbers, epoch] = conn
        .prepare([installation::FOUND, GATE, NUMBERS, EPOCH])
        .await?;
    conn.execute(&found, [name, at, proof, key]).await?;
    conn.execute(&gate, [&now]).await?;
    conn.query(&numbers, [inbox, outbox, &now]).await?;
    let begun = conn.query(&epoch, [&now]).await?;
    let number: i64 = begun.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}
