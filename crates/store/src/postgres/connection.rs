//! Connections: a pool of them, and transactions whose statements travel together.
//!
//! A transaction that may write makes sure that the store is the one that was opened, before anything else: a database
//! that was restored has a hold that whoever has the one before open knows nothing of.
//!
//! A transaction takes the role that may see one tenant, or the driver's queues, for itself alone: nothing is left on the
//! connection, so that a pooler may stand between. Statements are prepared first, so that those that are awaited together
//! (`try_join!` with `biased`, which polls in the order that is written) are sent at once and in order.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, RecyclingMethod, Runtime};
use futures_util::future::try_join_all;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresConfig;
use crate::chain::Chain;
use crate::error::Error;
use crate::tls;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Probes of a connection that says nothing: their interval, and how many may stay without an answer.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_TRIES: u32 = 4;

/// Takes the role for this transaction, and makes sure that its COMMIT waits for the disk and its locks not for a process
/// that is gone.
const BEGIN: &str = "SELECT set_config('role', $1, true), set_config('omnihub.tenant', $2, true),
    set_config('synchronous_commit', 'on', true), set_config('idle_in_transaction_session_timeout', $3, true),
    current_setting('fsync')";
/// Fails, and the transaction with it, unless the store's newest epoch is the one that it was opened in. Whoever reads it
/// keeps the table as it is until the transaction ends.
const ALIVE: &str = "SELECT 1 / count(*) FROM (SELECT number, since FROM omnihub.epochs ORDER BY number DESC LIMIT 1)
    AS newest WHERE number = $1 AND since = $2";
/// Whether the server syncs at all.
const FSYNC: &str = "SELECT current_setting('fsync')";

/// A pool of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: deadpool_postgres::Pool,
    /// How long the server may take for one answer.
    timeout: Duration,
    /// Empty: no store is opened.
    life: Arc<OnceLock<Life>>,
}

/// The life of a store: its newest epoch, which no other store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) number: i64,
    pub(super) since: i64,
}

impl Pool {
    /// Writes from now on only to the store of that life.
    pub(super) fn keep_to(&self, life: Life) {
        // A pool is of one store, which is opened once.
        self.life.get_or_init(|| life);
    }

    /// The life of the store that is open; `None`: none is.
    pub(super) fn life(&self) -> Option<Life> {
        self.life.get().copied()
    }
}

/// Makes the pool; nothing is connected yet.
pub(super) fn pool(config: &PostgresConfig) -> Result<Pool, Error> {
    let mut postgres = parse(&config.url)?;
    postgres.connect_timeout(CONNECT_TIMEOUT);
    postgres.keepalives_idle(KEEPALIVE);
    postgres.keepalives_interval(KEEPALIVE);
    postgres.keepalives_retries(KEEPALIVE_TRIES);
    postgres.tcp_user_timeout(KEEPALIVE * KEEPALIVE_TRIES);
    postgres.application_name("omnihub");
    let manager = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match postgres.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(postgres, NoTls, manager),
        _ => {
            // `prefer` would go on in clear with whoever says that it knows no encryption.
            postgres.ssl_mode(SslMode::Require);
            let client = tls::client(config.ca.as_deref())?;
            Manager::from_config(postgres, MakeRustlsConnect::new(client), manager)
        }
    };
    let pool = deadpool_postgres::Pool::builder(manager)
        .max_size(config.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(config.timeout))
        .create_timeout(Some(CONNECT_TIMEOUT.min(config.timeout)))
        .build()
        .map_err(|error| Error::Unreachable(error.to_string()))?;
    Ok(Pool {
        pool,
        timeout: config.timeout,
        life: Arc::default(),
    })
}

/// Reads a URL; what is wrong with it is said without it, since it may hold a password.
pub(super) fn parse(url: &str) -> Result<Config, Error> {
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(Error::Url(
            "it begins with neither postgres:// nor postgresql://".to_owned(),
        ));
    }
    let config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let source = std::error::Error::source(&error);
        Error::Url(source.map_or_else(|| error.to_string(), ToString::to_string))
    })?;
    match config.get_hosts().is_empty() {
        true => Err(Error::Url("it names no host".to_owned())),
        false => Ok(config),
    }
}

fn syncs(rows: &[Row], column: usize) -> Result<(), Error> {
    let setting = rows.first().map(|row| row.try_get(column)).transpose()?;
    match setting {
        Some("on") => Ok(()),
        found => Err(Error::Setting {
            name: "fsync",
            found: found.unwrap_or_default().to_owned(),
            expected: "on",
        }),
    }
}

/// In whose name a transaction works.
#[derive(Debug, Clone, Copy)]
pub(super) enum As<'a> {
    /// A tenant's, or the installation's own: sees and writes its rows.
    Chain(&'a Chain),
    /// The driver's: sees the ids that the queues are made of.
    Driver,
}

/// A connection while it is used.
pub(super) struct Connection {
    /// `None`: it was given back, or given up.
    client: Option<Object>,
    /// Whether a transaction may be open, or an answer outstanding.
    open: AtomicBool,
    timeout: Duration,
    life: Option<Life>,
}

/// How transactions of a connection begin.
pub(super) struct Setup {
    turn: Statement,
    /// `None`: no store is opened.
    alive: Option<(Statement, Life)>,
}

impl Connection {
    /// Takes a connection out of the pool.
    pub(super) async fn take(pool: &Pool) -> Result<Self, Error> {
        let client = pool.pool.get().await.map_err(Error::from)?;
        Ok(Self {
            client: Some(client),
            open: AtomicBool::new(false),
            timeout: pool.timeout,
            life: pool.life(),
        })
    }

    fn client(&self) -> Result<&Object, Error> {
        self.client.as_ref().ok_or(Error::Closed)
    }

    /// Waits for an answer, and not for ever: of a server that is cut off nothing may ever come.
    ///
    /// Of statements that are awaited together the first that fails says why. Those after it, which may be polled before
    /// it, would only say that the transaction is aborted, and leave the word to it.
    async fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let answer = async {
            match answer.await {
                Err(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
                    pending().await
                }
                answer => answer,
            }
        };
        let Ok(answer) = tokio::time::timeout(self.timeout, answer).await else {
            self.open.store(true, Ordering::Relaxed);
            let reason = format!("no answer within {} s", self.timeout.as_secs_f32());
            return Err(Error::Unreachable(reason));
        };
        Ok(answer?)
    }

    /// Prepares statements, each once in a connection's life.
    pub(super) async fn prepare<const N: usize>(
        &self,
        statements: [&str; N],
    ) -> Result<[Statement; N], Error> {
        let client = self.client()?;
        let prepared = statements.map(|sql| client.prepare_cached(sql));
        let prepared = self.answer(try_join_all(prepared)).await?;
        prepared.try_into().map_err(|_| Error::Closed)
    }

    /// Begins a transaction in somebody's name; awaited together with what follows, it costs no round trip. Each of its
    /// statements sees what was committed when that statement began.
    ///
    /// # Errors
    /// [`Error::Restored`], whereupon nothing of it is done.
    pub(super) async fn begin(&self, setup: &Setup, of: As<'_>) -> Result<(), Error> {
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";
        tokio::try_join!(
            biased;
            self.batch(begin),
            self.turn(setup, of),
            self.check_alive(setup)
        )?;
        Ok(())
    }

    /// Begins a transaction that only reads, all of it of one moment.
    pub(super) async fn begin_read(&self, setup: &Setup, of: As<'_>) -> Result<(), Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        tokio::try_join!(biased; self.batch(begin), self.turn(setup, of))?;
        Ok(())
    }

    /// Makes sure that the store is the one that was opened; where it is not, the transaction is aborted with all that was
    /// sent with this.
    async fn check_alive(&self, setup: &Setup) -> Result<(), Error> {
        let Some((alive, life)) = &setup.alive else {
            return Ok(());
        };
        match self.query(alive, [&life.number, &life.since]).await {
            Ok(_) => Ok(()),
            Err(Error::Postgres(error)) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => {
                Err(Error::Restored)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on with a transaction in somebody's name.
    pub(super) async fn turn(&self, setup: &Setup, of: As<'_>) -> Result<(), Error> {
        let (role, tenant) = match of {
            As::Chain(chain) => ("omnihub_app", chain.as_str()),
            As::Driver => ("omnihub_driver", ""),
        };
        // Half of it, so that who waits for a lock of a process that is gone has it before they give up.
        let idle = (self.timeout / 2).as_millis().to_string();
        syncs(&self.query(&setup.turn, [&role, &tenant, &idle]).await?, 4)
    }

    /// Makes sure that what the server says is written is on its disk.
    pub(super) async fn check_syncs(&self) -> Result<(), Error> {
        let [fsync] = self.prepare([FSYNC]).await?;
        syncs(&self.query(&fsync, []).await?, 0)
    }

    /// Commits what was only read, or what is written already.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.batch("COMMIT").await?;
        self.ended();
        Ok(())
    }

    /// What [`Connection::begin`] takes, after noting that a transaction is about to be open.
    pub(super) async fn transaction(&mut self) -> Result<Setup, Error> {
        let setup = match self.life {
            None => {
                let [turn] = self.prepare([BEGIN]).await?;
                Setup { turn, alive: None }
            }
            Some(life) => {
                let [turn, alive] = self.prepare([BEGIN, ALIVE]).await?;
                let alive = Some((alive, life));
                Setup { turn, alive }
            }
        };
        *self.open.get_mut() = true;
        Ok(setup)
    }

    /// Runs a prepared statement and reads its rows.
    pub(super) async fn query<const N: usize>(
        &self,
        statement: &Statement,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<Vec<Row>, Error> {
        let client = self.client()?;
        self.answer(client.query(statement, &values)).await
    }

    /// The same for what takes as long as it takes.
    pub(super) async fn long_query(&self, statement: &Statement) -> Result<Vec<Row>, Error> {
        Ok(self.client()?.query(statement, &[]).await?)
    }

    /// Runs a prepared statement; returns the number of rows that it wrote.
    pub(super) async fn execute<const N: usize>(
        &self,
        statement: &Statement,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<u64, Error> {
        let client = self.client()?;
        self.answer(client.execute(statement, &values)).await
    }

    /// The same with as many values as there are, for what takes as long as it takes.
    pub(super) async fn long_execute(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        Ok(self.client()?.execute(statement, values).await?)
    }

    /// Runs statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.answer(self.client()?.batch_execute(sql)).await
    }

    /// The same for what takes as long as it takes, such as a migration, or waiting for another process' one.
    pub(super) async fn long_batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.client()?.batch_execute(sql).await?)
    }

    /// Notes that the transaction is over.
    pub(super) fn ended(&mut self) {
        *self.open.get_mut() = false;
    }

    /// Gives the transaction up.
    pub(super) async fn roll_back(&mut self) -> Result<(), Error> {
        self.batch("ROLLBACK").await?;
        self.ended();
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What may still be in a transaction is not used again; the server rolls back when the connection closes.
        if *self.open.get_mut()
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}
