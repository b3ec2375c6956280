//! The Temporal cluster as the settings name it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use temporal::{Certificate, Config, Error, Temporal, Tls};

use crate::config::Loaded;
use crate::config::problem::Problems;

/// What a worker has at least to tell Temporal what its last tasks came to.
pub(super) const STOP_MIN: Duration = Duration::from_secs(2);

/// What is to be known of the cluster, but for the installation; what can never be used is named where it was set.
pub(super) fn config(loaded: &Loaded) -> Result<Config> {
    let set = &loaded.settings.temporal;
    let read = |key: &str, path: &Path| {
        std::fs::read(path).map_err(|error| {
            loaded.blame(key, format!("{} cannot be read: {error}", path.display()))
        })
    };
    let own = match (&set.tls_cert, &set.tls_key) {
        (Some(cert), Some(key)) => Some(Certificate {
            chain: read("temporal.tls_cert", cert)?,
            key: read("temporal.tls_key", key)?,
        }),
        (None, None) => None,
        (Some(_), None) => return Err(alone(loaded, "temporal.tls_key", "temporal.tls_cert")),
        (None, Some(_)) => return Err(alone(loaded, "temporal.tls_cert", "temporal.tls_key")),
    };
    let ca = match &set.tls_ca {
        Some(ca) => Some(read("temporal.tls_ca", ca)?),
        None => None,
    };
    let tls = set.tls || ca.is_some() || own.is_some() || set.tls_server_name.is_some();
    let keys = set.encryption_keys.as_deref().map_or(Ok(Vec::new()), keys);
    let config = Config {
        namespace: set.namespace.clone(),
        task_queue: set.task_queue.clone(),
        tls: tls.then(|| Tls {
            ca,
            server_name: set.tls_server_name.clone(),
            own,
        }),
        api_key: set.api_key.clone(),
        keys: keys.map_err(|why| loaded.blame("temporal.encryption_keys", why))?,
        deployment: set.deployment.clone(),
        stretches: set.stretches_max,
        long_stretches: set.long_stretches_max,
        ..Config::plain(&set.host, "")
    };
    config.check().map_err(|error| blame(loaded, error))?;
    Ok(config)
}

/// Begins to connect.
pub(super) fn connect(loaded: &Loaded, config: Config) -> Result<Temporal> {
    Ok(Temporal::connect(config).map_err(|error| blame(loaded, error))?)
}

fn blame(loaded: &Loaded, error: Error) -> Problems {
    loaded.blame(&format!("temporal.{}", error.key()), error)
}

/// How long a look waits for an answer: longer than dialling may take.
const LOOK_MAX: Duration = Duration::from_secs(8);

/// Connects and asks for the namespace.
pub(super) async fn look(loaded: &Loaded) -> Result<String> {
    let temporal = connect(loaded, config(loaded)?)?;
    // What is said when the time is over says why.
    drop(tokio::time::timeout(LOOK_MAX, temporal.ready()).await);
    temporal.connected().map_err(anyhow::Error::msg)?;
    let set = &loaded.settings.temporal;
    Ok(format!("{} has namespace {:?}", set.host, set.namespace))
}

fn alone(loaded: &Loaded, missing: &str, there: &str) -> anyhow::Error {
    loaded.blame(there, format!("it needs `{missing}`")).into()
}

fn keys(text: &str) -> Result<Vec<[u8; 32]>, String> {
    let keys = text.split(',').map(str::trim).enumerate();
    let read = |(place, text): (usize, &str)| {
        key(text).ok_or_else(|| format!("key {} is not 64 hexadecimal digits", place + 1))
    };
    keys.map(read).collect()
}

fn key(text: &str) -> Option<[u8; 32]> {
    let digit = |letter: u8| char::from(letter).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    let (pairs, rest) = text.as_bytes().as_chunks();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn keys_are_64_hexadecimal_digits_each_and_nothing_else() {
        let (a, b) = ("0f".repeat(32), "A0".repeat(32));
        assert_eq!(keys(&a), Ok(vec![[0x0f; 32]]));
        assert_eq!(
            keys(&format!("{b} , {a}")),
            Ok(vec![[0xa0; 32], [0x0f; 32]])
        );
        for (text, place) in [
            (String::new(), 1),
            ("+f".repeat(32), 1),
            ("-0".repeat(32), 1),
            (" f".repeat(32), 1),
            ("é".repeat(32), 1),
            ("ff".repeat(31), 1),
            ("ff".repeat(33), 1),
            (format!("{a},"), 2),
            (format!("{a},{}", "0x".repeat(32)), 2),
        ] {
            let why = format!("key {place} is not 64 hexadecimal digits");
            assert_eq!(keys(&text), Err(why), "{text}");
        }
    }
}
