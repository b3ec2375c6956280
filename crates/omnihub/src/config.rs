//! Configuration: one typed [`Settings`] from defaults, a file, the environment and flags; later ones win.
//!
//! What settings there are says the catalogue; what they mean to a component says the component's own struct. Every
//! problem names its place. Law: nobody else reads the environment or a settings file.

pub(crate) mod catalogue;
pub(crate) mod environment;
pub(crate) mod example;
mod file;
mod layers;
pub(crate) mod place;
pub(crate) mod problem;
pub(crate) mod setting;
pub(crate) mod settings;
pub(crate) mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) use self::settings::Settings;

use self::layers::Layers;
use self::place::{Key, Origin, Part};
use self::problem::{Problem, Problems};

/// The settings file that is read where no other is named and this one is there.
const FILE: &str = "omnihub.toml";

/// Where settings are taken from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The settings file; `None`: `omnihub.toml` in the working folder, where there is one.
    pub file: Option<PathBuf>,
    /// The folder that relative paths of flags and variables start at.
    pub working_dir: PathBuf,
    /// The environment; what is empty in it counts as not set.
    pub environment: BTreeMap<String, String>,
    /// Flags: the flag, the setting's place and its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Settings with the origin of each value.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The file they were read from; `None`: there was none.
    pub file: Option<PathBuf>,
    /// Variables that are set and mean nothing here, although who set them may count on them.
    pub not_used: Vec<String>,
    layers: Layers,
}

impl Sources {
    /// The process's own environment and working folder.
    ///
    /// # Errors
    /// The working folder is gone.
    pub(crate) fn of_process(
        file: Option<PathBuf>,
        flags: Vec<(&'static str, &'static str, String)>,
    ) -> std::io::Result<Self> {
        // Names and values that are not text are none of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment = std::env::vars_os().filter_map(text).collect();
        Ok(Self {
            file,
            working_dir: std::env::current_dir()?,
            environment,
            flags,
        })
    }
}

/// Loads the settings.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut layers = Layers::default();
    let mut problems = Vec::new();
    let default_file = sources.working_dir.join(FILE);
    let file = match &sources.file {
        Some(file) => Some(sources.working_dir.join(file)),
        None => default_file.exists().then_some(default_file),
    };
    if let Some(file) = &file {
        problems.extend(file::read(file, &mut layers));
    }
    let environment = environment::set(&sources.environment);
    problems.extend(environment::read(
        &environment,
        &sources.working_dir,
        &mut layers,
    ));
    problems.extend(read_flags(sources, &mut layers));
    layers.fill_defaults();
    problems.extend(layers.missing());
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let settings =
        typed(&layers, &sources.working_dir).map_err(|problem| Problems(vec![problem]))?;
    let not_used = environment::not_used(&environment);
    Ok(Loaded {
        settings,
        file,
        not_used,
        layers,
    })
}

impl Loaded {
    /// The same where several settings are wrong together: at the first of them that was set.
    pub(crate) fn blame_first(&self, keys: &[&str], what: impl std::fmt::Display) -> Problems {
        let set = |key: &&&str| {
            self.layers
                .leaves()
                .any(|(at, leaf)| *at == Key::parse(key) && leaf.origin != Origin::Default)
        };
        let key = keys.iter().find(set).or(keys.first());
        self.blame(key.copied().unwrap_or_default(), what)
    }

    /// What a component finds wrong with a value when it opens, at the place where the value was set, or with the place
    /// where it can be.
    pub(crate) fn blame(&self, key: &str, what: impl std::fmt::Display) -> Problems {
        let origin = self.layers.origin(&Key::parse(key));
        let what = match (&origin, &self.file) {
            (Origin::Default, Some(file)) => {
                format!("{what}; nobody has set `{key}`, {} can", file.display())
            }
            (Origin::Default, None) => {
                format!("{what}; nobody has set `{key}`, a settings file {FILE} can")
            }
            _ => what.to_string(),
        };
        Problems(vec![Problem::new(&origin, what)])
    }
}

fn read_flags(sources: &Sources, layers: &mut Layers) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (flag, path, text) in &sources.flags {
        let (key, origin) = (Key::of(path), Origin::Flag(flag));
        let Some(setting) = catalogue::setting_at(&key) else {
            problems.push(Problem::new(&origin, format!("`{path}` is no setting")));
            continue;
        };
        match setting.kind.read(text) {
            Some(value) => layers.set(
                key,
                layers::rooted(setting.kind, value, &sources.working_dir),
                origin,
            ),
            None => problems.push(Problem::new(
                &origin,
                format!("takes {}, not {text:?}", setting.kind.words()),
            )),
        }
    }
    problems
}

/// Reads the tree into the components' structs; what they refuse is placed where it was set.
fn typed(layers: &Layers, working_dir: &Path) -> Result<Settings, Problem> {
    let settings: Result<Settings, _> = serde_path_to_error::deserialize(layers.tree());
    let mut settings = settings.map_err(|error| {
        let key = key_of(error.path());
        Problem::new(&layers.origin(&key), format!("`{key}`: {}", error.inner()))
    })?;
    settings.data_dir = working_dir.join(&settings.data_dir);
    Ok(settings)
}

fn key_of(path: &serde_path_to_error::Path) -> Key {
    use serde_path_to_error::Segment;
    let parts = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Part::Index(*index)),
        Segment::Map { key } => Some(Part::Name(key.clone())),
        Segment::Enum { variant } => Some(Part::Name(variant.clone())),
        Segment::Unknown => None,
    });
    Key(parts.collect())
}

/// A value as text for people: texts as they are, the rest as JSON.
pub(crate) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
