//! `config show`: every value in force, with where it comes from; secrets are named and never shown.

use serde::Serialize;
use serde_json::Value;

use super::Loaded;
use super::catalogue;
use super::place::Origin;

/// Stands for a secret's value.
const HIDDEN: &str = "[redacted]";

/// One value in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shown {
    /// Its place.
    pub key: String,
    /// Its value; a secret's is hidden.
    pub value: Value,
    /// Where it comes from: `default`, `FILE:LINE`, `env NAME` or `flag NAME`.
    pub origin: String,
}

/// Every value in force, in the order of the catalogue.
pub(crate) fn values(loaded: &Loaded) -> Vec<Shown> {
    let shown = catalogue::settings().flat_map(|setting| {
        let leaves = loaded
            .layers
            .leaves()
            .filter(|(key, _)| key.fits(setting.pattern));
        leaves.map(|(key, leaf)| Shown {
            key: key.to_string(),
            value: if setting.secret {
                Value::from(HIDDEN)
            } else {
                redacted(&leaf.value)
            },
            origin: origin(&leaf.origin),
        })
    });
    shown.collect()
}

fn origin(origin: &Origin) -> String {
    origin.to_string()
}

/// A value without the user and password of a URL in it.
fn redacted(value: &Value) -> Value {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once("://")) else {
        return value.clone();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@').and_then(|at| rest.get(at..)) {
        Some(after) => Value::from(format!("{scheme}://{HIDDEN}{after}")),
        None => value.clone(),
    }
}
