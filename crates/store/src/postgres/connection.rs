//! Connections: a pool of them, and transactions whose statements travel together.
//!
//! A transaction takes the role that may see one tenant, or the driver's queues, for itself alone: nothing is left on the
//! connection, so that a pooler may stand between. Statements are prepared first, so that those that are awaited together
//! are sent at once and in order.

use std::io;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures_util::future::try_join_all;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::PostgresConfig;
use crate::chain::Chain;
use crate::error::Error;

/// How long a connection may take to be made, and whoever needs one waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes the role for this transaction, and makes sure that its COMMIT waits for the disk.
const BEGIN: &str = "SELECT set_config('role', $1, true), set_config('omnihub.tenant', $2, true),
    set_config('synchronous_commit', 'on', true), current_setting('fsync')";

/// Makes the pool; nothing is connected yet.
pub(super) fn pool(config: &PostgresConfig) -> Result<Pool, Error> {
    let mut postgres = parse(&config.url)?;
    postgres.connect_timeout(CONNECT_TIMEOUT);
    postgres.keepalives_idle(Duration::from_secs(10));
    postgres.application_name("omnihub");
    let manager = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match postgres.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(postgres, NoTls, manager),
        _ => Manager::from_config(postgres, tls(config)?, manager),
    };
    Pool::builder(manager)
        .max_size(config.connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .build()
        .map_err(|error| Error::Unreachable(error.to_string()))
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

/// Certificates are always verified: against the authority that is configured, or those that browsers trust.
fn tls(config: &PostgresConfig) -> Result<MakeRustlsConnect, Error> {
    let mut roots = RootCertStore::empty();
    match &config.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let malformed = |reason: String| Error::file("read", path)(io::Error::other(reason));
            let found = CertificateDer::pem_file_iter(path);
            for certificate in found.map_err(|error| malformed(error.to_string()))? {
                let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
                let added = roots.add(certificate);
                added.map_err(|error| malformed(error.to_string()))?;
            }
        }
    }
    let provider = crypto::ring::default_provider();
    let client = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Unreachable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(client))
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
    /// Whether a transaction may be open.
    open: bool,
}

impl Connection {
    /// Takes a connection out of the pool.
    pub(super) async fn take(pool: &Pool) -> Result<Self, Error> {
        let client = pool.get().await.map_err(Error::from)?;
        Ok(Self {
            client: Some(client),
            open: false,
        })
    }

    fn client(&self) -> Result<&Object, Error> {
        self.client.as_ref().ok_or(Error::Closed)
    }

    /// Prepares statements, each once in a connection's life.
    pub(super) async fn prepare<const N: usize>(
        &self,
        statements: [&str; N],
    ) -> Result<[Statement; N], Error> {
        let client = self.client()?;
        let prepared = statements.map(|sql| client.prepare_cached(sql));
        let prepared: Vec<Statement> = try_join_all(prepared).await?;
        prepared.try_into().map_err(|_| Error::Closed)
    }

    /// Begins a transaction in somebody's name; awaited together with what follows, it costs no round trip. Each of its
    /// statements sees what was committed when that statement began.
    pub(super) async fn begin(&self, setup: &Statement, of: As<'_>) -> Result<(), Error> {
        self.begin_as(setup, of, "BEGIN").await
    }

    /// Begins a transaction that only reads, all of it of one moment.
    pub(super) async fn begin_read(&self, setup: &Statement, of: As<'_>) -> Result<(), Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        self.begin_as(setup, of, begin).await
    }

    async fn begin_as(&self, setup: &Statement, of: As<'_>, begin: &str) -> Result<(), Error> {
        let (role, tenant) = match of {
            As::Chain(chain) => ("omnihub_app", chain.as_str()),
            As::Driver => ("omnihub_driver", ""),
        };
        let client = self.client()?;
        let values: [&(dyn ToSql + Sync); 2] = [&role, &tenant];
        let (_, row) = tokio::try_join!(
            client.batch_execute(begin),
            client.query_one(setup, &values)
        )?;
        match row.try_get(3)? {
            "on" => Ok(()),
            found => Err(Error::Setting {
                name: "fsync",
                found: found.to_owned(),
                expected: "on",
            }),
        }
    }

    /// Commits what was only read, or what is written already.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.batch("COMMIT").await?;
        self.ended();
        Ok(())
    }

    /// The statement that [`Connection::begin`] takes, after noting that a transaction is about to be open.
    pub(super) async fn transaction(&mut self) -> Result<Statement, Error> {
        let [setup] = self.prepare([BEGIN]).await?;
        self.open = true;
        Ok(setup)
    }

    /// Runs a prepared statement and reads its rows.
    pub(super) async fn query<const N: usize>(
        &self,
        statement: &Statement,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<Vec<Row>, Error> {
        Ok(self.client()?.query(statement, &values).await?)
    }

    /// Runs a prepared statement; returns the number of rows that it wrote.
    pub(super) async fn execute<const N: usize>(
        &self,
        statement: &Statement,
        values: [&(dyn ToSql + Sync); N],
    ) -> Result<u64, Error> {
        Ok(self.client()?.execute(statement, &values).await?)
    }

    /// The same with as many values as there are.
    pub(super) async fn execute_all(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        Ok(self.client()?.execute(statement, values).await?)
    }

    /// Runs statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.client()?.batch_execute(sql).await?)
    }

    /// Notes that the transaction is over.
    pub(super) fn ended(&mut self) {
        self.open = false;
    }

    /// Gives the transaction up.
    pub(super) async fn roll_back(mut self) -> Result<(), Error> {
        self.batch("ROLLBACK").await?;
        self.ended();
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What may still be in a transaction is not used again; the server rolls back when the connection closes.
        if self.open
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}
