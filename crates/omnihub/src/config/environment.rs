//! Reads settings from the environment: `OMNIHUB_` and the path with `__` between its parts, and the kept names.
//!
//! A secret is also taken from the file named by `<variable>_FILE`. A variable that looks like a setting and is none is a
//! problem: a limit that is silently not in force is worse than a start that fails. An empty variable counts as not set,
//! as container files leave them.

use std::collections::BTreeMap;
use std::path::Path;

use domain::suggest::did_you_mean;
use serde_json::Value;

use super::catalogue;
use super::layers::{Layers, rooted};
use super::place::{Key, Origin, Part};
use super::problem::Problem;
use super::setting::Setting;

/// What every variable of ours begins with.
const PREFIX: &str = "OMNIHUB_";

/// Variables of ours that are no settings: they concern one command, not the server.
const OTHERS: [&str; 5] = [
    "OMNIHUB_URL",
    "OMNIHUB_TOKEN",
    "OMNIHUB_TOKEN_FILE",
    "OMNIHUB_CONFIG",
    "OMNIHUB_AS",
];

/// Names kept from the system's founding report (CONTRACT §1) that this version leaves alone, although who sets them may
/// count on them.
const NOT_USED: [&str; 7] = [
    "CACHE_EMBEDDING_MODEL",
    "CACHE_SIMILARITY_THRESHOLD",
    "DEFAULT_LLM_MODEL",
    "ORCHESTRATOR_URL",
    "SUPABASE_ANON_KEY",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_URL",
];
/// Families of such names.
const NOT_USED_FAMILIES: [&str; 2] = ["LLM_", "RATE_LIMIT_"];

/// A variable of this process's environment; `None`: it is not set, empty, or not text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables that are set.
pub(super) fn set(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let set = environment.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Those of them that mean nothing here.
pub(super) fn not_used(environment: &BTreeMap<String, String>) -> Vec<String> {
    let is_not_used = |name: &str| {
        let name = name.strip_suffix("_FILE").unwrap_or(name);
        NOT_USED.contains(&name)
            || NOT_USED_FAMILIES
                .iter()
                .any(|family| name.starts_with(family))
    };
    let names = environment.keys().filter(|name| is_not_used(name));
    names.cloned().collect()
}

/// Lays the environment's values over the layers; returns what is wrong with them.
pub(crate) fn read(
    environment: &BTreeMap<String, String>,
    folder: &Path,
    layers: &mut Layers,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for setting in catalogue::settings() {
        // The last alias is laid first: the first one wins.
        for name in setting.aliases.iter().rev() {
            let key = Key::of(setting.pattern);
            take(
                environment,
                folder,
                layers,
                &mut problems,
                (setting, key, name),
            );
        }
    }
    // Aliases were read above.
    let known = |name: &str| {
        OTHERS.contains(&name)
            || catalogue::settings().any(|setting| setting.aliases.contains(&name))
    };
    for name in environment
        .keys()
        .filter(|name| name.starts_with(PREFIX) && !known(name))
    {
        match find(name, layers) {
            Some((setting, key, name)) => take(
                environment,
                folder,
                layers,
                &mut problems,
                (setting, key, &name),
            ),
            None if set_by_a_cluster(name) => {}
            None => {
                let variables: Vec<_> = catalogue::settings().map(Setting::variable).collect();
                let hint = did_you_mean(name, variables.iter().map(String::as_str));
                let origin = Origin::Environment(name.clone());
                problems.push(Problem::new(
                    &origin,
                    format!("no setting has this name{hint}"),
                ));
            }
        }
    }
    problems
}

/// The setting that a variable sets, its key, and the variable without `_FILE`.
fn find(variable: &str, layers: &Layers) -> Option<(&'static Setting, Key, String)> {
    let path = variable.strip_prefix(PREFIX)?;
    let direct = catalogue::settings()
        .find_map(|setting| Some((setting, key_of(setting.pattern, path, layers)?)));
    if let Some((setting, key)) = direct {
        return Some((setting, key, variable.to_owned()));
    }
    let (path, variable) = (path.strip_suffix("_FILE")?, variable.strip_suffix("_FILE")?);
    let secrets = catalogue::settings().filter(|setting| setting.secret);
    let mut found =
        secrets.filter_map(|setting| Some((setting, key_of(setting.pattern, path, layers)?)));
    found
        .next()
        .map(|(setting, key)| (setting, key, variable.to_owned()))
}

/// The key that `path` (upper case, `__` between its parts) means at the place of a pattern.
fn key_of(pattern: &str, path: &str, layers: &Layers) -> Option<Key> {
    let mut parts = path.split("__");
    let mut key = Key::default();
    for segment in pattern.split('.') {
        let (name, list) = segment
            .strip_suffix("[]")
            .map_or((segment, false), |name| (name, true));
        let part = parts.next()?;
        if name == "*" {
            // The file may have chosen a name with capitals.
            let known = layers
                .tables()
                .find_map(|table| match table.0.split_last() {
                    Some((Part::Name(name), above))
                        if above == key.0 && name.eq_ignore_ascii_case(part) =>
                    {
                        Some(name.clone())
                    }
                    _ => None,
                });
            key = key.name(&known.unwrap_or_else(|| part.to_lowercase()));
        } else if part.eq_ignore_ascii_case(name) {
            key = key.name(name);
        } else {
            return None;
        }
        if list {
            key = key.index(parts.next()?.parse().ok()?);
        }
    }
    parts.next().is_none().then_some(key)
}

fn take(
    environment: &BTreeMap<String, String>,
    folder: &Path,
    layers: &mut Layers,
    problems: &mut Vec<Problem>,
    (setting, key, variable): (&Setting, Key, &str),
) {
    let file_variable = format!("{variable}_FILE");
    let (origin, text) = if let Some(text) = environment.get(variable) {
        (Origin::Environment(variable.to_owned()), text.clone())
    } else if let Some(path) = environment.get(&file_variable).filter(|_| setting.secret) {
        let origin = Origin::Environment(file_variable);
        match std::fs::read_to_string(folder.join(path)) {
            Ok(text) if text.trim_end().is_empty() => {
                return problems.push(Problem::new(&origin, format!("{path} holds nothing")));
            }
            Ok(text) => (origin, text.trim_end().to_owned()),
            Err(error) => {
                return problems.push(Problem::new(
                    &origin,
                    format!("{path} cannot be read: {error}"),
                ));
            }
        }
    } else {
        return;
    };
    match setting.kind.read(&text) {
        Some(value) => layers.set(key, rooted(setting.kind, value, folder), origin),
        None => {
            let found = if setting.secret {
                "something else".to_owned()
            } else {
                Value::from(text).to_string()
            };
            problems.push(Problem::new(
                &origin,
                format!("`{key}` takes {}, not {found}", setting.kind.words()),
            ));
        }
    }
}

/// Kubernetes puts `<SERVICE>_PORT…` and `<SERVICE>_SERVICE_…` into every container beside a service called `omnihub`.
fn set_by_a_cluster(variable: &str) -> bool {
    let rest = variable.strip_prefix(PREFIX).unwrap_or(variable);
    !rest.contains("__")
        && (rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_"))
}
