//! Values from several sources laid over each other: later layers win, and every value remembers where it comes from.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::catalogue;
use super::place::{Key, Origin, Part};
use super::problem::Problem;
use super::setting::{Kind, Setting};

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    /// The value.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// All values set so far, and the tables that were named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    leaves: BTreeMap<Key, Leaf>,
    tables: BTreeMap<Key, Origin>,
}

impl Layers {
    /// Sets a value over what was there.
    pub(crate) fn set(&mut self, key: Key, value: Value, origin: Origin) {
        self.name_tables(&key, &origin);
        self.leaves.insert(key, Leaf { value, origin });
    }

    /// Notes that a table is there, even if empty.
    pub(crate) fn table(&mut self, key: Key, origin: &Origin) {
        self.tables.entry(key).or_insert_with(|| origin.clone());
    }

    /// All values, by key.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&Key, &Leaf)> {
        self.leaves.iter()
    }

    /// The tables named so far.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Key> {
        self.tables.keys()
    }

    /// Where the value of a key, or else the nearest table above it, was set.
    pub(crate) fn origin(&self, key: &Key) -> Origin {
        let leaf = self.leaves.get(key).map(|leaf| &leaf.origin);
        if let Some(origin) = leaf.filter(|origin| **origin != Origin::Default) {
            return origin.clone();
        }
        let mut key = key.clone();
        loop {
            match self.tables.get(&key) {
                Some(origin) => return origin.clone(),
                None if key.0.pop().is_none() => return Origin::Default,
                None => {}
            }
        }
    }

    /// Fills in the catalogue's defaults where nothing is set and their table is there.
    pub(crate) fn fill_defaults(&mut self) {
        for setting in catalogue::settings() {
            let Some(default) = setting.default_value() else {
                continue;
            };
            for key in self.keys_of(setting) {
                self.leaves.entry(key).or_insert_with(|| Leaf {
                    value: default.clone(),
                    origin: Origin::Default,
                });
            }
        }
    }

    /// Names the tables that lack what they cannot do without.
    pub(crate) fn missing(&self) -> Vec<Problem> {
        let required = catalogue::settings().filter(|setting| setting.required);
        let absent = required.flat_map(|setting| {
            let keys = self.keys_of(setting).into_iter();
            keys.filter(|key| !self.leaves.contains_key(key))
                .map(move |key| (setting, key))
        });
        absent
            .map(|(setting, key)| {
                let what = format!(
                    "`{key}` is missing; it takes {}: {}",
                    setting.kind.words(),
                    setting.meaning
                );
                Problem::new(&self.origin(&key), what)
            })
            .collect()
    }

    /// The values as one tree.
    pub(crate) fn tree(&self) -> Value {
        let mut tree = Value::Object(Map::new());
        for key in self.tables.keys() {
            entry(&mut tree, &key.0, Value::Object(Map::new()));
        }
        for (key, leaf) in &self.leaves {
            *entry(&mut tree, &key.0, Value::Null) = leaf.value.clone();
        }
        tree
    }

    /// The keys that a setting has: one in each table of its pattern that is there.
    fn keys_of(&self, setting: &Setting) -> Vec<Key> {
        let table = setting.table();
        if table.contains('*') || table.contains("[]") {
            let tables = self.tables.keys().filter(|key| key.fits(table));
            return tables.map(|key| key.name(setting.name())).collect();
        }
        vec![Key::of(setting.pattern)]
    }

    fn name_tables(&mut self, key: &Key, origin: &Origin) {
        for length in 1..key.0.len() {
            self.table(Key(key.0.iter().take(length).cloned().collect()), origin);
        }
    }
}

/// Makes relative paths start at `folder`, for the kinds that hold one.
pub(crate) fn rooted(kind: Kind, value: Value, folder: &Path) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    match kind {
        Kind::Path => Value::from(join(folder, text)),
        Kind::PathOrUrl if !text.contains("://") => Value::from(join(folder, text)),
        Kind::Database => match text.strip_prefix("sqlite:") {
            Some(path) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                Value::from(format!("sqlite:{}", join(folder, path)))
            }
            None => value,
        },
        Kind::PathOrUrl
        | Kind::Text
        | Kind::Word(_)
        | Kind::Whole { .. }
        | Kind::Flag
        | Kind::Texts => value,
    }
}

fn join(folder: &Path, path: &str) -> String {
    folder.join(path).to_string_lossy().into_owned()
}

/// The value at a key, made where it is not there.
fn entry<'a>(tree: &'a mut Value, key: &[Part], absent: Value) -> &'a mut Value {
    let Some((first, rest)) = key.split_first() else {
        return tree;
    };
    let below = match rest.first() {
        None => absent.clone(),
        Some(Part::Name(_)) => Value::Object(Map::new()),
        Some(Part::Index(_)) => Value::Array(Vec::new()),
    };
    let child = match first {
        Part::Name(name) => {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            tree.as_object_mut()
                .map(|object| object.entry(name.clone()).or_insert(below))
        }
        Part::Index(index) => {
            if !tree.is_array() {
                *tree = Value::Array(Vec::new());
            }
            tree.as_array_mut().and_then(|list| {
                while list.len() <= *index {
                    list.push(below.clone());
                }
                list.get_mut(*index)
            })
        }
    };
    #[expect(clippy::expect_used, reason = "the lines above made it")]
    entry(child.expect("the child was just made"), rest, absent)
}
