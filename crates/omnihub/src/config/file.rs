//! Reads a settings file: every key is known, every value of its kind, or the problem names the line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use domain::suggest::did_you_mean;
use serde_json::Value;

use super::catalogue;
use super::layers::{Layers, rooted};
use super::place::{Key, Origin};
use super::problem::Problem;
use super::setting::Setting;

/// Longest settings file, in bytes: a thousand tables of twenty columns fit.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Lays the file's values over the layers; returns what is wrong with it.
pub(crate) fn read(path: &Path, layers: &mut Layers) -> Vec<Problem> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(reason) => {
            return vec![Problem::new(
                &Origin::File {
                    path: path.to_owned(),
                    line: 1,
                },
                reason,
            )];
        }
    };
    let mut reader = Reader {
        path,
        text: &text,
        layers,
        problems: Vec::new(),
    };
    match DeTable::parse(&text) {
        Ok(table) => reader.table(&Key::default(), "", table.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.problem(at, error.message().replace('\n', ", "));
        }
    }
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| match problem.origin {
        Origin::File { line, .. } => line,
        _ => 0,
    });
    problems
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| format!("the settings file cannot be read: {error}"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "the settings file has {size} bytes, at most {FILE_BYTES_MAX} are read"
        ));
    }
    std::fs::read_to_string(path)
        .map_err(|error| format!("the settings file cannot be read: {error}"))
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    layers: &'a mut Layers,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Reads the table at `key`, whose place in the catalogue is `pattern`.
    fn table(&mut self, key: &Key, pattern: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            let (child, name) = (key.name(name.get_ref()), name.get_ref().as_ref());
            let origin = self.origin(at);
            if let Some(setting) = catalogue::setting_in(pattern, name) {
                self.setting(child, setting, value);
            } else if let Some(setting) = catalogue::file_setting_in(pattern, name) {
                self.secret_file(key, setting, value);
            } else if let Some(list) = catalogue::list_in(pattern, name) {
                self.list(&child, &list, value);
            } else if let Some(below) = catalogue::table_in(pattern, name) {
                match value.get_ref() {
                    DeValue::Table(table) => {
                        self.layers.table(child.clone(), &origin);
                        self.table(&child, &below, table);
                    }
                    other => {
                        self.problem(at, format!("`{child}` is a table, not {}", kind_of(other)))
                    }
                }
            } else {
                self.unknown(at, pattern, key, name);
            }
        }
    }

    fn list(&mut self, key: &Key, pattern: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(items) = value.get_ref() else {
            let what = format!(
                "`{key}` is a list of tables, `[[{key}]]`, not {}",
                kind_of(value.get_ref())
            );
            return self.problem(value.span().start, what);
        };
        for (index, item) in items.iter().enumerate() {
            let (key, at) = (key.index(index), item.span().start);
            let DeValue::Table(table) = item.get_ref() else {
                self.problem(
                    at,
                    format!("`{key}` is a table, not {}", kind_of(item.get_ref())),
                );
                continue;
            };
            let origin = self.origin(at);
            self.layers.table(key.clone(), &origin);
            self.table(&key, pattern, table);
        }
    }

    fn setting(&mut self, key: Key, setting: &Setting, value: &Spanned<DeValue<'_>>) {
        let at = value.span().start;
        match json(value.get_ref()).filter(|value| setting.kind.takes(value)) {
            Some(value) => {
                let (value, origin) = (rooted(setting.kind, value, self.folder()), self.origin(at));
                self.layers.set(key, value, origin);
            }
            None => {
                let found = if setting.secret {
                    kind_of(value.get_ref()).to_owned()
                } else {
                    shown(value.get_ref())
                };
                self.problem(
                    at,
                    format!("`{key}` takes {}, not {found}", setting.kind.words()),
                );
            }
        }
    }

    fn secret_file(&mut self, table: &Key, setting: &Setting, value: &Spanned<DeValue<'_>>) {
        let at = value.span().start;
        let Some(path) = value.get_ref().as_str() else {
            return self.problem(
                at,
                format!("`{}_file` takes a path", table.name(setting.name())),
            );
        };
        let path = self.folder().join(path);
        match std::fs::read_to_string(&path) {
            Ok(secret) => {
                let origin = self.origin(at);
                self.layers.set(
                    table.name(setting.name()),
                    Value::from(secret.trim_end()),
                    origin,
                );
            }
            Err(error) => self.problem(at, format!("{} cannot be read: {error}", path.display())),
        }
    }

    fn unknown(&mut self, at: usize, pattern: &str, table: &Key, name: &str) {
        let hint = did_you_mean(name, catalogue::names_in(pattern));
        let hint = if hint.is_empty() {
            catalogue::elsewhere(name)
        } else {
            hint
        };
        let place = if table.0.is_empty() {
            "at the top of the file".to_owned()
        } else {
            format!("in [{table}]")
        };
        self.problem(at, format!("unknown key `{name}` {place}{hint}"));
    }

    fn problem(&mut self, at: usize, what: String) {
        let origin = self.origin(at);
        self.problems.push(Problem { origin, what });
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        Origin::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

fn json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(Value::from(text.as_ref())),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Value::from),
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::Array(items) => items
            .iter()
            .map(|item| json(item.get_ref()))
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match json(value) {
        Some(value) if value.is_array() => "that list".to_owned(),
        Some(value) => format!("{value}"),
        None => match value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            other => kind_of(other).to_owned(),
        },
    }
}
