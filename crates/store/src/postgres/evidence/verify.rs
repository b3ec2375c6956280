//! Verifying the evidence of a database, also while servers write to it.

use audit::{Fault, Hash, Report, VerifierKey};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::list::OLDEST;
use super::read;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::Stored;
use crate::evidence::checkpoint::file;
use crate::evidence::verify::{
    CHECKPOINTS_MAX, Held, PIECE_ROWS, Unproven, Verified, VerifyOptions, Walk,
};
use crate::installation::Stored as StoredInstallation;
use crate::numbers::{Range, serial};
use crate::postgres::connection::{As, Connection, Pool, pool};
use crate::postgres::tenants::{self, Tenant, chain};
use crate::postgres::{PostgresConfig, installation, read_one, schema};

pub(in crate::postgres) const CHAINS: &str = "SELECT tenant FROM omnihub.tenants ORDER BY number";
/// Tenants that goals speak of and the store does not have.
pub(in crate::postgres) const ORPHANS: &str = "SELECT min(id), tenant FROM omnihub.goals
    WHERE NOT EXISTS (SELECT 1 FROM omnihub.tenants WHERE tenants.tenant = goals.tenant) GROUP BY tenant";
/// The newest checkpoints of a chain, and others spread over its life.
const NOTES: &str = "SELECT note FROM (
        SELECT note, id, row_number() OVER (ORDER BY id DESC) - 1 AS position, count(*) OVER () AS count
        FROM omnihub.checkpoints WHERE tenant = $1) AS numbered
    WHERE position % (count / $2 + 1) = 0 ORDER BY id DESC";
const BEYOND: &str = "SELECT 1 FROM omnihub.audit WHERE tenant = $1 AND id >= $2 LIMIT 1";

/// Returns the public key that a database's checkpoints are signed by.
///
/// # Errors
/// [`Error`] where there is no store that can be read.
pub async fn verifier_key_postgres(config: &PostgresConfig) -> Result<VerifierKey, Error> {
    stored(&pool(config)?).await?.key()
}

/// Verifies the evidence of a database; servers may be writing to it.
///
/// # Errors
/// [`Error`] where there is no store that can be read; what is wrong with the evidence is in the answer.
pub async fn verify_postgres(
    config: &PostgresConfig,
    options: &VerifyOptions,
) -> Result<Vec<Verified>, Error> {
    verify(&pool(config)?, config, options).await
}

/// Verifies with connections that are there.
pub(in crate::postgres) async fn verify(
    pool: &Pool,
    config: &PostgresConfig,
    options: &VerifyOptions,
) -> Result<Vec<Verified>, Error> {
    let installation = stored(pool).await?;
    let own_key = installation.key()?;
    refuse_orphans(&read_one(pool, As::Driver, ORPHANS, []).await?)?;
    // The files are read before the database.
    let mut files = Vec::new();
    for chain in file::chains(&config.dir)? {
        files.extend(file::read(&config.dir, &chain)?.map(|note| (chain, note)));
    }
    let rows = read_one(pool, As::Driver, CHAINS, []).await?;
    let mut chains = rows.iter().map(chain).collect::<Result<Vec<_>, _>>()?;
    chains.retain(|chain| options.chain.as_ref().is_none_or(|only| only == chain));
    let mut verified = Vec::new();
    for chain in chains {
        let file = files.iter().position(|(of, _)| *of == chain);
        let held = Held {
            chain: &chain,
            installation: &installation.name,
            own_key: &own_key,
            newest: file.map(|file| files.swap_remove(file).1),
        };
        let result = match verify_chain(pool, &held, options).await {
            Ok(result) => result,
            Err(Error::Damaged(damage)) => Err(Unproven::Damaged(damage)),
            Err(error) => return Err(error),
        };
        verified.push(Verified { chain, result });
    }
    // Chains that only a checkpoint's file speaks of.
    files.retain(|(of, _)| options.chain.as_ref().is_none_or(|only| only == of));
    verified.extend(files.into_iter().map(|(chain, note)| {
        let reason = match file::size(&note) {
            Ok(size) => file::hold(&note, size, None).err().unwrap_or_default(),
            Err(reason) => reason.to_owned(),
        };
        Verified {
            result: Err(Unproven::Damaged(file::damage(&chain, reason))),
            chain,
        }
    }));
    Ok(verified)
}

/// Refuses what [`ORPHANS`] finds.
pub(in crate::postgres) fn refuse_orphans(rows: &[Row]) -> Result<(), Error> {
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let id: i64 = row.try_get(0)?;
    let reason = "it is of a tenant that the store does not have";
    Err(Damage::row("goals", id, reason).into())
}

async fn stored(pool: &Pool) -> Result<StoredInstallation, Error> {
    schema::check(pool).await?;
    let stored = installation::read(pool).await?;
    Ok(stored.ok_or_else(installation::missing)?)
}

/// Verifies one chain.
async fn verify_chain(
    pool: &Pool,
    held: &Held<'_>,
    options: &VerifyOptions,
) -> Result<Result<Report, Unproven>, Error> {
    let name = held.chain.as_str();
    // Of one moment, so that a server that writes meanwhile makes no difference.
    let mut conn = Connection::take(pool).await?;
    let setup = conn.transaction().await?;
    let [tenant, notes, beyond] = conn.prepare([tenants::READ, NOTES, BEYOND]).await?;
    let (_, tenant, notes) = tokio::try_join!(
        biased;
        conn.begin_read(&setup, As::Chain(held.chain)),
        conn.query(&tenant, [&name]),
        conn.query(&notes, [&name, &CHECKPOINTS_MAX])
    )?;
    let Some(tenant) = Tenant::read(&tenant)? else {
        return Err(Damage::row("tenants", name, "it is missing").into());
    };
    let (rows, size) = (tenant.rows(), tenant.head.next_index());
    let found = conn.query(&beyond, [&name, &rows.at(size)]).await?;
    conn.commit().await?;
    if !found.is_empty() {
        let reason = "it ends before the entries do";
        let damage = Damage::row("tenants", tenant.number, reason);
        return Ok(Err(Unproven::Damaged(damage)));
    }
    let notes = notes.iter().map(|row| Ok(row.try_get(0)?));
    let notes = notes.collect::<Result<Vec<_>, Error>>()?;
    let mut walk = match held.walk(size, notes, options) {
        Ok(walk) => walk,
        Err(unproven) => return Ok(Err(unproven)),
    };
    let mut last = None;
    while walk.next < size {
        if let Err(fault) = piece(pool, held.chain, rows, (&mut walk, &mut last)).await? {
            return Ok(Err(Unproven::Fault(fault)));
        }
    }
    let finished = walk.finish();
    // What is sealed next goes on from the row's hashes.
    if let Ok(report) = &finished
        && (report.root, last) != (tenant.head.frontier().root(), tenant.head.previous_hash())
    {
        let reason = "it does not end as the entries do";
        let damage = Damage::row("tenants", tenant.number, reason);
        return Ok(Err(Unproven::Damaged(damage)));
    }
    Ok(finished)
}

/// Feeds some rows to the verifier.
async fn piece(
    pool: &Pool,
    chain: &Chain,
    rows: Range,
    (walk, last): (&mut Walk<'_>, &mut Option<Hash>),
) -> Result<Result<(), Fault>, Error> {
    let (from, to) = (rows.at(walk.next), rows.at(walk.size));
    let values: [&(dyn ToSql + Sync); 4] = [&chain.as_str(), &from, &to, &PIECE_ROWS];
    let found = read_one(pool, As::Chain(chain), OLDEST, values).await?;
    for row in &found {
        let stored = read(row);
        *last = stored.as_ref().ok().and_then(Stored::last_hash);
        if let Err(fault) = walk.feed(serial(row.try_get(0)?), stored)? {
            return Ok(Err(fault));
        }
    }
    if i64::try_from(found.len()) != Ok(PIECE_ROWS) {
        walk.next = walk.size;
    }
    Ok(Ok(()))
}
