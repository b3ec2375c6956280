//! Secrets: read once when the agent opens, put in place only when a request leaves for one of their hosts, and taken
//! out of everything that comes back.
//!
//! A plan holds `{"$secret": "name"}`; no value of a secret is ever in an input, an output, an error or a log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Host, Url};

use domain::outcome::{Outcome, ToolError};

use crate::error::Error;
use crate::outbound::{HostPattern, authority};

/// `[secrets.NAME]`: where the value comes from and where it may go. Exactly one of `env` and `file` is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretConfig {
    /// The environment variable that holds the value.
    pub env: Option<String>,
    /// The file that holds the value; white space at its end does not count.
    pub file: Option<PathBuf>,
    /// The hosts it may be sent to: `host`, `host:port` or `*.suffix`.
    pub hosts: Vec<String>,
}

/// Longest value, in bytes: it has to fit into one header (servers commonly take 8 KiB).
pub(crate) const SECRET_BYTES_MAX: usize = 8_192;
/// Shortest part of a value after a scheme such as `Bearer ` that is redacted by itself.
const CREDENTIAL_BYTES_MIN: usize = 8;

/// All configured secrets.
#[derive(Default)]
pub struct Secrets {
    named: BTreeMap<String, Secret>,
    /// What must not be shown, with what stands for it; longest first, so that no part hides a whole.
    redactions: Vec<(String, String)>,
}

struct Secret {
    value: String,
    hosts: Vec<HostPattern>,
}

impl Secrets {
    /// Reads all values.
    ///
    /// # Errors
    /// [`Error::Secret`] names the first that is missing or unfit.
    pub fn open(configs: &BTreeMap<String, SecretConfig>) -> Result<Self, Error> {
        let mut secrets = Self::default();
        for (name, config) in configs {
            let wrong = |reason| Error::Secret {
                name: name.clone(),
                reason,
            };
            let value = read(config).map_err(wrong)?;
            let hosts = config
                .hosts
                .iter()
                .map(|host| HostPattern::parse(host))
                .collect::<Result<_, _>>()
                .map_err(wrong)?;
            secrets.redact_from_now_on(name, &value);
            secrets.named.insert(name.clone(), Secret { value, hosts });
        }
        secrets
            .redactions
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Ok(secrets)
    }

    /// The value of a secret for a request to this URL.
    ///
    /// # Errors
    /// `secret.unknown`: there is none of that name; `secret.host`: it is not meant for that host.
    pub fn for_url(&self, name: &str, url: &Url) -> Result<&str, ToolError> {
        let refused = || {
            ToolError::new(
                "secret.host",
                format!("the secret {name:?} is not meant for this host"),
            )
        };
        let (host, port) = authority(url).ok_or_else(refused)?;
        self.for_host(name, &host, port)
    }

    /// The value of a secret for a connection to this host and port; errors as [`Secrets::for_url`].
    pub(crate) fn for_host(
        &self,
        name: &str,
        host: &Host<String>,
        port: u16,
    ) -> Result<&str, ToolError> {
        let secret = self.named.get(name);
        let secret = secret.ok_or_else(|| {
            ToolError::new("secret.unknown", format!("there is no secret {name:?}"))
        })?;
        if !secret
            .hosts
            .iter()
            .any(|pattern| pattern.matches(host, port))
        {
            let message = format!("secrets.{name}.hosts does not name {host}:{port}");
            return Err(ToolError::new("secret.host", message));
        }
        Ok(&secret.value)
    }

    /// The text without any secret's value.
    pub fn redact(&self, text: String) -> String {
        self.redactions.iter().fold(text, |text, (hidden, shown)| {
            if text.contains(hidden.as_str()) {
                text.replace(hidden.as_str(), shown)
            } else {
                text
            }
        })
    }

    /// The JSON value without any secret's value, in texts, keys and numbers.
    pub fn redact_value(&self, value: Value) -> Value {
        if self.redactions.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.redact(text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.redact_value(item))
                .collect(),
            Value::Object(members) => {
                let members = members
                    .into_iter()
                    .map(|(key, member)| (self.redact(key), self.redact_value(member)));
                Value::Object(members.collect::<Map<_, _>>())
            }
            Value::Number(number) => match self.redact(number.to_string()) {
                redacted if redacted == number.to_string() => Value::Number(number),
                redacted => Value::String(redacted),
            },
            Value::Null | Value::Bool(_) => value,
        }
    }

    /// The outcome without any secret's value.
    pub fn redact_outcome(&self, outcome: Outcome) -> Outcome {
        let clean = |error: ToolError| ToolError {
            message: self.redact(error.message),
            ..error
        };
        match outcome {
            Outcome::Succeeded { output } => Outcome::Succeeded {
                output: self.redact_value(output),
            },
            Outcome::Failed { kind, proof, error } => Outcome::Failed {
                kind,
                proof,
                error: clean(error),
            },
            Outcome::Unknown { error } => Outcome::Unknown {
                error: clean(error),
            },
        }
    }

    /// Hides the value, its form inside JSON text, and the credential after a scheme: servers echo all three.
    fn redact_from_now_on(&mut self, name: &str, value: &str) {
        let shown = format!("[secret {name}]");
        let escaped = Value::from(value).to_string();
        let escaped = escaped.trim_matches('"');
        let credential = value
            .split_once(' ')
            .map(|(_, rest)| rest)
            .filter(|rest| rest.len() >= CREDENTIAL_BYTES_MIN);
        let escaped = (escaped != value).then_some(escaped);
        for hidden in [Some(value), escaped, credential].into_iter().flatten() {
            self.redactions.push((hidden.to_owned(), shown.clone()));
        }
    }
}

fn read(config: &SecretConfig) -> Result<String, String> {
    let value = match (&config.env, &config.file) {
        (Some(variable), None) => std::env::var(variable)
            .map_err(|_| format!("the environment variable {variable} is not set, or not text"))?,
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            text.trim_end().to_owned()
        }
        (Some(_), Some(_)) | (None, None) => return Err("needs either env or file".to_owned()),
    };
    if value.is_empty() || value.len() > SECRET_BYTES_MAX {
        return Err(format!("its value must have 1 to {SECRET_BYTES_MAX} bytes"));
    }
    if value.chars().any(char::is_control) {
        return Err("its value holds control characters".to_owned());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SecretConfig, Secrets};

    #[test]
    fn no_form_of_a_secret_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, value: &str| {
            std::fs::write(folder.path().join(name), value).unwrap();
            SecretConfig {
                file: Some(folder.path().join(name)),
                ..SecretConfig::default()
            }
        };
        let configs = [
            ("token".to_owned(), file("token", "Bearer abcdefgh123\n")),
            ("quoted".to_owned(), file("quoted", "pass\"word\\1")),
            ("pin".to_owned(), file("pin", "4711")),
        ];
        let secrets = Secrets::open(&configs.into()).unwrap();
        let shown = secrets.redact(
            r#"a Bearer abcdefgh123, abcdefgh123, pass"word\1, "pass\"word\\1", 4711"#.to_owned(),
        );
        assert_eq!(
            shown,
            r#"a [secret token], [secret token], [secret quoted], "[secret quoted]", [secret pin]"#
        );
        let value =
            secrets.redact_value(json!({ "abcdefgh123": [4711, 12, { "x": "pass\"word\\1" }] }));
        assert_eq!(
            value,
            json!({ "[secret token]": ["[secret pin]", 12, { "x": "[secret quoted]" }] })
        );
    }

    #[test]
    fn a_missing_secret_is_named_and_a_present_one_read() {
        let missing = SecretConfig {
            env: Some("OMNIHUB_TEST_NO_SUCH_VARIABLE".to_owned()),
            ..SecretConfig::default()
        };
        let error = Secrets::open(&[("pay".to_owned(), missing)].into())
            .err()
            .unwrap()
            .to_string();
        assert_eq!(
            error,
            "secret \"pay\": the environment variable OMNIHUB_TEST_NO_SUCH_VARIABLE is not set, or not text"
        );
        let present = SecretConfig {
            env: Some("CARGO_PKG_NAME".to_owned()),
            ..SecretConfig::default()
        };
        let secrets = Secrets::open(&[("name".to_owned(), present)].into()).unwrap();
        assert_eq!(
            secrets.redact(env!("CARGO_PKG_NAME").to_owned()),
            "[secret name]"
        );
    }
}
