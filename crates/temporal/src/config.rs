//! What is to be known of a Temporal cluster to use it.

use std::str::FromStr as _;

use temporalio_client::Url;

use crate::error::Error;
use crate::workflow::STRETCHES_MAX;

/// Characters of an installation's id that tell it from others of a namespace.
const PREFIX_CHARS: usize = 8;

/// A Temporal cluster, and how it is used.
#[derive(Clone)]
pub struct Config {
    /// `host:port` of its frontend, or a URL.
    pub address: String,
    /// The namespace.
    pub namespace: String,
    /// The task queue.
    pub task_queue: String,
    /// The installation whose goals these are, so that two of them never take one another's workflows for their own.
    pub installation: String,
    /// `None`: plain text, unless there is an API key.
    pub tls: Option<Tls>,
    /// The key of a Temporal Cloud account; with one the connection is by TLS.
    pub api_key: Option<String>,
    /// Keys by which payloads are encrypted, 32 bytes each: the first encrypts, all decrypt. None: clear text.
    pub keys: Vec<[u8; 32]>,
    /// How this process calls itself.
    pub identity: String,
    /// The release of this process, as Temporal shows it.
    pub build: String,
    /// The deployment whose versions Temporal steers traffic between; `None`: every worker takes every goal.
    pub deployment: Option<String>,
    /// Short stretches at a time in this process.
    pub stretches: usize,
    /// Long stretches at a time in this process.
    pub long_stretches: usize,
    /// After how many stretches a workflow goes on as a new one.
    pub stretches_per_run: u32,
    /// After how many stretches the SDK's worker is replaced: it keeps some 250 bytes of each for ever (1.1.1).
    pub stretches_per_worker: u64,
}

/// How the cluster is reached by TLS.
#[derive(Clone, Default)]
pub struct Tls {
    /// Who may have signed its certificate, as PEM; `None`: the system's authorities.
    pub ca: Option<Vec<u8>>,
    /// The name that its certificate has to be for; `None`: the host's.
    pub server_name: Option<String>,
    /// The certificate by which this process proves who it is.
    pub own: Option<Certificate>,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate, with those that signed it.
    pub chain: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .field("task_queue", &self.task_queue)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// A cluster that is reached in plain text, as a development server is.
    pub fn plain(address: impl Into<String>, installation: &str) -> Self {
        Self {
            address: address.into(),
            namespace: "default".to_owned(),
            task_queue: "apex-agent-queue".to_owned(),
            installation: installation.to_owned(),
            tls: None,
            api_key: None,
            keys: Vec::new(),
            identity: format!("omnihub/{}", std::process::id()),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            deployment: None,
            stretches: 100,
            long_stretches: 1_000,
            stretches_per_run: STRETCHES_MAX,
            stretches_per_worker: 1_000_000,
        }
    }

    /// What the ids of its workflows begin with, before tenant and goal, each after a slash: the end of the installation's id,
    /// where its randomness is.
    pub fn prefix(&self) -> &str {
        let id = &self.installation;
        let end = id.char_indices().rev().nth(PREFIX_CHARS - 1);
        end.map_or(id, |(at, _)| &id[at..])
    }

    /// Whether the connection is by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some() || self.api_key.is_some()
    }

    /// The URL to connect to. Its scheme alone decides over TLS: one of plain text with a key or a certificate is refused,
    /// since the SDK would send them in the clear without a word.
    pub(crate) fn url(&self) -> Result<Url, Error> {
        let wrong = |why: String| Error::Setting {
            key: "host",
            what: "the address of Temporal",
            why,
        };
        let url = match self.address.contains("://") {
            true => self.address.clone(),
            false if self.is_secure() => format!("https://{}", self.address),
            false => format!("http://{}", self.address),
        };
        let url = Url::from_str(&url)
            .map_err(|error| wrong(format!("{:?} is no address: {error}", self.address)))?;
        match url.scheme() {
            "https" => {}
            "http" if self.is_secure() => {
                return Err(wrong(
                    "http:// is plain text, but there is an API key or a certificate: write https://, or host:port"
                        .to_owned(),
                ));
            }
            "http" => {}
            other => return Err(wrong(format!("{other}:// is neither https:// nor http://"))),
        }
        match url.host().is_some() && url.port_or_known_default().is_some() {
            true => Ok(url),
            false => Err(wrong(format!("{:?} names no host", self.address))),
        }
    }

    /// Says what can never be used, before anything is tried with it.
    ///
    /// # Errors
    /// The setting, and why.
    pub fn check(&self) -> Result<(), Error> {
        self.url()?;
        let Some(tls) = &self.tls else { return Ok(()) };
        pem(
            ("tls_ca", "the authority's certificate"),
            tls.ca.as_deref(),
            "CERTIFICATE",
        )?;
        let own = tls.own.as_ref();
        pem(
            ("tls_cert", "the own certificate"),
            own.map(|own| &*own.chain),
            "CERTIFICATE",
        )?;
        pem(
            ("tls_key", "the own private key"),
            own.map(|own| &*own.key),
            "PRIVATE KEY",
        )
    }
}

/// Refuses what is no PEM of that kind: the SDK takes a file without certificates for one that trusts nobody.
fn pem(
    (key, what): (&'static str, &'static str),
    content: Option<&[u8]>,
    kind: &str,
) -> Result<(), Error> {
    let Some(content) = content else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(content);
    let begins =
        |line: &str| line.starts_with("-----BEGIN ") && line.ends_with(&format!("{kind}-----"));
    match text.lines().map(str::trim_end).any(begins) {
        true => Ok(()),
        false => Err(Error::Setting {
            key,
            what,
            why: format!("it holds no PEM of a {}", kind.to_lowercase()),
        }),
    }
}
