//! Facts at rest in Postgres, for as many processes as wanted.
//!
//! What is written for one tenant is written in groups: one transaction locks the tenant's row, looks at the goals that
//! are written to, judges each request by itself, and writes what may be written with its evidence. Groups of different
//! tenants, and of different processes, go on at once; no lock outlives its transaction.
//!
//! Rows carry no checksums of ours: Postgres has its own (`initdb --data-checksums`), and journal, values and evidence
//! are told by their sequence, digests and hashes.

mod append;
mod approvals;
mod backup;
mod check;
mod connection;
mod controls;
mod erase;
mod evidence;
mod goals;
mod group;
mod idempotency;
mod inbox;
mod installation;
mod journal;
mod lead;
pub(crate) mod moving;
mod outbox;
mod poll;
mod schema;
mod tenants;
mod toolsets;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::digest::Digest;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::hints::{Hints, RedisConfig, Server};
use crate::shared::Shared;
use crate::{fault, keys};
use connection::{As, Connection, Pool};
use group::Groups;
use lead::Holder;
use tenants::Tenant;

pub(crate) use backup::back_up_postgres;
pub use check::check_postgres;
pub use evidence::verify::{verifier_key_postgres, verify_postgres};

/// Connections of one process unless the caller says otherwise: a few for each of two processors.
const CONNECTIONS: usize = 10;
/// What the server may take unless the caller says otherwise: hundreds of times what a group takes on a slow disk.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often other processes' commits are looked for unless the caller says otherwise: an event of a goal is seen that
/// late at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The port of Postgres where a URL names none.
const PORT: u16 = 5432;

/// How a store on Postgres is opened. Shown, it does not say the URL, which may hold a password.
#[derive(Clone)]
pub struct PostgresConfig {
    /// The data directory, for keys and the files of checkpoints; it is made where it is missing. Processes that share a
    /// database need the same keys in theirs.
    pub dir: PathBuf,
    /// Where the database is: `postgres://user:password@host:port/database?sslmode=require`. `sslmode=disable` alone
    /// does without encryption.
    pub url: String,
    /// The certificates, as a PEM file, of whoever signs the server's; `None`: those that browsers trust.
    pub ca: Option<PathBuf>,
    /// Connections at once.
    pub connections: usize,
    /// How long the server may take for one answer, what it waits for of other processes included; a process that says
    /// nothing within a transaction for half as long loses it, so that its locks never outlive it.
    pub timeout: Duration,
    /// Redis, through which processes that share the database tell each other where to look before their time; `None`:
    /// they only look every [`PostgresConfig::look_every`].
    pub hints: Option<RedisConfig>,
    /// How often other processes' commits are looked for, whatever hints say. Tests set it, to see what hints do.
    pub look_every: Duration,
}

impl PostgresConfig {
    /// Opens a database as it is meant to be.
    pub fn new(dir: impl Into<PathBuf>, url: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            url: url.into(),
            ca: None,
            connections: CONNECTIONS,
            timeout: TIMEOUT,
            hints: None,
            look_every: LOOK_EVERY,
        }
    }

    /// Which database it is, without who connects and how.
    pub(crate) fn name(&self) -> String {
        let Ok(config) = connection::parse(&self.url) else {
            return "a database whose URL cannot be read".to_owned();
        };
        let host = config.get_hosts().first();
        let host = match host {
            Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
            Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = config.get_ports().first().copied().unwrap_or(PORT);
        let database = config.get_dbname().or_else(|| config.get_user());
        format!("postgres {host}:{port}/{}", database.unwrap_or_default())
    }
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("dir", &self.dir)
            .field("database", &self.name())
            .finish_non_exhaustive()
    }
}

/// A store on Postgres. Clones are the same store.
#[derive(Clone)]
pub(crate) struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    shared: Arc<Shared>,
    groups: Groups,
    holder: Holder,
    /// `None`: there is no Redis.
    hints: Option<Hints>,
    /// Toolsets that are known to be stored.
    toolsets: Mutex<HashSet<Digest>>,
    /// How often controls were shown to whoever follows them.
    shown: AtomicU64,
}

impl Postgres {
    /// Opens a store, or founds it.
    pub(crate) async fn connect(config: PostgresConfig) -> Result<Self, Error> {
        let redis = config.hints.as_ref().map(Server::of).transpose()?;
        let pool = connection::pool(&config)?;
        schema::migrate(&pool).await?;
        keys::create_dir(&config.dir)?;
        for folder in ["keys", "checkpoints"] {
            keys::create_private_dir(&config.dir.join(folder))?;
        }
        let installation = installation::open(&pool, &config.dir).await?;
        let gate = controls::read_gate(&pool).await?;
        let shared = Arc::new(Shared::new(&config.dir, installation, gate));
        let holder = Holder::of(&config.dir)?;
        let hints = redis.map(|server| {
            let counters = Arc::clone(&shared.counters);
            Hints::start(server, &shared.installation.name, counters)
        });
        let store = Self {
            inner: Arc::new(Inner {
                pool,
                shared,
                groups: Groups::default(),
                holder,
                hints,
                toolsets: Mutex::default(),
                shown: AtomicU64::new(0),
            }),
        };
        let unheld = evidence::checkpoint::unheld(&store.inner.pool, &config.dir).await?;
        if let Some(damage) = unheld.into_iter().next() {
            return Err(damage.into());
        }
        poll::start(&store, config.look_every);
        Ok(store)
    }

    /// What the parts of the store share.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.inner.shared)
    }

    /// What it hints to other processes; `None`: there is no Redis.
    pub(crate) fn hints(&self) -> Option<&Hints> {
        self.inner.hints.as_ref()
    }

    async fn connection(&self) -> Result<Connection, Error> {
        Connection::take(&self.inner.pool).await
    }

    /// Reads with one statement.
    async fn read_one<const N: usize>(
        &self,
        of: As<'_>,
        sql: &str,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<Vec<Row>, Error> {
        read_one(&self.inner.pool, of, sql, values).await
    }

    /// Writes with one statement.
    async fn change<const N: usize>(
        &self,
        of: As<'_>,
        sql: &str,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<Vec<Row>, Error> {
        let mut conn = self.connection().await?;
        let setup = conn.transaction().await?;
        let [statement] = conn.prepare([sql]).await?;
        let (_, rows, _) = tokio::try_join!(
            biased;
            conn.begin(&setup, of),
            conn.query(&statement, values),
            conn.batch("COMMIT")
        )?;
        conn.ended();
        Ok(rows)
    }

    /// Begins a transaction that writes for a chain, with its row locked; `before` is a lock that is taken first.
    async fn lock_tenant(
        &self,
        conn: &mut Connection,
        chain: &Chain,
        before: Option<&str>,
    ) -> Result<Tenant, Error> {
        if let Some(tenant) = tenants::lock(conn, chain, before).await? {
            return Ok(tenant);
        }
        // With the connection that is held: all of them could be held by those who need another.
        conn.roll_back().await?;
        tenants::create(conn, chain).await?;
        let locked = tenants::lock(conn, chain, before).await?;
        Ok(locked.ok_or_else(|| Damage::row("tenants", chain, "it is missing"))?)
    }

    /// Writes a tenant's row and commits.
    async fn save_tenant(&self, conn: Connection, tenant: &Tenant) -> Result<(), Error> {
        let [save] = conn.prepare([tenants::SAVE]).await?;
        tenant.save(&conn, &save).await?;
        fault::hit("commit");
        conn.commit().await?;
        fault::hit("committed");
        Ok(())
    }
}

/// Reads with one statement, all of one moment.
async fn read_one<const N: usize>(
    pool: &Pool,
    of: As<'_>,
    sql: &str,
    values: [&(dyn ToSql + Sync); N],
) -> Result<Vec<Row>, Error> {
    let mut conn = Connection::take(pool).await?;
    let setup = conn.transaction().await?;
    let [statement] = conn.prepare([sql]).await?;
    let (_, rows, _) = tokio::try_join!(
        biased;
        conn.begin_read(&setup, of),
        conn.query(&statement, values),
        conn.batch("COMMIT")
    )?;
    conn.ended();
    Ok(rows)
}
