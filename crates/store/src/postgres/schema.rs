//! The schema `omnihub` and its history: numbered migrations whose text is remembered by checksum.
//!
//! Of processes that start at once one migrates, and the others wait for it.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Connection, Pool};
use crate::error::Error;

/// Every migration, from version 1 on; only ever added to.
const HISTORY: [(&str, &str); 2] = [
    ("first", include_str!("schema/0001_first.sql")),
    ("dispatch", include_str!("schema/0002_dispatch.sql")),
];

/// The latest version known.
const KNOWN: i64 = HISTORY.len() as i64;

/// Read out of the catalogs as they are at that moment: what is looked up by name may be remembered from before another
/// process' migration, and is refused to whoever has no right to it.
const IS_THERE: &str = "SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'omnihub' AND relname = 'migrations'";
const READ: &str = "SELECT sha256 FROM omnihub.migrations ORDER BY version";

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
        BEGIN
            -- From version 16 on whoever makes a role is a member of it, but may not take it.
            IF NOT pg_has_role(current_user, name,
                CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
                EXECUTE format('GRANT %I TO %I', name, current_user);
            END IF;
        EXCEPTION
            WHEN unique_violation THEN NULL;
        END;
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
/// Statements are prepared before a transaction takes its role, so that its rights have to be inherited too.
const MEMBER: &str = "SELECT name FROM unnest(ARRAY['omnihub_app', 'omnihub_driver']) AS name
    WHERE NOT pg_has_role(current_user, name, 'USAGE') OR NOT pg_has_role(current_user, name,
        CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)";
const MEMBER_OF: &str = "this role is no member of, or inherits nothing from,";
/// Tables whose owner, or whose lack of row-level security, would let the application's roles see other tenants.
const UNGUARDED: &str = "SELECT relname::text FROM pg_class
    WHERE relnamespace = 'omnihub'::regnamespace AND relkind = 'r'
    AND (NOT relrowsecurity OR NOT relforcerowsecurity OR pg_has_role('omnihub_app', relowner, 'MEMBER')
        OR pg_has_role('omnihub_driver', relowner, 'MEMBER'))";

/// Brings the schema to the latest version, or refuses it.
pub(super) async fn migrate(pool: &Pool) -> Result<(), Error> {
    if applied(pool).await?.len() as i64 != KNOWN {
        apply(pool).await?;
    }
    compare(&applied(pool).await?)?;
    check_roles(&Connection::take(pool).await?).await
}

/// Makes sure, without changing anything, that the schema is of the version that this program knows.
pub(super) async fn check(pool: &Pool) -> Result<(), Error> {
    let applied = applied(pool).await?;
    compare(&applied)?;
    match applied.len() as i64 {
        0 => Err(Error::NoSchema),
        KNOWN => check_roles(&Connection::take(pool).await?).await,
        version => Err(Error::Migration { version }),
    }
}

/// The checksums of the migrations that the database went through; none where it has no schema of ours.
async fn applied(pool: &Pool) -> Result<Vec<Vec<u8>>, Error> {
    let conn = Connection::take(pool).await?;
    conn.check_syncs().await?;
    if !is_there(&conn).await? {
        return Ok(Vec::new());
    }
    check_none(&conn, MEMBER, MEMBER_OF).await?;
    let [read] = conn.prepare([READ]).await?;
    checksums(&conn.query(&read, []).await?)
}

async fn is_there(conn: &Connection) -> Result<bool, Error> {
    let [is_there] = conn.prepare([IS_THERE]).await?;
    Ok(!conn.query(&is_there, []).await?.is_empty())
}

fn checksums(rows: &[Row]) -> Result<Vec<Vec<u8>>, Error> {
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
    conn.long_batch(LOCK).await?;
    let found = match is_there(&conn).await? {
        true => {
            let [read] = conn.prepare([READ]).await?;
            checksums(&conn.query(&read, []).await?)?
        }
        false => Vec::new(),
    };
    compare(&found)?;
    if found.is_empty() {
        conn.long_batch(FOUND).await?;
    }
    for (version, (name, sql)) in (1_i64..).zip(HISTORY).skip(found.len()) {
        conn.long_batch(sql).await?;
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
    check_none(conn, MEMBER, MEMBER_OF).await?;
    check_none(conn, ROLES, "row-level security does not bind the role").await?;
    check_none(
        conn,
        UNGUARDED,
        "row-level security does not guard the table",
    )
    .await
}

/// Makes sure that a statement finds nothing.
async fn check_none(conn: &Connection, sql: &str, what: &str) -> Result<(), Error> {
    let [statement] = conn.prepare([sql]).await?;
    match conn.query(&statement, []).await?.first() {
        None => Ok(()),
        Some(row) => {
            let name: &str = row.try_get(0)?;
            Err(Error::Privilege(format!("{what} {name}")))
        }
    }
}
