//! Telling people and their systems: approval asked, step in doubt, goal stuck, goal ended.
//!
//! One call delivers one notice, by webhook, by mail or both, through the same guard and mailer as the tools. What is to
//! be told, and until when it is tried again, is kept elsewhere; a repeat carries the same key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::email::{Mail, Mailer, mailbox};
use crate::error::Error;
use crate::failure::{Failure, Stage};
use crate::outbound::{Outbound, Request};
use crate::secrets::Secrets;
use crate::tools::webhook::IDEMPOTENCY_KEY;

/// `[notify]`: who is told. Neither by default: nobody is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// The URL that each notice is sent to, as JSON by POST.
    pub webhook: Option<String>,
    /// The address that each notice is mailed to.
    pub email: Option<String>,
}

/// How long one delivery may take, in all.
const DELIVERY_MAX: Duration = Duration::from_secs(30);
/// Longest key of a notice, in characters.
const KEY_CHARS_MAX: usize = 128;

/// One thing to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What names it for ever: 1 to 128 letters, digits, `_` and `-`. A repeat has the same.
    pub key: String,
    /// What it is about, in one line of at most 255 bytes.
    pub subject: String,
    /// What happened, for programs; a mail shows it too.
    pub payload: Value,
}

/// Delivers notices.
pub struct Notifier {
    webhook: Option<Url>,
    email: Option<String>,
    outbound: Arc<Outbound>,
    mailer: Arc<Mailer>,
    secrets: Arc<Secrets>,
}

impl Notifier {
    pub(crate) fn open(config: &NotifyConfig, agent: &crate::Agent) -> Result<Self, Error> {
        let wrong = |setting, reason| Error::Notify { setting, reason };
        let webhook = config.webhook.as_deref().map(Url::parse).transpose();
        let webhook = webhook.map_err(|error| wrong("webhook", format!("is no URL: {error}")))?;
        if webhook
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https"))
        {
            return Err(wrong("webhook", "is not http or https".to_owned()));
        }
        if let Some(address) = &config.email {
            mailbox(address).map_err(|reason| wrong("email", reason))?;
        }
        Ok(Self {
            webhook,
            email: config.email.clone(),
            outbound: Arc::clone(&agent.outbound),
            mailer: Arc::clone(&agent.mailer),
            secrets: Arc::clone(&agent.secrets),
        })
    }

    /// Whether anybody is told at all.
    pub fn is_silent(&self) -> bool {
        self.webhook.is_none() && self.email.is_none()
    }

    /// Delivers one notice every way that is configured.
    ///
    /// # Errors
    /// A way that failed, first one that another attempt may help; the other was tried all the same. A repeat tries both
    /// again under the same key.
    pub async fn deliver(&self, notice: &Notice) -> Result<(), Failure> {
        let fits =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if !(1..=KEY_CHARS_MAX).contains(&notice.key.len()) || !notice.key.chars().all(fits) {
            return Err(Failure::new(
                Stage::Refused,
                "notice.key",
                "the key of a notice has 1 to 128 letters, digits, _ and -",
            ));
        }
        let deadline = Instant::now() + DELIVERY_MAX;
        let (posted, mailed) =
            tokio::join!(self.post(notice, deadline), self.mail(notice, deadline));
        let failed = [posted.err(), mailed.err()].into_iter().flatten();
        let Some(failure) = failed.min_by_key(|failure| failure.stage == Stage::Refused) else {
            return Ok(());
        };
        let message = self.secrets.redact(failure.error.message);
        Err(Failure::new(failure.stage, &failure.error.code, message))
    }

    async fn post(&self, notice: &Notice, deadline: Instant) -> Result<(), Failure> {
        let Some(url) = &self.webhook else {
            return Ok(());
        };
        let key = HeaderValue::try_from(notice.key.as_str());
        let key =
            key.map_err(|error| Failure::new(Stage::Refused, "notice.key", error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IDEMPOTENCY_KEY, key);
        let body = Bytes::from(notice.payload.to_string());
        let request = Request {
            method: Method::POST,
            url: url.clone(),
            headers,
            body,
            body_max: 0,
        };
        let status = self.outbound.send(request, deadline).await?.status;
        if status.is_success() {
            return Ok(());
        }
        let permanent = (status.is_client_error() || status.is_redirection())
            && !matches!(status.as_u16(), 408 | 425 | 429);
        let stage = if permanent {
            Stage::Refused
        } else {
            Stage::NotSent
        };
        Err(Failure::new(
            stage,
            "http.status",
            format!("{} answered {status}", url.host_str().unwrap_or_default()),
        ))
    }

    async fn mail(&self, notice: &Notice, deadline: Instant) -> Result<(), Failure> {
        let Some(to) = &self.email else { return Ok(()) };
        let body = format!("{}\n\n{:#}\n", notice.subject, notice.payload);
        let mail = Mail {
            key: &notice.key,
            to: &[to.as_str()],
            subject: &notice.subject,
            body: &body,
        };
        self.mailer.send(mail, deadline).await.map(|_| ())
    }
}
