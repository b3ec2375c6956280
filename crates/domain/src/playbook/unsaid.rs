//! Parameters that an utterance gives no value, and the place where the plan cannot do without them.
//!
//! A goal of such words would always be refused. What words can never give, such as a list, is meant to be given beside
//! them and is passed over.

use serde_json::Value;

use super::{Playbook, readable};
use crate::plan::reference::{self, Reference, escape};
use crate::plan::{Condition, Op, Plan};

/// For each utterance and parameter the pointer of the utterance, and what it lacks.
pub(super) fn errors(playbook: &Playbook) -> Vec<(String, String)> {
    let mut errors = Vec::new();
    for (index, pattern) in playbook.patterns.iter().enumerate() {
        let said = |name: &str| pattern.places().any(|place| place == name);
        let is_there = |name: &str| {
            let default = playbook.default(name);
            said(name) || default.is_some_and(|default| !default.is_null())
        };
        for (name, _) in playbook.declared() {
            let types = playbook.schema.types_at(&format!("/{}", escape(name)));
            if said(name) || playbook.default(name).is_some() || !readable(types) {
                continue;
            }
            if let Some(pointer) = needed_at(&playbook.plan, name, &is_there) {
                errors.push((
                    format!("/utterances/{index}"),
                    format!(
                        "{:?} gives no {name:?}, which has no default, and the plan needs it at {pointer:?}",
                        playbook.utterances.get(index).map_or("", String::as_str),
                    ),
                ));
            }
        }
    }
    errors
}

/// The first place where the plan needs a parameter however the goal goes.
fn needed_at(plan: &Plan, name: &str, is_there: &impl Fn(&str) -> bool) -> Option<String> {
    plan.steps.iter().enumerate().find_map(|(place, step)| {
        let when = step.when.as_ref();
        let mut parts = Vec::new();
        if let Some(when) = when.filter(|when| when.op != Op::Exists) {
            parts.push(("when/left", &when.left));
            parts.extend(when.right.iter().map(|right| ("when/right", right)));
        }
        if !when.is_some_and(|when| may_fail_at_the_start(when, is_there)) {
            let (items, undo) = (step.for_each.iter(), step.compensation.iter());
            parts.extend(items.map(|each| ("for_each/items", &each.items)));
            parts.push(("input", &step.input));
            parts.extend(undo.map(|undo| ("compensation/input", &undo.input)));
        }
        let mut parts = parts.into_iter();
        let (part, pointer) =
            parts.find_map(|(part, template)| Some((part, place_of(template, name)?)))?;
        Some(format!("/plan/steps/{place}/{part}{pointer}"))
    })
}

/// Whether a step may be known to be left out as soon as the parameters are.
fn may_fail_at_the_start(when: &Condition, is_there: &impl Fn(&str) -> bool) -> bool {
    let (mut only_parameters, mut all_there) = (true, true);
    for side in [Some(&when.left), when.right.as_ref()]
        .into_iter()
        .flatten()
    {
        reference::survey(side, &mut |_, read| match read {
            Ok(Reference::Param(name)) => all_there &= is_there(name),
            Ok(Reference::Format { .. }) => {}
            _ => only_parameters = false,
        });
    }
    only_parameters && !(when.op == Op::Exists && all_there)
}

/// The place in a template that refers to a parameter.
fn place_of(template: &Value, name: &str) -> Option<String> {
    let mut found = None;
    reference::survey(template, &mut |pointer, read| {
        if found.is_none() && matches!(read, Ok(Reference::Param(param)) if param == name) {
            found = Some(pointer.to_owned());
        }
    });
    found
}
