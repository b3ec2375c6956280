//! Utterances: the skeleton of words with places for values, and what stands in the places.
//!
//! Case, runs of spaces and final punctuation do not count; everything else must be there letter by letter, so that
//! numbers, negations and identifiers never blur.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::{PLACES_MAX, UTTERANCE_CHARS_MAX};
use crate::plan::resolve::{Piece, pieces};
use crate::schema::TypeSet;

/// Most readings kept of one utterance: two are already one too many.
const READINGS_MAX: usize = 16;
/// Most significant digits of a number with a fraction: as many as a double keeps exactly (IEEE 754, 15).
const DIGITS_MAX: usize = 15;

/// An utterance, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Utterance {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Lower-case letters that must be there.
    Text(Vec<char>),
    /// The name of a parameter.
    Place(String),
}

/// The words of a goal, ready to be compared.
#[derive(Debug)]
pub(super) struct Words {
    /// Without spaces around or doubled, and without final punctuation.
    text: String,
    /// Each lower-case letter with the offset of the letter in `text` that it came from.
    letters: Vec<(char, usize)>,
}

impl Words {
    pub(super) fn new(words: &str) -> Self {
        let spaced: Vec<&str> = words.split_whitespace().collect();
        let text = trim_end(&spaced.join(" ")).to_owned();
        let letters = text
            .char_indices()
            .flat_map(|(at, char)| char.to_lowercase().map(move |lower| (lower, at)))
            .collect();
        Self { text, letters }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The end of `wanted` where it stands at a place.
    fn after(&self, wanted: &[char], at: usize) -> Option<usize> {
        let end = at + wanted.len();
        let there = self.letters.get(at..end)?;
        let equal = there
            .iter()
            .zip(wanted)
            .all(|((letter, _), wanted)| letter == wanted);
        (equal && self.is_border(at) && self.is_border(end)).then_some(end)
    }

    /// Whether a letter of the text begins here: one upper-case letter can be several lower-case ones.
    fn is_border(&self, at: usize) -> bool {
        at == 0
            || self.letters.get(at).is_none_or(|(_, here)| {
                self.letters
                    .get(at - 1)
                    .is_some_and(|(_, last)| here != last)
            })
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        let offset = |at: usize| {
            self.letters
                .get(at)
                .map_or(self.text.len(), |(_, offset)| *offset)
        };
        self.text.get(offset(from)..offset(to)).unwrap_or_default()
    }
}

impl Utterance {
    /// Reads an utterance with `{name}` places.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() > UTTERANCE_CHARS_MAX {
            return Err(format!(
                "an utterance has at most {UTTERANCE_CHARS_MAX} characters"
            ));
        }
        let mut literal = String::new();
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Text(text) => literal.push_str(text),
                Piece::Place(name) => {
                    let first = parts.is_empty();
                    push_text(&mut parts, &collapse(&literal, first));
                    if matches!(parts.last(), Some(Part::Place(_))) {
                        return Err(format!(
                            "text must stand between {{{name}}} and the place before it"
                        ));
                    }
                    if parts.contains(&Part::Place(name.to_owned())) {
                        return Err(format!("{{{name}}} stands twice"));
                    }
                    parts.push(Part::Place(name.to_owned()));
                    literal.clear();
                }
            }
        }
        let first = parts.is_empty();
        push_text(&mut parts, trim_end(&collapse(&literal, first)));
        let utterance = Self { parts };
        if utterance.places().count() > PLACES_MAX {
            return Err(format!("an utterance has at most {PLACES_MAX} places"));
        }
        let says = |part: &Part| matches!(part, Part::Text(text) if text.iter().any(|char| char.is_alphanumeric()));
        if !utterance.parts.iter().any(says) {
            return Err("an utterance needs words of its own, or it would mean everything".into());
        }
        Ok(utterance)
    }

    /// The names of its places.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Its text with all places alike; no text holds the letter that stands for them.
    pub(super) fn skeleton(&self) -> String {
        let of_part = |part: &Part| match part {
            Part::Place(_) => "\0".to_owned(),
            Part::Text(text) => text.iter().collect(),
        };
        self.parts.iter().map(of_part).collect()
    }

    /// Its own words, without the places.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.parts.iter().flat_map(|part| match part {
            Part::Place(_) => Vec::new(),
            Part::Text(text) => tokens(&text.iter().collect::<String>()),
        })
    }
}

/// Looks for what words say in the places of one utterance.
pub(super) struct Search<'a> {
    utterance: &'a Utterance,
    words: &'a Words,
    /// The value that some words stand for in a place; `None`: they cannot stand there.
    value: &'a dyn Fn(&str, &str) -> Option<Value>,
    /// Work that may still be done for one goal: each end of a value that is tried counts one, each letter of a value
    /// that is compared with its schema one more.
    work_left: &'a mut usize,
    /// Whether the work was used up before everything was tried.
    pub(super) exhausted: bool,
    /// Whether there were more readings than are kept.
    pub(super) truncated: bool,
}

/// Ways to read the parts from one on: a value for each place.
type Ways = Vec<Vec<(String, Value)>>;

impl<'a> Search<'a> {
    pub(super) fn new(
        utterance: &'a Utterance,
        words: &'a Words,
        value: &'a dyn Fn(&str, &str) -> Option<Value>,
        work_left: &'a mut usize,
    ) -> Self {
        Self {
            utterance,
            words,
            value,
            work_left,
            exhausted: false,
            truncated: false,
        }
    }

    /// Every reading of the whole words, as parameters.
    pub(super) fn readings(&mut self) -> Vec<Map<String, Value>> {
        if !self.ends_fit() {
            return Vec::new();
        }
        let mut seen = HashMap::new();
        self.ways(0, 0, &mut seen)
            .into_iter()
            .map(Map::from_iter)
            .collect()
    }

    /// Whether the first and last text stand where they must; nearly all utterances end here.
    fn ends_fit(&self) -> bool {
        let parts = &self.utterance.parts;
        let first = match parts.first() {
            Some(Part::Text(text)) => self.words.after(text, 0).is_some(),
            _ => true,
        };
        let last = match parts.last() {
            Some(Part::Text(text)) => {
                let at = self.words.letters.len().checked_sub(text.len());
                at.is_some_and(|at| self.words.after(text, at).is_some())
            }
            _ => true,
        };
        first && last
    }

    fn ways(&mut self, part: usize, at: usize, seen: &mut HashMap<(usize, usize), Ways>) -> Ways {
        let name = match self.utterance.parts.get(part) {
            None if at == self.words.letters.len() => return vec![Vec::new()],
            None => return Vec::new(),
            Some(Part::Text(text)) => {
                let after = self.words.after(text, at);
                return after
                    .map(|after| self.ways(part + 1, after, seen))
                    .unwrap_or_default();
            }
            Some(Part::Place(name)) => name.clone(),
        };
        if let Some(ways) = seen.get(&(part, at)) {
            return ways.clone();
        }
        let mut ways = Ways::new();
        for end in self.ends(part, at) {
            if !self.work(1) {
                break;
            }
            // What follows is looked at first: it fails faster than a schema.
            let rest = self.ways(part + 1, end, seen);
            if rest.is_empty() {
                continue;
            }
            let Some(value) = self.read(&name, at, end) else {
                continue;
            };
            ways.extend(rest.into_iter().map(|mut way| {
                way.push((name.clone(), value.clone()));
                way
            }));
            if ways.len() > READINGS_MAX {
                ways.truncate(READINGS_MAX);
                self.truncated = true;
                break;
            }
        }
        seen.insert((part, at), ways.clone());
        ways
    }

    /// Where the value of a place that begins at `at` can end: before each occurrence of the text after it.
    fn ends(&self, part: usize, at: usize) -> Vec<usize> {
        let all = self.words.letters.len();
        let parts = &self.utterance.parts;
        match parts.get(part + 1) {
            Some(Part::Text(text)) if part + 2 == parts.len() => all
                .checked_sub(text.len())
                .filter(|end| *end > at)
                .into_iter()
                .collect(),
            Some(Part::Text(text)) => (at + 1..all)
                .filter(|end| self.words.after(text, *end).is_some())
                .collect(),
            _ if all > at => vec![all],
            _ => Vec::new(),
        }
    }

    fn read(&mut self, name: &str, at: usize, end: usize) -> Option<Value> {
        let words = self.words.slice(at, end);
        if words.starts_with(' ') || words.ends_with(' ') || words.is_empty() {
            return None;
        }
        if !self.work(end - at) {
            return None;
        }
        (self.value)(name, words)
    }

    /// Takes from what may still be done; `false`: it is used up.
    fn work(&mut self, amount: usize) -> bool {
        match self.work_left.checked_sub(amount) {
            Some(left) => *self.work_left = left,
            None => self.exhausted = true,
        }
        !self.exhausted
    }
}

/// The values that words can stand for, by the types allowed, the most exact first.
pub(super) fn values(words: &str, types: TypeSet) -> Vec<Value> {
    let text = Value::String(words.to_owned());
    if types == TypeSet::ANY {
        return vec![text];
    }
    let whole = types.and(TypeSet::NUMBER) == TypeSet::INTEGER;
    let number = number(words)
        .filter(|number| !TypeSet::of(number).excludes(types))
        .filter(|number| !whole || !number.is_f64());
    let boolean = match words.to_lowercase().as_str() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    };
    let boolean = boolean.filter(|_| !types.excludes(TypeSet::BOOLEAN));
    let text = Some(text).filter(|_| !types.excludes(TypeSet::STRING));
    number.into_iter().chain(boolean).chain(text).collect()
}

/// A number as JSON writes it, and only where it comes out as it was written: 007 and 1,000 are none.
fn number(words: &str) -> Option<Value> {
    let number: Number = serde_json::from_str(words).ok()?;
    if words == "-0" || words.trim() != words {
        return None;
    }
    match number.as_i64() {
        Some(integer) if integer.unsigned_abs() < 1 << 53 => Some(number.into()),
        Some(_) => None,
        None => {
            let digits = words.bytes().filter(u8::is_ascii_digit).count();
            let plain = !words.contains(['e', 'E']);
            (plain && digits <= DIGITS_MAX).then(|| number.into())
        }
    }
}

/// Lower-case words of letters and digits.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let words = text
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(
            text.chars().flat_map(char::to_lowercase).collect(),
        ));
    }
}

/// Text with every run of spaces as one space; none at the beginning of the first.
fn collapse(text: &str, first: bool) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for char in text.chars() {
        if !char.is_whitespace() {
            collapsed.push(char);
        } else if !collapsed.ends_with(' ') && (!first || !collapsed.is_empty()) {
            collapsed.push(' ');
        }
    }
    collapsed
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(|char: char| char.is_whitespace() || matches!(char, '.' | '!' | '?'))
}
