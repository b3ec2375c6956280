//! Finding the playbook that some words mean, with the parameters they give.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::utterance::{Search, Words, tokens};
use super::{Misfit, Playbook, PlaybookError, misfit, twins};
use crate::goal::WORDS_CHARS_MAX;

/// Work spent on one goal's words: enough to compare the longest ones 128 times with a schema, some milliseconds.
pub(super) const WORK_MAX: usize = 128 * WORDS_CHARS_MAX;
/// Most playbooks named as near.
const NEAREST_MAX: usize = 3;

/// A set of playbooks with different names.
#[derive(Debug, Clone, Default)]
pub struct Playbooks(Vec<Playbook>);

/// What some words mean.
#[derive(Debug, Clone)]
pub enum Reading<'a> {
    /// One thing.
    Match(Match<'a>),
    /// Several things, or too many to be sure of one.
    Ambiguous(Vec<Match<'a>>),
    /// Nothing.
    None {
        /// The names of the playbooks whose words are nearest, nearest first.
        nearest: Vec<String>,
        /// The playbooks whose words these are, but with values that they do not allow.
        misfits: Vec<Misfit>,
    },
}

/// A playbook that words ask for.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    /// The playbook.
    pub playbook: &'a Playbook,
    /// The parameters that the words give; [`Playbook::merge`] joins them with others.
    pub spoken: Map<String, Value>,
    /// The parameters with defaults filled in.
    pub parameters: Value,
}

impl Playbooks {
    /// Makes a set.
    ///
    /// # Errors
    /// Two playbooks have one name: the second is named, at the line of its name. Or two utterances can always be read as
    /// each other: the second is named, at its line.
    pub fn new(mut playbooks: Vec<Playbook>) -> Result<Self, PlaybookError> {
        playbooks
            .sort_by(|left, right| (&left.name, left.file()).cmp(&(&right.name, right.file())));
        for (first, second) in playbooks.iter().zip(playbooks.iter().skip(1)) {
            if first.name == second.name {
                let reason = format!("playbook {:?} is already in {}", second.name, first.file());
                return Err(second.source.error("/name", reason));
            }
        }
        match twins::first(&playbooks) {
            Some(error) => Err(error),
            None => Ok(Self(playbooks)),
        }
    }

    /// The playbook of that name.
    pub fn get(&self, name: &str) -> Option<&Playbook> {
        self.0.iter().find(|playbook| playbook.name == name)
    }

    /// All playbooks by name, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Playbook> {
        self.0.iter()
    }

    /// What some words mean.
    pub fn read_words(&self, words: &str) -> Reading<'_> {
        if words.chars().count() > WORDS_CHARS_MAX {
            return Reading::None {
                nearest: Vec::new(),
                misfits: Vec::new(),
            };
        }
        let words = Words::new(words);
        let mut work_left = WORK_MAX;
        let mut found: Vec<Match<'_>> = Vec::new();
        let mut sure = true;
        for playbook in &self.0 {
            for utterance in &playbook.patterns {
                let value = |name: &str, words: &str| playbook.value(name, words);
                let mut search = Search::new(utterance, &words, &value, &mut work_left);
                let readings = search.readings();
                sure &= !search.exhausted && (readings.is_empty() || !search.truncated);
                for spoken in readings {
                    let Ok(parameters) = playbook.merge(&spoken, &Value::Null) else {
                        continue;
                    };
                    let same = |other: &Match<'_>| {
                        other.playbook.name == playbook.name && other.parameters == parameters
                    };
                    if !found.iter().any(same) {
                        found.push(Match {
                            playbook,
                            spoken,
                            parameters,
                        });
                    }
                }
            }
        }
        match found.pop() {
            None => Reading::None {
                nearest: self.nearest(words.text()),
                misfits: misfit::find(&self.0, &words),
            },
            Some(only) if sure && found.is_empty() => Reading::Match(only),
            Some(last) => {
                found.push(last);
                Reading::Ambiguous(found)
            }
        }
    }

    /// The names of the playbooks that share most words with these.
    fn nearest(&self, words: &str) -> Vec<String> {
        let words: BTreeSet<String> = tokens(words).into_iter().collect();
        let share = |playbook: &Playbook| {
            let of_each = playbook.patterns.iter().map(|utterance| {
                let own: BTreeSet<String> = utterance.words().collect();
                // Dice's coefficient in thousandths: words shared, out of both.
                2_000 * own.intersection(&words).count() / (own.len() + words.len()).max(1)
            });
            of_each.max().unwrap_or(0)
        };
        let mut ranked: Vec<(usize, &str)> = self
            .0
            .iter()
            .map(|playbook| (share(playbook), playbook.name.as_str()))
            .collect();
        ranked.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(right.1)));
        ranked
            .into_iter()
            .take(NEAREST_MAX)
            .map(|(_, name)| name.to_owned())
            .collect()
    }
}
