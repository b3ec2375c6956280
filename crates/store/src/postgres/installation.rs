//! The installation in Postgres.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use tokio_postgres::Row;

use super::connection::{As, Connection, Life, Pool};
use super::read_one;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::installation::{Installation, Stored, TABLE};
use crate::location::blocking;
use crate::sqlite::DATABASE;
use crate::sqlite::moving::seal_in;

/// Of processes that found it at once one does.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1330140515)";
const READ: &str = "SELECT name, proof, verifier_key FROM omnihub.installation";
pub(super) const FOUND: &str = "INSERT INTO omnihub.installation VALUES (1, $1, $2, $3, $4)";
const EPOCH: &str = "SELECT number, since FROM omnihub.epochs ORDER BY number DESC LIMIT 1";
const FIRST_EPOCH: &str = "INSERT INTO omnihub.epochs VALUES (1, $1, 'founded')";

/// Reads the installation, or founds it where the database is new; from now on the pool keeps to its store.
pub(super) async fn open(pool: &Pool, dir: &Path) -> Result<Installation, Error> {
    let mut conn = Connection::take(pool).await?;
    let setup = conn.transaction().await?;
    let [lock, read, epoch] = conn.prepare([LOCK, READ, EPOCH]).await?;
    let (_, _, rows, epochs) = tokio::try_join!(
        biased;
        conn.begin(&setup, As::Chain(&Chain::Installation)),
        conn.query(&lock, []),
        conn.query(&read, []),
        conn.query(&epoch, [])
    )?;
    let (stored, life) = match (rows.first(), epochs.first()) {
        (Some(row), Some(epoch)) => (stored(row)?, life(epoch)?),
        // A store that was founded before is never founded again.
        (None, Some(_)) => return Err(missing().into()),
        (Some(_), None) => return Err(Damage::row("epochs", 1, "it is missing").into()),
        // Nor is one founded beside another that was meant to be moved.
        _ if dir.join(DATABASE).exists() => return Err(not_moved(dir.to_owned()).await?),
        _ => found(&conn, dir).await?,
    };
    // The keys are looked at before anything is kept.
    let installation = stored.with_keys(dir, life.number)?;
    conn.batch("COMMIT").await?;
    conn.ended();
    pool.keep_to(life);
    Ok(installation)
}

/// Reads the newest epoch.
fn life(row: &Row) -> Result<Life, Error> {
    Ok(Life {
        number: row.try_get(0)?,
        since: row.try_get(1)?,
    })
}

/// What whoever wants to found a store beside one on SQLite is told: what became of that.
async fn not_moved(dir: PathBuf) -> Result<Error, Error> {
    let read = dir.clone();
    let seal = blocking(move || seal_in(&read)).await?;
    Ok(match seal {
        None => Error::NotMoved { dir },
        Some(seal) if seal.arrived => seal.moved(&dir),
        Some(seal) => Error::MoveCut { dir, to: seal.to },
    })
}

/// Reads the installation with its keys, and changes nothing.
pub(super) async fn held(pool: &Pool, dir: &Path) -> Result<Installation, Error> {
    let of = As::Chain(&Chain::Installation);
    let epochs = read_one(pool, of, EPOCH, []).await?;
    let epoch = epochs.first().map(|row| row.try_get(0)).transpose()?;
    let stored = read(pool).await?.ok_or_else(missing)?;
    stored.with_keys(dir, epoch.unwrap_or(0))
}

/// The damage of a database without its installation.
pub(super) fn missing() -> Damage {
    Damage::row(TABLE, 1, "it is missing")
}

/// Reads the installation; `None`: the database holds none.
pub(super) async fn read(pool: &Pool) -> Result<Option<Stored>, Error> {
    let rows = read_one(pool, As::Chain(&Chain::Installation), READ, []).await?;
    rows.first().map(stored).transpose()
}

fn stored(row: &Row) -> Result<Stored, Error> {
    Ok(Stored {
        name: row.try_get(0)?,
        proof: row.try_get(1)?,
        verifier_key: row.try_get(2)?,
    })
}

async fn found(conn: &Connection, dir: &Path) -> Result<(Stored, Life), Error> {
    let stored = Stored::found(dir)?;
    let now = Timestamp::now().as_microsecond();
    let [found, first_epoch] = conn.prepare([FOUND, FIRST_EPOCH]).await?;
    tokio::try_join!(
        biased;
        conn.execute(
            &found,
            [&stored.name, &now, &stored.proof, &stored.verifier_key]
        ),
        conn.execute(&first_epoch, [&now])
    )?;
    let first = Life {
        number: 1,
        since: now,
    };
    Ok((stored, first))
}
