//! The schema `omnihub` and its history: numbered migrations whose text is remembered by checksum.
//!
//! Of processes that start at once one migrates, and the others wait for it.

use deadpool_postgres::Pool;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use crate::error::Error;

/// Every migration, from version 1 on; only ever added to.
const HISTORY: [(&str, &str); 1] = [("first", include_str!("schema/0001_first.sql"))];

/// The latest version known.
const KNOWN: i64 = HISTORY.len() as i64;

/// "OHub", of which the lock of whoever migrates is made.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1330140514)";

/// The roles belong to the server, not to the database: whoever was first has made them. The role that connects has to be
/// a member to take them; a superuser is of every role.
const FOUND: &str = "
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['omnihub_app', 'omnihub_driver'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION
            -- Another database of this server was quicker.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', name, current_user);
        END IF;
    END LOOP;
END $$;
CREATE SCHEMA omnihub;
CREATE TABLE omnihub.migrations (
    version bigint PRIMARY KEY,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at bigint NOT NULL
);
";

/// Whether the roles are what row-level security stands on.
const ROLES: &str = "SELECT rolname::text FROM pg_roles
    WHERE rolname IN ('omnihub_app', 'omnihub_driver') AND (rolsuper OR rolbypassrls)";
const MEMBER: &str = "SELECT name FROM unnest(ARRAY['omnihub_app', 'omnihub_driver']) AS name
    WHERE NOT pg_has_role(current_user, name, 'MEMBER')";
/// Tables whose owner, or whose lack of row-level security, would let the application's roles see other tenants.
const UNGUARDED: &str = "SELECT relname::text FROM pg_class
    WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r'
    AND (NOT relrowsecurity OR NOT relforcerowsecurity OR pg_has_role('omnihub_app', relowner, 'MEMBER')
        OR pg_has_role('omnihub_driver', relowner, 'MEMBER'))";

/// Brings the schema to the latest version, or refuses it.
pub(super) async fn migrate(pool: &Pool) -> Result<(), Error> {
    let conn = Connection::take(pool).await?;
    let applied = applied(&conn).await?;
    drop(conn);
    if applied.len() as i64 != KNOWN {
        apply(pool).await?;
    }
    let conn = Connection::take(pool).await?;
    compare(&self::applied(&conn).await?)?;
    check_roles(&conn).await
}

/// Makes sure, without changing anything, that the schema is of the version that this program knows.
pub(super) async fn check(pool: &Pool) -> Result<(), Error> {
    let conn = Connection::take(pool).await?;
    let applied = applied(&conn).await?;
    compare(&applied)?;
    match applied.len() as i64 {
        0 => Err(Error::NoSchema),
        KNOWN => check_roles(&conn).await,
        version => Err(Error::Migration { version }),
    }
}

/// The checksums of the migrations that the database went through; none where it has no schema of ours.
async fn applied(conn: &Connection) -> Result<Vec<Vec<u8>>, Error> {
    let [found] = conn
        .prepare(["SELECT to_regclass('omnihub.migrations') IS NOT NULL"])
        .await?;
    let rows = conn.query(&found, []).await?;
    let is_there = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => false,
    };
    if !is_there {
        return Ok(Vec::new());
    }
    let [read] = conn
        .prepare(["SELECT sha256 FROM omnihub.migrations ORDER BY version"])
        .await?;
    let rows = conn.query(&read, []).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn compare(applied: &[Vec<u8>]) -> Result<(), Error> {
    let found = applied.len() as i64;
    if found > KNOWN {
        return Err(Error::NewerSchema {
            found,
            known: KNOWN,
        });
    }
    for ((version, (_, sql)), stored) in (1..).zip(HISTORY).zip(applied) {
        if stored.as_slice() != &Sha256::digest(sql)[..] {
            return Err(Error::Migration { version });
        }
    }
    Ok(())
}

/// Applies what is missing, in one transaction that one process at a time is in.
async fn apply(pool: &Pool) -> Result<(), Error> {
    let mut conn = Connection::take(pool).await?;
    let _ = conn.transaction().await?;
    conn.batch("BEGIN").await?;
    conn.batch(LOCK).await?;
    let found = applied(&conn).await?;
    compare(&found)?;
    if found.is_empty() {
        conn.batch(FOUND).await?;
    }
    for (version, (name, sql)) in (1_i64..).zip(HISTORY).skip(found.len()) {
        conn.batch(sql).await?;
        let [note] = conn
            .prepare(["INSERT INTO omnihub.migrations VALUES ($1, $2, $3, $4)"])
            .await?;
        let (sha256, now) = (
            Sha256::digest(sql).to_vec(),
            Timestamp::now().as_microsecond(),
        );
        let values: [&(dyn ToSql + Sync); 4] = [&version, &name, &sha256, &now];
        conn.execute(&note, values).await?;
    }
    conn.batch("COMMIT").await?;
    conn.ended();
    Ok(())
}

/// Makes sure that row-level security stands between tenants.
async fn check_roles(conn: &Connection) -> Result<(), Error> {
    let [roles, member, unguarded] = conn.prepare([ROLES, MEMBER, UNGUARDED]).await?;
    for (statement, what) in [
        (member, "this role is not a member of"),
        (roles, "row-level security does not bind the role"),
        (unguarded, "row-level security does not guard the table"),
    ] {
        if let Some(row) = conn.query(&statement, []).await?.first() {
            let name: &str = row.try_get(0)?;
            return Err(Error::Privilege(format!("{what} {name}")));
        }
    }
    Ok(())
}
