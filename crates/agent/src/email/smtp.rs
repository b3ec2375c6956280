//! Mail by SMTP, one conversation a mail, step by step so that it is known how far it came.
//!
//! Until the message itself is on its way nothing can have been delivered; from then on only the server's reply tells
//! (RFC 5321 §4.2.5, §6.1).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url};

use super::{EmailConfig, Starttls};
use crate::error::Error;
use crate::failure::{Failure, Stage};
use crate::secrets::Secrets;

/// How long the server may take to say goodbye to a mail that it has taken.
const QUIT_MAX: Duration = Duration::from_secs(1);

/// A server and how to talk to it.
pub(super) struct Smtp {
    host: String,
    port: u16,
    hello: ClientId,
    credentials: Option<Credentials>,
    /// TLS from the first byte.
    implicit: bool,
    starttls: Starttls,
    tls: TlsParameters,
}

impl Smtp {
    /// Reads the settings; `None`: no server is configured.
    pub(super) fn open(
        config: &EmailConfig,
        domain: &str,
        ca_file: Option<&Path>,
        secrets: &Secrets,
    ) -> Result<Option<Self>, Error> {
        let wrong = |setting, reason: String| Error::Email { setting, reason };
        let Some(address) = &config.smtp else {
            let unused = config.user.is_some() || config.password_secret.is_some();
            return if unused {
                Err(wrong("user", "there is no server to log in to".to_owned()))
            } else {
                Ok(None)
            };
        };
        let (implicit, host, port) = server(address).map_err(|reason| wrong("smtp", reason))?;
        let credentials = match (&config.user, &config.password_secret) {
            (None, None) => None,
            (Some(user), Some(secret)) => {
                let password = secrets.for_host(secret, &host, port);
                let password = password.map_err(|error| wrong("password_secret", error.message))?;
                Some(Credentials::new(user.clone(), password.to_owned()))
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(wrong("user", "needs password_secret beside it".to_owned()));
            }
        };
        let exposed = credentials.is_some() && !is_loopback(&host);
        let starttls = if exposed {
            Starttls::Required
        } else {
            config.starttls
        };
        let host = match host {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let tls = tls(&host, ca_file).map_err(|reason| wrong("smtp", reason))?;
        let hello = ClientId::Domain(domain.to_owned());
        Ok(Some(Self {
            host,
            port,
            hello,
            credentials,
            implicit,
            starttls,
            tls,
        }))
    }

    /// Sends one mail by `deadline`.
    pub(super) async fn send(
        &self,
        envelope: &Envelope,
        mail: &[u8],
        deadline: Instant,
    ) -> Result<(), Failure> {
        let on_its_way = AtomicBool::new(false);
        let conversation = self.converse((envelope, mail), &on_its_way, deadline);
        let ended = timeout_at(deadline, conversation).await;
        let unanswered = if on_its_way.load(Ordering::Relaxed) {
            Stage::Sent
        } else {
            Stage::NotSent
        };
        let mut connection = match ended {
            Ok(Ok(connection)) => connection,
            Ok(Err(Broken::Here(failure))) => return Err(failure),
            Ok(Err(Broken::There(error))) => return Err(failure(unanswered, &error)),
            Err(_) => {
                return Err(Failure::new(
                    unanswered,
                    "email.timeout",
                    "the mail server did not answer in time",
                ));
            }
        };
        // The mail is taken; how the conversation ends changes nothing.
        if let Err(_) | Ok(Err(_)) = timeout(QUIT_MAX, connection.quit()).await {
            tracing::debug!("the mail server did not say goodbye");
        }
        Ok(())
    }

    async fn converse(
        &self,
        (envelope, mail): (&Envelope, &[u8]),
        on_its_way: &AtomicBool,
        deadline: Instant,
    ) -> Result<AsyncSmtpConnection, Broken> {
        let mut connection = self.connect().await?;
        connection
            .command(Mail::new(
                envelope.from().cloned(),
                parameters(&connection, envelope, mail)?,
            ))
            .await?;
        for to in envelope.to() {
            connection
                .command(Rcpt::new(to.clone(), Vec::new()))
                .await?;
        }
        connection.command(Data).await?;
        // As with a request: whoever stood still until now sends nothing any more.
        if Instant::now() >= deadline {
            let failure = Failure::new(Stage::NotSent, "email.timeout", "no time left");
            return Err(Broken::Here(failure));
        }
        on_its_way.store(true, Ordering::Relaxed);
        // The dot comes after a line break of its own (RFC 5321 §4.1.1.4).
        connection
            .message(mail.strip_suffix(b"\r\n").unwrap_or(mail))
            .await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Broken> {
        let tls = self.implicit.then(|| self.tls.clone());
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, tls, None).await?;
        if !self.implicit && connection.can_starttls() {
            connection.starttls(self.tls.clone(), &self.hello).await?;
        }
        if self.starttls == Starttls::Required && !connection.is_encrypted() {
            return Err(refused(
                "email.tls",
                "the mail server offers no TLS, and the settings require it",
            ));
        }
        if let Some(credentials) = &self.credentials {
            if connection
                .server_info()
                .get_auth_mechanism(&MECHANISMS)
                .is_none()
            {
                return Err(refused(
                    "email.login",
                    "the mail server offers no way to log in that we know",
                ));
            }
            connection.auth(&MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// Ways to log in, best first.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// What ended a conversation.
enum Broken {
    /// We did.
    Here(Failure),
    /// The server, or the way to it.
    There(SmtpError),
}

impl From<SmtpError> for Broken {
    fn from(error: SmtpError) -> Self {
        Self::There(error)
    }
}

fn refused(code: &str, reason: &str) -> Broken {
    Broken::Here(Failure::new(Stage::Refused, code, reason))
}

/// A reply is the server's word that it has not taken the mail; anything else leaves it where it was.
fn failure(unanswered: Stage, error: &SmtpError) -> Failure {
    let stage = match (error.is_permanent(), error.is_transient()) {
        (true, _) => Stage::Refused,
        (false, true) => Stage::NotSent,
        (false, false) => unanswered,
    };
    let code = if error.status().is_some() {
        "email.reply"
    } else {
        "email.connection"
    };
    Failure::new(
        stage,
        code,
        format!("the mail server did not take it: {error}"),
    )
}

/// The extensions this mail needs (RFC 6531, RFC 6152).
fn parameters(
    connection: &AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<Vec<MailParameter>, Broken> {
    let offers = |extension| connection.server_info().supports_feature(extension);
    let mut parameters = Vec::new();
    let ascii = envelope
        .to()
        .iter()
        .chain(envelope.from())
        .all(|address| AsRef::<str>::as_ref(address).is_ascii());
    if !ascii {
        if !offers(Extension::SmtpUtfEight) {
            return Err(refused(
                "email.address",
                "the mail server takes no addresses with letters past ASCII",
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() {
        if !offers(Extension::EightBitMime) {
            return Err(refused(
                "email.address",
                "the mail server takes no text past ASCII",
            ));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// Whether TLS starts at once, the host, the port.
fn server(address: &str) -> Result<(bool, Host<String>, u16), String> {
    let shape = || format!("{address:?} is not smtp://host[:port] or smtps://host[:port]");
    let url = Url::parse(address).map_err(|_| shape())?;
    let implicit = match url.scheme() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(shape()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials; use user and password_secret".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(shape());
    }
    let host = Host::parse(url.host_str().unwrap_or_default()).map_err(|_| shape())?;
    Ok((
        implicit,
        host,
        url.port().unwrap_or(if implicit { 465 } else { 25 }),
    ))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn tls(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let certificate =
            Certificate::from_pem(&pem).map_err(|error| format!("{}: {error}", file.display()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| error.to_string())
}
