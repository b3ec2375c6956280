//! Real servers for tests, proofs and benchmarks: PostgreSQL, Temporal and Redis, started on free ports of loopback with throw-away data.
//!
//! A server lives no longer than the process that started it, however that ends, and takes its data with it. Nothing of
//! OmniHub is in here, and nothing in here is part of a deployment.

mod cluster;
mod http;
mod port;
mod postgres;
mod process;
mod program;
mod redis;
mod temporal;

pub use cluster::TemporalCluster;
pub use postgres::Postgres;
pub use process::Error;
pub use redis::Redis;
pub use temporal::Temporal;

/// Set where no test may be skipped for want of a server.
const REQUIRED: &str = "SERVERS_REQUIRED";

/// What a test does that needs a server: nothing where the server's program is missing, unless it has to be there.
///
/// # Panics
/// Where the server does not start, and where its program is missing although `SERVERS_REQUIRED` is set.
pub fn or_skip<T>(started: Result<T, Error>) -> Option<T> {
    match started {
        Ok(server) => Some(server),
        Err(error @ Error::Missing { .. }) if std::env::var_os(REQUIRED).is_none() => {
            eprintln!("SKIPPED: {error}");
            None
        }
        #[expect(clippy::panic, reason = "a test without its server has failed")]
        Err(error) => panic!("{error}"),
    }
}
