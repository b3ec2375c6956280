//! Every setting there is: one table that the reader, `config show` and the documented example are made from.
//!
//! The defaults stand beside the components too; a test holds the two against each other.

mod connections;
mod server;

use super::place::Key;
use super::setting::{Section, Setting};

/// All settings, in the order of the example.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting> {
    server::SETTINGS.iter().chain(connections::SETTINGS)
}

/// All tables, in the order of the example.
pub(crate) fn sections() -> impl Iterator<Item = &'static Section> {
    server::SECTIONS.iter().chain(connections::SECTIONS)
}

/// The setting of that name in the table at `pattern`.
pub(crate) fn setting_in(pattern: &str, name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.table() == pattern && setting.name() == name)
}

/// The secret setting whose `<name>_file` this is, in the table at `pattern`.
pub(crate) fn file_setting_in(pattern: &str, name: &str) -> Option<&'static Setting> {
    let setting = setting_in(pattern, name.strip_suffix("_file")?)?;
    setting.secret.then_some(setting)
}

/// The setting at a key.
pub(crate) fn setting_at(key: &Key) -> Option<&'static Setting> {
    settings().find(|setting| key.fits(setting.pattern))
}

/// The place of the list of tables called `name` in the table at `pattern`.
pub(crate) fn list_in(pattern: &str, name: &str) -> Option<String> {
    let place = format!("{}[]", below(pattern, name));
    holds(&place).then_some(place)
}

/// The place of the table called `name` in the table at `pattern`.
pub(crate) fn table_in(pattern: &str, name: &str) -> Option<String> {
    [below(pattern, name), below(pattern, "*")]
        .into_iter()
        .find(|place| holds(place))
}

/// The names known in the table at `pattern`.
pub(crate) fn names_in(pattern: &str) -> impl Iterator<Item = &'static str> {
    let start = if pattern.is_empty() {
        String::new()
    } else {
        format!("{pattern}.")
    };
    settings().filter_map(move |setting| {
        let rest = setting.pattern.strip_prefix(&start)?;
        let name = rest.split('.').next()?.trim_end_matches("[]");
        (name != "*").then_some(name)
    })
}

/// Where else a setting of that name stands, as the end of a message; empty where nowhere.
pub(crate) fn elsewhere(name: &str) -> String {
    let places: Vec<_> = settings()
        .filter(|setting| setting.name() == name)
        .map(|setting| format!("`{}`", setting.pattern))
        .collect();
    if places.is_empty() {
        String::new()
    } else {
        format!("; there is {}", places.join(", "))
    }
}

fn below(pattern: &str, name: &str) -> String {
    if pattern.is_empty() {
        name.to_owned()
    } else {
        format!("{pattern}.{name}")
    }
}

fn holds(place: &str) -> bool {
    let start = format!("{place}.");
    settings().any(|setting| setting.pattern.starts_with(&start))
}
