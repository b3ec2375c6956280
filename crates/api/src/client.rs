//! The HTTP client: every call of the contract as a method, with errors that carry the server's problem.
//!
//! It knows what `openapi.json` says and nothing else (DESIGN law 12). Proxy variables are ignored.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

mod calls;
mod follow;
mod sse;

pub use calls::{SubmitOptions, Submitted, Wish};
pub use follow::Follow;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer: `Prefer: wait` takes up to 60 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// A client of one server, acting as one principal.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: Option<String>,
}

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no `http` URL.
    #[error("{0:?} is not the address of a server")]
    Address(String),
    /// No answer came.
    #[error("no server answers at {address}")]
    Unreachable {
        /// The server's address.
        address: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Box<Problem>),
    /// The answer is not what the contract says.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl Client {
    /// A client of the server at an address, with a token for those calls that need one.
    ///
    /// # Errors
    /// [`ClientError::Address`].
    pub fn new(address: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let refused = || ClientError::Address(address.to_owned());
        let mut base = Url::parse(address).map_err(|_| refused())?;
        if !matches!(base.scheme(), "http" | "https")
            || !base.username().is_empty()
            || base.password().is_some()
        {
            return Err(refused());
        }
        base.set_path("");
        base.set_query(None);
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        let http = http.build().map_err(|_| refused())?;
        Ok(Self {
            http,
            base,
            authorization: token.map(|token| format!("Bearer {token}")),
        })
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Begins a request to a path, given as its segments.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // Only URLs without a host have no segments, and `new` refuses those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        let request = self
            .http
            .request(method, url)
            .header(ACCEPT, "application/json");
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// Sends a request and reads its answer.
    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        Ok(self.call_with_status(request).await?.1)
    }

    async fn call_with_status<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, T), ClientError> {
        let answer = self.send(request.timeout(ANSWER_TIMEOUT)).await?;
        let status = answer.status();
        let bytes = answer
            .bytes()
            .await
            .map_err(|source| self.unreachable(source))?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Unexpected(error.to_string()))?;
        Ok((status, body))
    }

    /// Sends a request; an answer other than 2xx is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let answer = request
            .send()
            .await
            .map_err(|source| self.unreachable(source))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = answer
            .bytes()
            .await
            .map_err(|source| self.unreachable(source))?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(ClientError::Unexpected(format!(
                "status {status} without a problem"
            ))),
        }
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            address: self.address().to_owned(),
            source,
        }
    }
}

impl ClientError {
    /// The problem that the server answered with; `None`: it was another error.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Address(_) | Self::Unreachable { .. } | Self::Unexpected(_) => None,
        }
    }

    /// Whether no server could be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A query as pairs; what is absent is left out.
fn pairs(query: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(query) else {
        return Vec::new();
    };
    let text = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    members
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect()
}
