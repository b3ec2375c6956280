//! Where a setting stands in the settings, and where its value comes from.

use std::fmt;
use std::path::PathBuf;

/// One part of a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A name.
    Name(String),
    /// The place in a list of tables, from 0.
    Index(usize),
}

/// The concrete place of a value: `databases.shop.url`, `auth.issuers[0].issuer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub Vec<Part>);

/// Where a value comes from; later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// A settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl Key {
    /// The key one name below.
    pub(crate) fn name(&self, name: &str) -> Self {
        self.with(Part::Name(name.to_owned()))
    }

    /// The key one place below.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Part::Index(index))
    }

    /// The key of names joined by dots.
    pub(crate) fn of(path: &str) -> Self {
        Self(
            path.split('.')
                .map(|name| Part::Name(name.to_owned()))
                .collect(),
        )
    }

    /// The key as it is displayed: `auth.issuers[0].issuer`, `databases."my shop".url`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut key = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((name, after)) = rest
                .strip_prefix('"')
                .and_then(|quoted| quoted.split_once('"'))
            {
                key = key.name(name);
                rest = after;
            } else if let Some((index, after)) =
                rest.strip_prefix('[').and_then(|list| list.split_once(']'))
            {
                key = key.index(index.parse().unwrap_or(0));
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                key = key.name(name);
                rest = after;
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        key
    }

    /// Whether it is at the place of a pattern of the catalogue.
    pub(crate) fn fits(&self, pattern: &str) -> bool {
        let mut parts = self.0.iter().peekable();
        for segment in pattern.split('.').filter(|segment| !segment.is_empty()) {
            let (name, list) = segment
                .strip_suffix("[]")
                .map_or((segment, false), |name| (name, true));
            let named =
                matches!(parts.next(), Some(Part::Name(found)) if name == "*" || found == name);
            if !named || (list && !matches!(parts.next(), Some(Part::Index(_)))) {
                return false;
            }
        }
        parts.peek().is_none()
    }

    fn with(&self, part: Part) -> Self {
        let mut parts = self.0.clone();
        parts.push(part);
        Self(parts)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Name(name) if at == 0 => write!(f, "{name}")?,
                Part::Name(name) => write!(f, ".{name}")?,
                Part::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}
