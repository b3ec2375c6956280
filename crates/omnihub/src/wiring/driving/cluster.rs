//! The Temporal cluster as the settings name it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use temporal::{Certificate, Config, Tls};

use crate::config::Loaded;

/// What a worker has at least to tell Temporal what its last tasks came to.
pub(super) const STOP_MIN: Duration = Duration::from_secs(2);

/// What is to be known of the cluster; what cannot be used is named where it was set.
pub(super) fn config(loaded: &Loaded, installation: &str) -> Result<Config> {
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
    Ok(Config {
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
        ..Config::plain(&set.host, installation)
    })
}

/// Begins to connect; what cannot be used is named where it was set.
pub(super) fn connect(loaded: &Loaded, config: Config) -> Result<temporal::Temporal> {
    let connected = temporal::Temporal::connect(config);
    Ok(connected.map_err(|error| loaded.blame(&format!("temporal.{}", error.key()), error))?)
}

/// How long a look waits for an answer: longer than dialling may take.
const LOOK_MAX: Duration = Duration::from_secs(8);

/// Connects and asks for the namespace.
pub(super) async fn look(loaded: &Loaded) -> Result<String> {
    let temporal = connect(loaded, config(loaded, "")?)?;
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
    let read = |(place, key): (usize, &str)| {
        let digits = key.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            u8::from_str_radix(pair, 16)
                .ok()
                .filter(|_| pair.len() == 2)
        });
        let bytes: Option<Vec<u8>> = digits.collect();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.ok_or_else(|| format!("key {} is not 64 hexadecimal digits", place + 1))
    };
    keys.map(read).collect()
}
