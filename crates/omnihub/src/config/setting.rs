//! What a setting is: its place, its kind, its default and its words. The list of all of them is the catalogue.

use serde_json::Value;

/// One setting, as the catalogue describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its place: names joined by dots, `*` for a name that the operator chooses, `[]` after a list of tables.
    pub pattern: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its value where nobody sets it, as TOML; `None`: it is then absent.
    pub default: Option<&'static str>,
    /// A value to show where there is no default, as TOML.
    pub example: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
    /// Environment names that set it beside the one made of its path; the first wins.
    pub aliases: &'static [&'static str],
    /// Its table cannot do without it.
    pub required: bool,
    /// Never shown; also taken from a file named by `<name>_file`.
    pub secret: bool,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A path; relative ones are taken from the folder of the file that says so.
    Path,
    /// `sqlite:PATH` or another URL; the path as for [`Kind::Path`].
    Database,
    /// A path, or an `http`, `https` or other URL.
    PathOrUrl,
    /// A whole number within bounds.
    Whole {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    Texts,
}

/// A table of settings, with what it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    /// Its place, written as a setting's.
    pub pattern: &'static str,
    /// The header that the example shows.
    pub header: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

impl Setting {
    /// A setting without default, alias or further properties.
    pub(crate) const fn new(pattern: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            pattern,
            kind,
            default: None,
            example: "",
            meaning,
            aliases: &[],
            required: false,
            secret: false,
        }
    }

    /// With a default, as TOML.
    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// With a value to show, as TOML.
    pub(crate) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// With further environment names.
    pub(crate) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Its table cannot do without it.
    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// Never shown.
    pub(crate) const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// The last name of its place.
    pub(crate) fn name(&self) -> &'static str {
        self.pattern.rsplit('.').next().unwrap_or(self.pattern)
    }

    /// The place of its table; empty for the top.
    pub(crate) fn table(&self) -> &'static str {
        self.pattern.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// The environment name made of its path, with the operator's names in place of `*`.
    pub(crate) fn variable(&self) -> String {
        let parts = self
            .pattern
            .replace("[]", ".0")
            .replace('*', "NAME")
            .replace('.', "__");
        format!("OMNIHUB_{}", parts.to_uppercase())
    }

    /// Its default as a value.
    pub(crate) fn default_value(&self) -> Option<Value> {
        self.default.map(toml_value)
    }
}

impl Kind {
    /// What it takes, in words; limits included.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Path => "a path".to_owned(),
            Self::Database => "a database URL".to_owned(),
            Self::PathOrUrl => "a path or URL".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Flag => "true or false".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
        }
    }

    /// Whether a value of the right JSON type is within the kind's bounds.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Path | Self::Database | Self::PathOrUrl => value.is_string(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Whole { min, max } => value
                .as_u64()
                .is_some_and(|number| (min..=max).contains(&number)),
            Self::Flag => value.is_boolean(),
            Self::Texts => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }

    /// Reads text from the environment or a flag; `None`: it does not read as this kind.
    pub(crate) fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Whole { .. } => text.trim().parse::<u64>().map(Value::from).ok()?,
            Self::Flag => text.trim().parse::<bool>().map(Value::from).ok()?,
            Self::Texts => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect(),
            Self::Text | Self::Word(_) | Self::Path | Self::Database | Self::PathOrUrl => {
                Value::from(text)
            }
        };
        self.takes(&value).then_some(value)
    }
}

#[expect(
    clippy::expect_used,
    reason = "a test reads every default of the catalogue"
)]
fn toml_value(text: &str) -> Value {
    let table: toml::Table =
        toml::from_str(&format!("value = {text}")).expect("a default of the catalogue is TOML");
    let value = table.get("value").expect("the only key");
    serde_json::to_value(value).expect("a TOML value without dates is JSON")
}
