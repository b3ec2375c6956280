//! Checkpoints in Postgres: each row's number ends in the size.

use std::path::Path;

use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::write;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::Prepared;
use crate::evidence::checkpoint::{self, SignedCheckpoint, file};
use crate::fault;
use crate::postgres::connection::{As, Pool};
use crate::postgres::tenants::chain;
use crate::postgres::{Postgres, read_one};

const FIND: &str = "SELECT note FROM omnihub.checkpoints WHERE id = $1";
const SIGN: &str = "INSERT INTO omnihub.checkpoints VALUES ($1, $2, $3, $4)";
const DUE: &str = "SELECT tenant FROM omnihub.tenants WHERE size > signed ORDER BY number";
/// The checkpoint of a chain at a size.
const AT: &str = "SELECT note FROM omnihub.checkpoints JOIN omnihub.tenants USING (tenant)
    WHERE tenant = $1 AND id = (number << 40) | $2";

impl Postgres {
    pub(crate) async fn sign(
        &self,
        chain: &Chain,
        evidence: Prepared,
    ) -> Result<(SignedCheckpoint, bool), Error> {
        let mut conn = self.connection().await?;
        let mut tenant = self.lock_tenant(&mut conn, chain, None).await?;
        let now = Timestamp::now();
        write(&conn, chain, (&mut tenant, now), evidence).await?;
        let size = tenant.head.next_index();
        let row = tenant.rows().at(size);
        let [find, sign] = conn.prepare([FIND, SIGN]).await?;
        let chain = chain.clone();
        if let Some(found) = conn.query(&find, [&row]).await?.first() {
            let note = found.try_get(0)?;
            conn.roll_back().await?;
            return Ok((SignedCheckpoint { chain, size, note }, false));
        }
        let installation = &self.inner.shared.installation;
        let note = checkpoint::sign(installation, &chain, &tenant.head)?;
        fault::hit("checkpoint");
        let values: [&(dyn ToSql + Sync); 4] =
            [&row, &chain.as_str(), &now.as_microsecond(), &note];
        conn.execute(&sign, values).await?;
        tenant.signed = i64::try_from(size).unwrap_or(i64::MAX);
        self.save_tenant(conn, &tenant).await?;
        Ok((SignedCheckpoint { chain, size, note }, true))
    }

    /// The chains that grew since their last checkpoint.
    pub(crate) async fn chains_due(&self) -> Result<Vec<Chain>, Error> {
        let rows = self.read_one(As::Driver, DUE, []).await?;
        rows.iter().map(chain).collect()
    }
}

/// Names the files of checkpoints that speak of what the database does not hold.
pub(in crate::postgres) async fn unheld(pool: &Pool, dir: &Path) -> Result<Vec<Damage>, Error> {
    let mut damages = Vec::new();
    for chain in file::chains(dir)? {
        let Some(note) = file::read(dir, &chain)? else {
            continue;
        };
        let size = match file::size(&note) {
            Ok(size) => size,
            Err(reason) => {
                damages.push(file::damage(&chain, reason));
                continue;
            }
        };
        let at = i64::try_from(size).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 2] = [&chain.as_str(), &at];
        let rows = read_one(pool, As::Chain(&chain), AT, values).await?;
        let held = rows.first().map(|row| row.try_get::<_, &str>(0));
        if let Err(reason) = file::hold(&note, size, held.transpose()?) {
            damages.push(file::damage(&chain, reason));
        }
    }
    Ok(damages)
}
