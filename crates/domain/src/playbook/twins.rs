//! Utterances that no words can tell apart: the same text round places that take the same values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::BINDING;
use super::{Playbook, PlaybookError};

/// What a schema says to people and not of values.
const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "examples", "$comment"];

/// An utterance of a playbook.
#[derive(Clone, Copy)]
struct Spoken<'a> {
    playbook: &'a Playbook,
    index: usize,
}

/// The first utterance for which the same words always mean something else as well.
pub(super) fn first(playbooks: &[Playbook]) -> Option<PlaybookError> {
    let mut seen: BTreeMap<String, Vec<Spoken<'_>>> = BTreeMap::new();
    for playbook in playbooks {
        for (index, pattern) in playbook.patterns.iter().enumerate() {
            let spoken = Spoken { playbook, index };
            let alike = seen.entry(pattern.skeleton()).or_default();
            if let Some(twin) = alike.iter().find(|other| spoken.always_with(other)) {
                return Some(spoken.error(twin));
            }
            alike.push(spoken);
        }
    }
    None
}

impl<'a> Spoken<'a> {
    /// Whether all words that mean one mean the other too, and not the same, given one skeleton.
    fn always_with(&self, other: &Self) -> bool {
        let (own, others) = (self.places(), other.places());
        let one_reading = self.playbook.name == other.playbook.name && own == others;
        let judged_alone = !self.binds() && !other.binds();
        !one_reading
            && judged_alone
            && own
                .iter()
                .zip(&others)
                .all(|(own, others)| self.takes(own) == other.takes(others))
    }

    fn places(&self) -> Vec<&'a str> {
        let pattern = self.playbook.patterns.get(self.index);
        pattern.map_or_else(Vec::new, |pattern| pattern.places().collect())
    }

    /// Whether the parameters' schema says more than which values each may have by itself.
    fn binds(&self) -> bool {
        let parameters = &self.playbook.parameters;
        let binding = BINDING
            .iter()
            .any(|keyword| *keyword != "required" && parameters.get(keyword).is_some());
        binding || parameters.to_string().contains("\"$ref\"")
    }

    /// What the schema of a parameter says of its values.
    fn takes(&self, name: &str) -> Value {
        let declared = self
            .playbook
            .declared()
            .find(|(declared, _)| *declared == name);
        let mut schema = declared.map_or(Value::Null, |(_, schema)| schema.clone());
        if let Value::Object(keywords) = &mut schema {
            keywords.retain(|keyword, _| !ANNOTATIONS.contains(&keyword.as_str()));
        }
        schema
    }

    fn text(&self) -> &'a str {
        self.playbook
            .utterances
            .get(self.index)
            .map_or("", String::as_str)
    }

    fn error(&self, twin: &Self) -> PlaybookError {
        let reason = format!(
            "{:?} can always be read as {:?} of playbook {:?} in {} too",
            self.text(),
            twin.text(),
            twin.playbook.name,
            twin.playbook.file(),
        );
        self.playbook
            .source
            .error(&format!("/utterances/{}", self.index), reason)
    }
}
