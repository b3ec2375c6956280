//! The servers that a command needs, and what its words become.

use servers::{Error, Postgres, Redis, Temporal, TemporalCluster};

use crate::arguments::Run;

/// A server that was started.
#[derive(Debug)]
pub(crate) enum Server {
    /// PostgreSQL.
    Postgres(Postgres),
    /// Temporal's development server.
    Temporal(Temporal),
    /// The real server of Temporal.
    TemporalCluster(TemporalCluster),
    /// Redis.
    Redis(Redis),
}

/// The servers that a command needs.
#[derive(Debug, Default)]
pub(crate) struct Started {
    /// All of them.
    pub(crate) servers: Vec<Server>,
    /// What is replaced in the command, and by what.
    values: Vec<(&'static str, String)>,
}

impl Started {
    /// Starts the servers whose word is in the command, and what they stand on.
    ///
    /// # Errors
    /// [`Error`] where one of them cannot be had.
    pub(crate) fn for_command(run: &Run) -> Result<Self, Error> {
        let mut started = Self::default();
        if run.names("{url}") || run.real {
            let postgres = Postgres::start()?;
            if run.names("{url}") {
                started.values.push(("{url}", postgres.database()?));
            }
            if run.real {
                let temporal = TemporalCluster::start(&postgres)?;
                started.values.push(("{temporal}", temporal.address()));
                started.servers.push(Server::TemporalCluster(temporal));
            }
            started.servers.push(Server::Postgres(postgres));
        }
        if run.names("{temporal}") && !run.real {
            let temporal = Temporal::start()?;
            started.values.push(("{temporal}", temporal.address()));
            started.servers.push(Server::Temporal(temporal));
        }
        if run.names("{redis}") {
            let redis = Redis::start()?;
            started.values.push(("{redis}", redis.url()));
            started.servers.push(Server::Redis(redis));
        }
        Ok(started)
    }

    /// An argument of the command with what its words become.
    pub(crate) fn filled(&self, argument: &str) -> String {
        let values = self.values.iter();
        values.fold(argument.to_owned(), |argument, (word, value)| {
            argument.replace(word, value)
        })
    }
}

impl Server {
    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Temporal(_) | Self::TemporalCluster(_) => "temporal",
            Self::Redis(_) => "redis",
        }
    }

    /// Kills it.
    ///
    /// # Errors
    /// [`Error`] where it does not run.
    pub(crate) fn kill(&self) -> Result<(), Error> {
        match self {
            Self::Postgres(server) => server.kill(),
            Self::Temporal(server) => server.kill(),
            Self::TemporalCluster(server) => server.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    /// [`Error`] where it does not come back.
    pub(crate) fn start_again(&self) -> Result<(), Error> {
        match self {
            Self::Postgres(server) => server.start_again(),
            Self::Temporal(server) => server.start_again(),
            Self::TemporalCluster(server) => server.start_again(),
            Self::Redis(server) => server.start_again(),
        }
    }
}
