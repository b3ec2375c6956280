//! Where Redis is, and how it is reached.

use std::path::PathBuf;
use std::sync::Arc;

use redis::{ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::Error;
use crate::tls;

/// How Redis is reached. Shown, it does not say the URL, which may hold a password.
#[derive(Clone)]
pub struct RedisConfig {
    /// Where it is: `redis://user:password@host:port`, or `rediss://…` for an encrypted connection. Redis 6 or later.
    pub url: String,
    /// The certificates, as a PEM file, of whoever signs the server's; `None`: those that browsers trust.
    pub ca: Option<PathBuf>,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("ca", &self.ca)
            .finish_non_exhaustive()
    }
}

/// A server of Redis, as a configuration names it.
pub(crate) struct Server {
    host: String,
    port: u16,
    /// As whom the connection is made.
    pub(super) user: RedisConnectionInfo,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Server {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Error::RedisUrl`], which says what is wrong with the URL without it; [`Error::File`] where the certificates
    /// cannot be read.
    pub(crate) fn of(config: &RedisConfig) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::RedisUrl(reason.to_owned());
        let (rest, encrypted) = match config.url.split_once("://") {
            Some(("redis", rest)) => (rest, false),
            Some(("rediss", rest)) => (rest, true),
            _ => return Err(malformed("it begins with neither redis:// nor rediss://")),
        };
        if rest.contains('#') {
            return Err(malformed(
                "it has a part behind #, such as would leave a certificate unverified",
            ));
        }
        // The library would connect by TLS of its own; it is given the connection, and needs only the rest.
        let info = format!("redis://{rest}").into_connection_info();
        let info = info.map_err(|error| Error::RedisUrl(error.to_string()))?;
        let ConnectionAddr::Tcp(host, port) = info.addr().clone() else {
            return Err(malformed("it names no host"));
        };
        let tls = match encrypted {
            false => None,
            true => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| malformed("no certificate can be for its host"))?;
                let client = tls::client(config.ca.as_deref())?;
                Some((TlsConnector::from(Arc::new(client)), name))
            }
        };
        let user = info.redis_settings().clone();
        Ok(Self {
            host,
            port,
            // One connection then hears while it says.
            user: user
                .set_protocol(ProtocolVersion::RESP3)
                .set_skip_set_lib_name(),
            tls,
        })
    }

    /// Connects; the caller gives up in time.
    pub(super) async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RedisConfig, Server};

    #[test]
    fn a_wrong_url_is_said_to_be_and_never_shown() {
        for url in [
            "",
            "nonsense",
            "localhost:6379",
            "http://:geheim@127.0.0.1",
            "redis://:geheim@",
            "redis://:geheim@127.0.0.1:port",
            "redis://:geheim@127.0.0.1/first",
            "redis://:geheim@0.0.0.0",
            "rediss://:geheim@127.0.0.1/#insecure",
            "redis+unix:///run/redis?pass=geheim",
        ] {
            let config = RedisConfig {
                url: url.to_owned(),
                ca: None,
            };
            assert!(!format!("{config:?}").contains("geheim"));
            let said = Server::of(&config).err().map(|error| error.to_string());
            let said = said.unwrap_or_default();
            assert!(
                said.starts_with("the URL of Redis cannot be read: ") && !said.contains("geheim"),
                "{url}: {said}"
            );
        }
    }
}
