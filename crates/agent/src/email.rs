//! Mail: composed here, then handed to an SMTP server or written into an outbox folder.
//!
//! Whatever a plan says about a mail is checked before it becomes a header, so that no text can add one. The
//! `Message-ID` follows from the effect's key: a person in doubt can look for it at the receiver.

use std::path::Path;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use serde::Deserialize;
use tokio::time::Instant;

use crate::error::Error;
use crate::failure::{Failure, Stage};
use crate::outbound::OutboundConfig;
use crate::secrets::Secrets;

mod outbox;
mod smtp;

use self::outbox::Outbox;
use self::smtp::Smtp;

/// `[email]`: who mails come from and how they go out.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailConfig {
    /// The sender's address, with or without a name. Default `omnihub@localhost`.
    pub from: String,
    /// The server: `smtp://host[:25]` or, with TLS from the first byte, `smtps://host[:465]`. None by default: mails are
    /// written as `.eml` files into an outbox folder in the data directory.
    pub smtp: Option<String>,
    /// The user to log in as. None by default: no log-in.
    pub user: Option<String>,
    /// The name of the secret (`[secrets.NAME]`, whose `hosts` names the server) that holds the user's password.
    pub password_secret: Option<String>,
    /// When an `smtp://` connection must change to TLS. Default `"offered"`; a password to a server that is not on
    /// loopback makes it `"required"`.
    pub starttls: Starttls,
}

/// When a plain connection changes to TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starttls {
    /// Where the server offers it.
    #[default]
    Offered,
    /// Always: a server that does not offer it gets no mail.
    Required,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            from: "omnihub@localhost".to_owned(),
            smtp: None,
            user: None,
            password_secret: None,
            starttls: Starttls::Offered,
        }
    }
}

/// Most addresses one mail goes to: this is for telling people, not for campaigns.
pub(crate) const RECIPIENTS_MAX: usize = 50;
/// Longest subject in bytes: one header line (RFC 5322 §2.1.1) with room for its encoding.
pub(crate) const SUBJECT_BYTES_MAX: usize = 255;
/// Longest body in bytes, the most that a resolved input can hold.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1_024;

/// What a mail says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mail<'a> {
    /// What names it for ever: letters, digits, `_` and `-` only. The same key gives the same `Message-ID` and file.
    pub(crate) key: &'a str,
    pub(crate) to: &'a [&'a str],
    pub(crate) subject: &'a str,
    pub(crate) body: &'a str,
}

/// Sends mails one way, as configured.
pub(crate) struct Mailer {
    from: Mailbox,
    route: Route,
}

enum Route {
    Outbox(Outbox),
    Smtp(Box<Smtp>),
}

impl Mailer {
    /// Reads the settings; makes the outbox folder where that is the way.
    pub(crate) fn open(
        config: &EmailConfig,
        outbound: &OutboundConfig,
        outbox: &Path,
        secrets: &Secrets,
    ) -> Result<Self, Error> {
        let from: Mailbox = config.from.parse().map_err(|error| Error::Email {
            setting: "from",
            reason: format!("{:?} is no address: {error}", config.from),
        })?;
        let route = match Smtp::open(
            config,
            from.email.domain(),
            outbound.ca_file.as_deref(),
            secrets,
        )? {
            Some(smtp) => Route::Smtp(Box::new(smtp)),
            None => Route::Outbox(Outbox::open(outbox)?),
        };
        Ok(Self { from, route })
    }

    /// Sends a mail by `deadline` and returns its `Message-ID`.
    pub(crate) async fn send(&self, mail: Mail<'_>, deadline: Instant) -> Result<String, Failure> {
        let message_id = format!("<{}@{}>", mail.key, self.from.email.domain());
        let message = self.compose(mail, &message_id)?;
        match &self.route {
            Route::Outbox(outbox) => {
                outbox
                    .write(mail.key, message.formatted(), deadline)
                    .await?
            }
            Route::Smtp(smtp) => {
                smtp.send(message.envelope(), &message.formatted(), deadline)
                    .await?
            }
        }
        Ok(message_id)
    }

    fn compose(&self, mail: Mail<'_>, message_id: &str) -> Result<Message, Failure> {
        let refused = |reason: String| Failure::new(Stage::Refused, "email.invalid", reason);
        if mail.to.is_empty() || mail.to.len() > RECIPIENTS_MAX {
            return Err(refused(format!(
                "a mail goes to 1 to {RECIPIENTS_MAX} addresses"
            )));
        }
        if mail.subject.len() > SUBJECT_BYTES_MAX || mail.subject.chars().any(char::is_control) {
            return Err(refused(format!(
                "a subject is one line of at most {SUBJECT_BYTES_MAX} bytes"
            )));
        }
        if mail.body.len() > BODY_BYTES_MAX {
            return Err(refused(format!(
                "a body has at most {BODY_BYTES_MAX} bytes"
            )));
        }
        let mut builder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(message_id.to_owned()));
        for to in mail.to {
            builder = builder.to(mailbox(to).map_err(refused)?);
        }
        let body = mail.body.replace("\r\n", "\n").replace('\r', "\n");
        let message = builder
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(body);
        message.map_err(|error| refused(error.to_string()))
    }
}

/// One address, with or without a name.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("an address holds control characters".to_owned());
    }
    text.parse()
        .map_err(|error| format!("{text:?} is no address: {error}"))
}
