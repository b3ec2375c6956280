//! Words that are an utterance's own but for values that its parameters do not allow: what is wrong with these values.

use serde_json::{Map, Value};

use super::reading::WORK_MAX;
use super::utterance::{Search, Words, values};
use super::{Playbook, Problem};
use crate::plan::reference::escape;

/// Most playbooks of which it is told.
const MISFITS_MAX: usize = 3;

/// A playbook that words would ask for if they gave it other values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The playbook's name.
    pub playbook: String,
    /// What is wrong with the parameters that the words give.
    pub problems: Vec<Problem>,
}

/// The playbooks whose words these are, were it not for the values.
pub(super) fn find(playbooks: &[Playbook], words: &Words) -> Vec<Misfit> {
    let mut work_left = WORK_MAX;
    let found = playbooks.iter().filter_map(|playbook| {
        let problems = fewest_problems(playbook, words, &mut work_left)?;
        Some(Misfit {
            playbook: playbook.name.clone(),
            problems,
        })
    });
    found.take(MISFITS_MAX).collect()
}

/// The problems of the reading that comes nearest to what the playbook allows; `None`: its words are other ones.
fn fewest_problems(
    playbook: &Playbook,
    words: &Words,
    work_left: &mut usize,
) -> Option<Vec<Problem>> {
    let mut fewest: Option<Vec<Problem>> = None;
    for utterance in &playbook.patterns {
        let text = |_: &str, words: &str| Some(Value::from(words));
        let readings = Search::new(utterance, words, &text, work_left).readings();
        for texts in readings {
            *work_left = work_left.checked_sub(words.text().len())?;
            let problems = problems(playbook, &texts);
            let fewer = fewest
                .as_ref()
                .is_none_or(|fewest| problems.len() < fewest.len());
            if fewer && !problems.is_empty() {
                fewest = Some(problems);
            }
        }
    }
    fewest
}

/// What is wrong with a reading, given as the text of each parameter.
fn problems(playbook: &Playbook, texts: &Map<String, Value>) -> Vec<Problem> {
    let (mut spoken, mut problems) = (Map::new(), Vec::new());
    for (name, text) in texts {
        let words = text.as_str().unwrap_or_default();
        if let Some(value) = playbook.value(name, words) {
            spoken.insert(name.clone(), value);
            continue;
        }
        let types = playbook.schema.types_at(&format!("/{}", escape(name)));
        let meant = values(words, types).into_iter().next();
        let alone = Map::from_iter([(name.clone(), meant.unwrap_or_else(|| text.clone()))]);
        problems.extend(playbook.value_schema.errors(&Value::Object(alone)));
    }
    if problems.is_empty() {
        playbook
            .merge(&spoken, &Value::Null)
            .err()
            .unwrap_or_default()
    } else {
        problems
    }
}
