//! The outbound guard: the one way by which anything leaves the house over HTTP.
//!
//! It resolves a host once, refuses what is not public unless the settings name it, connects to exactly what it
//! resolved, keeps the name for TLS, follows no redirect by itself, and bounds size and time. Proxy variables of the
//! environment are not read. It speaks HTTP/1.1 by hyper alone: only so is it known whether a byte was sent.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;
use url::{Position, Url};

use domain::tool::{ClassMatch, ClassRule, EffectClass};

mod address;
mod connection;
mod guard;
mod host;
mod pool;
mod tls;

pub use self::guard::{Answers, Resolver};
pub(crate) use self::host::{HostPattern, authority};

use self::connection::{Connection, Exchange};
use self::guard::{Guard, Target};
use self::pool::Pool;
use crate::error::Error;
use crate::failure::{Failure, Stage};

/// `[outbound]`: where requests may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// Exceptions from the refusal of addresses that are not public: `host`, `host:port` or `*.suffix`, compared with the
    /// host in the URL. None by default.
    pub allow: Vec<String>,
    /// Who honours `Idempotency-Key`. None by default.
    pub receivers: Vec<ReceiverConfig>,
    /// PEM file with certificate authorities that are trusted beside the public ones, for HTTPS and SMTP. None by default.
    pub ca_file: Option<PathBuf>,
}

/// `[[outbound.receivers]]`: a receiver that applies a request with one `Idempotency-Key` once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// `host` or `host:port`, without a `*`.
    pub host: String,
    /// What it promises; there is one promise, `"key"`.
    pub idempotency: Idempotency,
    /// Hours after the first attempt during which a repeat is safe, 1 to 8,760; past them a repeat becomes a doubt.
    pub window_hours: u32,
}

/// What a receiver promises about a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// The same key, the same effect, once.
    Key,
}

/// Most hours of a receiver's window: a year.
const WINDOW_HOURS_MAX: u32 = 8_760;
/// How we name ourselves to servers.
const USER_AGENT: &str = concat!("OmniHub/", env!("CARGO_PKG_VERSION"));

/// The guard with its connections.
pub struct Outbound {
    guard: Guard,
    pool: Pool,
    tls: Arc<ClientConfig>,
    receivers: Vec<ClassRule>,
}

/// A request to be sent.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers beside those that every request has.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
    /// Bytes of the answer's body that are read.
    pub body_max: usize,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as far as it was read.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

/// How the body of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// As the server said.
    Whole,
    /// It was longer than `body_max`; the rest was not read.
    OverLimit,
    /// The connection broke.
    Cut,
    /// The deadline passed.
    TimedOut,
}

impl Outbound {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Error::Outbound`] names the entry that is wrong.
    pub fn open(config: &OutboundConfig, resolver: Resolver) -> Result<Self, Error> {
        let pattern = |setting, text: &str| {
            HostPattern::parse(text).map_err(|reason| Error::Outbound { setting, reason })
        };
        let allow = config
            .allow
            .iter()
            .map(|text| pattern("allow", text))
            .collect::<Result<_, _>>()?;
        let receivers = config
            .receivers
            .iter()
            .map(class_rule)
            .collect::<Result<_, _>>()?;
        let tls = tls::client_config(config.ca_file.as_deref())?;
        Ok(Self {
            guard: Guard::new(allow, resolver),
            pool: Pool::default(),
            tls,
            receivers,
        })
    }

    /// Which receivers make a call idempotent, by the call's `/url`.
    pub fn class_rules(&self) -> &[ClassRule] {
        &self.receivers
    }

    /// Sends one request, by `deadline`. Redirects are answers like any other.
    ///
    /// # Errors
    /// A [`Failure`] says how far the request had come.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection; the request may have arrived.
    pub async fn send(&self, request: Request, deadline: Instant) -> Result<Response, Failure> {
        let target = self.guard.check(&request.url, deadline).await?;
        let body_max = request.body_max;
        let mut message = message(request)?;
        while let Some(mut connection) = self.pool.take(&target) {
            if !connection.is_usable().await {
                continue;
            }
            match connection.exchange(message, body_max, deadline).await {
                Exchange::NotSent(unsent, _) => message = unsent,
                Exchange::Lost(failure) => return Err(failure),
                Exchange::Answered(response, rest) => {
                    return Ok(self.keep(&target, *response, rest));
                }
            }
        }
        let connection = Connection::open(&target, &self.tls, deadline).await?;
        match connection.exchange(message, body_max, deadline).await {
            Exchange::NotSent(_, reason) => {
                Err(Failure::new(Stage::NotSent, "http.connect", reason))
            }
            Exchange::Lost(failure) => Err(failure),
            Exchange::Answered(response, rest) => Ok(self.keep(&target, *response, rest)),
        }
    }

    fn keep(
        &self,
        target: &Target,
        response: Response,
        connection: Option<Connection>,
    ) -> Response {
        if let Some(connection) = connection {
            self.pool.put(&target.origin, connection);
        }
        response
    }
}

/// The request as it goes over the wire: origin form, the host's name in `Host` (RFC 9112 §3.2).
fn message(request: Request) -> Result<http::Request<Full<Bytes>>, Failure> {
    let invalid = |reason: String| {
        Failure::new(
            Stage::Refused,
            "outbound.url",
            format!("the URL cannot be requested: {reason}"),
        )
    };
    let url = &request.url;
    let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let host = HeaderValue::try_from(host).map_err(|error| invalid(error.to_string()))?;
    let mut message = http::Request::builder()
        .method(request.method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .body(Full::new(request.body))
        .map_err(|error| invalid(error.to_string()))?;
    *message.headers_mut() = request.headers;
    message.headers_mut().insert(HOST, host);
    message
        .headers_mut()
        .entry(http::header::USER_AGENT)
        .or_insert(HeaderValue::from_static(USER_AGENT));
    Ok(message)
}

fn class_rule(receiver: &ReceiverConfig) -> Result<ClassRule, Error> {
    let wrong = |reason| Error::Outbound {
        setting: "receivers",
        reason,
    };
    let pattern = HostPattern::parse(&receiver.host).map_err(wrong)?;
    if !pattern.is_exact() {
        return Err(wrong(format!(
            "{:?}: a promise is made by one host, not by all below a suffix",
            receiver.host
        )));
    }
    if !(1..=WINDOW_HOURS_MAX).contains(&receiver.window_hours) {
        return Err(wrong(format!(
            "{:?}: window_hours must be 1 to {WINDOW_HOURS_MAX}",
            receiver.host
        )));
    }
    let Idempotency::Key = receiver.idempotency;
    Ok(ClassRule {
        pointer: "/url".to_owned(),
        matches: ClassMatch::Authority(pattern.to_string()),
        class: EffectClass::Idempotent,
        window_seconds: Some(u64::from(receiver.window_hours) * 3_600),
    })
}
