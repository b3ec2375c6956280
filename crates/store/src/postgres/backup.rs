//! Backing up a store on Postgres: read in one transaction, all of one moment, into the same kind of folder that a backup
//! of a data directory is. So it is restored wherever one wants, and whoever may serve may take it.
//!
//! Each chain's rows are read in its own name, past no rule that binds the server, and by an index, so that a backup takes
//! as long as there is to read however many chains there are.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::types::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connection::{As, Connection, Setup, pool};
use super::evidence::verify::{CHAINS, ORPHANS, refuse_orphans};
use super::tenants::{self, Tenant, chain};
use super::{PostgresConfig, installation, schema, toolsets};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::gate::Gate;
use crate::location::blocking;
use crate::numbers::Range;
use crate::shared::Shared;
use crate::sqlite::backup::copy::{self, Copy, Of};
use crate::sqlite::backup::{Folder, Manifest, copy_folders, finish};
use crate::sqlite::{DATABASE, check_full};

/// Rows that are read at once; those of the journal may have megabytes.
const PIECE_ROWS: usize = 256;
const JOURNAL_ROWS: usize = 16;

/// Longer than a piece takes to be written here.
const PATIENT: &str = "SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// What is read, by a query of its own, in which `<number>`, `<first>` and `<last>` stand for a chain and its rows: as
/// numbers, or row-level security would keep them from being looked up by an index.
type Source = (Of, &'static str);

/// What belongs to no chain, or to all, as the driver sees it.
const OF_ALL: [Source; 3] = [
    (
        Of::Tenants,
        "SELECT number, tenant FROM omnihub.tenants ORDER BY number",
    ),
    (
        Of::Controls,
        "SELECT id, tenant, scope, target, mode, reason, set_by, since, until
        FROM omnihub.emergency_controls ORDER BY id",
    ),
    (
        Of::Outbox,
        "SELECT id, number, kind, body, at, attempts, due_at
        FROM omnihub.outbox JOIN omnihub.tenants USING (tenant) ORDER BY id",
    ),
];
/// What belongs to the installation.
const OF_INSTALLATION: [Source; 3] = [
    (
        Of::Installation,
        "SELECT id::bigint, name, created_at, proof, verifier_key FROM omnihub.installation",
    ),
    (
        Of::Epochs,
        "SELECT number, since, cause FROM omnihub.epochs ORDER BY number",
    ),
    (
        Of::Toolsets,
        "SELECT NULL::bigint, digest, body, proof FROM omnihub.toolsets ORDER BY digest",
    ),
];
/// What belongs to a chain, the journal before its goals.
const OF_CHAIN: [Source; 8] = [
    (
        Of::Journal,
        "SELECT NULL::bigint, goal, NULL::bigint, first_sequence, journal.payloads, written_at, form, events, bodies
        FROM omnihub.journal LEFT JOIN omnihub.payloads USING (goal, first_sequence)
        WHERE goal BETWEEN <first> AND <last> ORDER BY goal, first_sequence",
    ),
    (
        Of::Goals,
        "SELECT id, <number>::bigint, goal, owner, created_at, NULL::bigint, status, reason, updated_at, finished_at,
            wake_at, sequence, NULL::bigint, erased_at FROM omnihub.goals
        WHERE id BETWEEN <first> AND <last> ORDER BY id",
    ),
    (
        Of::Inbox,
        "SELECT id, goal, at, person FROM omnihub.inbox WHERE goal BETWEEN <first> AND <last> ORDER BY id",
    ),
    (
        Of::Approvals,
        "SELECT id, <number>::bigint, approval, goal, step, item, digest, reason, requested_at, requested_held,
            expires_in_seconds, status, decided_by, decided_at FROM omnihub.approvals
        WHERE id BETWEEN <first> AND <last> ORDER BY id",
    ),
    (
        Of::Idempotency,
        "SELECT NULL::bigint, <number>::bigint, principal, route, name, digest, answer, goal FROM omnihub.idempotency
        WHERE goal BETWEEN <first> AND <last> ORDER BY goal",
    ),
    (
        Of::Audit,
        "SELECT id, at, form, previous, drafts, hashes FROM omnihub.audit
        WHERE id BETWEEN <first> AND <last> ORDER BY id",
    ),
    (
        Of::Chains,
        "SELECT number, previous, frontier FROM omnihub.tenants WHERE previous IS NOT NULL",
    ),
    (
        Of::Checkpoints,
        "SELECT id, at, note FROM omnihub.checkpoints WHERE id BETWEEN <first> AND <last> ORDER BY id",
    ),
];

/// Copies a store on Postgres into a new folder, with the keys and checkpoints of the data directory beside it; servers may
/// be running. The copy is read whole once it is written.
///
/// # Errors
/// [`Error::Exists`] where the folder is there already; [`Error::Damaged`] where what is read is not what was written;
/// [`Error`] where the database cannot be read or the copy not written. Nothing is left behind then.
pub(crate) async fn back_up_postgres(
    config: &PostgresConfig,
    target: &Path,
) -> Result<Manifest, Error> {
    let pool = pool(config)?;
    schema::check(&pool).await?;
    let installation = installation::held(&pool, &config.dir).await?;
    let shared = Shared::new(&config.dir, installation, Gate::default());
    let (dir, target) = (config.dir.clone(), target.to_owned());
    let begun = blocking(move || {
        let folder = Folder::begin(&target)?;
        copy_folders(&dir, folder.path())?;
        let copy = Copy::begin(&folder.path().join(DATABASE))?;
        Ok((folder, copy))
    });
    let (folder, copy) = begun.await?;
    let taken_at = Timestamp::now();
    let mut conn = Connection::take(&pool).await?;
    let setup = conn.transaction().await?;
    conn.begin_read(&setup, As::Driver).await?;
    conn.batch(PATIENT).await?;
    let copying = Copying {
        copy,
        conn: &conn,
        setup: &setup,
        shared: &shared,
    };
    copying.everything().await?;
    conn.commit().await?;
    blocking(move || {
        let manifest = finish(folder.path(), taken_at)?;
        if let Some(damage) = check_full(folder.path())?.into_iter().next() {
            return Err(damage.into());
        }
        folder.keep()?;
        Ok(manifest)
    })
    .await
}

/// A copy that is being written of what a transaction sees.
struct Copying<'a> {
    copy: Copy,
    conn: &'a Connection,
    setup: &'a Setup,
    shared: &'a Shared,
}

impl Copying<'_> {
    async fn everything(mut self) -> Result<(), Error> {
        let [chains, orphans] = self.conn.prepare([CHAINS, ORPHANS]).await?;
        refuse_orphans(&self.conn.long_query(&orphans).await?)?;
        let rows = self.conn.query(&chains, []).await?;
        let chains = rows.iter().map(chain).collect::<Result<Vec<_>, _>>()?;
        for source in OF_ALL {
            self = self.take(source, 0).await?;
        }
        self.turn(&Chain::Installation).await?;
        for source in OF_INSTALLATION {
            self = self.take(source, 0).await?;
        }
        for chain in &chains {
            self.turn(chain).await?;
            let [read] = self.conn.prepare([tenants::READ]).await?;
            let rows = self.conn.query(&read, [&chain.as_str()]).await?;
            let Some(tenant) = Tenant::read(&rows)? else {
                return Err(Damage::row("tenants", chain, "it is missing").into());
            };
            for source in OF_CHAIN {
                self = self.take(source, tenant.number).await?;
            }
            self = self.compare(chain, tenant).await?;
        }
        Ok(())
    }

    async fn turn(&self, chain: &Chain) -> Result<(), Error> {
        self.conn.turn(self.setup, As::Chain(chain)).await?;
        self.conn.batch(PATIENT).await
    }

    /// Copies what a query finds, a piece at a time.
    async fn take(mut self, (of, query): Source, number: i64) -> Result<Self, Error> {
        let range = Range::of(number);
        let query = query
            .replace("<number>", &number.to_string())
            .replace("<first>", &range.first.to_string())
            .replace("<last>", &range.last.to_string());
        let piece = match of {
            Of::Journal => JOURNAL_ROWS,
            _ => PIECE_ROWS,
        };
        // Named by what it finds: a statement that fetches from it is prepared once for its columns.
        let cursor = format!("all_{of:?}").to_lowercase();
        self.conn
            .batch(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {query}"))
            .await?;
        let fetch = format!("FETCH {piece} FROM {cursor}");
        let [fetch] = self.conn.prepare([fetch.as_str()]).await?;
        loop {
            let rows = self.conn.long_query(&fetch).await?;
            let read = rows.iter().map(values).collect::<Result<Vec<_>, _>>()?;
            let read = match of {
                Of::Toolsets => proven(self.shared, read)?,
                _ => read,
            };
            let mut copy = self.copy;
            self.copy = blocking(move || copy.add(of, read).map(|()| copy)).await?;
            if rows.len() < piece {
                break;
            }
        }
        self.conn.batch(&format!("CLOSE {cursor}")).await?;
        Ok(self)
    }

    /// Makes sure that a chain's rows end where its tenant's row says.
    async fn compare(mut self, chain: &Chain, tenant: Tenant) -> Result<Self, Error> {
        let (copy, chain) = (self.copy, chain.clone());
        self.copy = blocking(move || {
            let (copied, signed) = copy.counted(&chain)?;
            let end = |head: &audit::ChainHead| (head.next_index(), head.previous_hash());
            let reason = if copied.last_goal != tenant.last_goal {
                "it does not end where its goals do"
            } else if copied.last_approval > tenant.last_approval {
                "it ends before its approvals do"
            } else if i64::try_from(copied.open_goals) != Ok(tenant.open_goals) {
                "it does not count its open goals"
            } else if end(&copied.head) != end(&tenant.head) {
                "it does not end where its evidence does"
            } else if i64::try_from(signed).is_ok_and(|signed| signed < tenant.signed) {
                "its newest checkpoint is missing"
            } else {
                return Ok(copy);
            };
            Err(Damage::row("tenants", tenant.number, reason).into())
        })
        .await?;
        Ok(self)
    }
}

/// Takes the proofs off sets of tools, which are for Postgres alone, once they were held against their rows.
fn proven(shared: &Shared, rows: Vec<copy::Row>) -> Result<Vec<copy::Row>, Error> {
    let check = |mut row: copy::Row| match (row.pop(), row.get(1), row.get(2)) {
        (Some(Value::Blob(proof)), Some(Value::Blob(digest)), Some(Value::Blob(body)))
            if toolsets::proof(shared, digest, body).as_bytes().as_slice() == proof =>
        {
            Ok(row)
        }
        _ => Err(Damage::row("toolsets", "", "one is not what was written").into()),
    };
    rows.into_iter().map(check).collect()
}

/// The columns of a row, by their types.
fn values(row: &Row) -> Result<copy::Row, Error> {
    let value = |(column, of): (usize, &Type)| -> Result<Value, Error> {
        Ok(match *of {
            Type::INT8 => row.try_get::<_, Option<i64>>(column)?.into(),
            Type::BOOL => row.try_get::<_, bool>(column)?.into(),
            Type::TEXT => row.try_get::<_, Option<String>>(column)?.into(),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column)?.into(),
            _ => return Err(Damage::row("schema", of.name(), "no table has such a type").into()),
        })
    };
    let types = row.columns().iter().map(|column| column.type_());
    types.enumerate().map(value).collect()
}
