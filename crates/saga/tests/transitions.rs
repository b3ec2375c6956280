//! The whole table situation × input, held as text in `transitions.txt`.
//!
//! `OMNIHUB_UPDATE=1` writes the table anew; every changed line is then for a person to judge against DESIGN §5 and §6.

mod inputs;
mod situations;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use saga::Input;

use self::inputs::{Named, inputs};
use self::situations::{Situation, situations};
use crate::text::text;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transitions.txt");

#[test]
fn every_input_in_every_situation_does_what_the_table_says() {
    let found: String = situations().iter().map(block).collect();
    if std::env::var_os("OMNIHUB_UPDATE").is_some() {
        std::fs::write(TABLE, &found).unwrap();
    }
    let expected = std::fs::read_to_string(TABLE).unwrap();
    let differences = differences(&expected, &found);
    assert!(
        differences.is_empty(),
        "the machine differs from tests/transitions.txt:\n{differences}"
    );
}

#[test]
fn a_wish_is_refused_exactly_when_it_changes_nothing() {
    for situation in situations() {
        for Named { name, input } in inputs(&situation) {
            let Input::Person(person) = &input else {
                continue;
            };
            let refused = situation.scene.saga.refusal(&person.wish).is_some();
            let nothing = situation
                .scene
                .saga
                .decide(&input, situation.scene.now)
                .is_empty();
            let granted_in_vain =
                ["pause", "resume"].contains(&name.as_str()) && nothing && !refused;
            assert!(
                refused == nothing || granted_in_vain,
                "{} × {name}",
                situation.name
            );
        }
    }
}

#[test]
fn every_situation_is_what_its_journal_says() {
    for situation in situations() {
        assert_eq!(
            situation.scene.replayed(),
            situation.scene.saga,
            "{}",
            situation.name
        );
    }
}

/// One situation's part of the table.
fn block(situation: &Situation) -> String {
    let status = situation.scene.saga.status().as_str();
    let mut block = format!("== {} [{status}]\n", situation.name);
    let mut stale = Vec::new();
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Named { name, input } in inputs(situation) {
        let refusal = match &input {
            Input::Person(person) => situation.scene.saga.refusal(&person.wish),
            _ => None,
        };
        let mut after = situation.scene.clone();
        let from = after.journal.len();
        let told = after.give(&input);
        match refusal {
            Some(refusal) => refused
                .entry(format!("{refusal:?}"))
                .or_default()
                .push(name),
            None if told == 0 && input != Input::Continue => stale.push(name),
            None if after.journal.len() == from => stale.push(name),
            None => {
                let events: Vec<_> = after.journal[from..]
                    .iter()
                    .map(|event| text(&event.kind))
                    .collect();
                let status = after.saga.status().as_str();
                writeln!(block, "{name}: {} [{status}]", events.join("; ")).unwrap();
            }
        }
    }
    for (refusal, names) in refused {
        writeln!(block, "! {refusal}: {}", names.join(", ")).unwrap();
    }
    writeln!(block, "- {}\n", stale.join(", ")).unwrap();
    block
}

/// The lines that only one side has, under the situation they belong to.
fn differences(expected: &str, found: &str) -> String {
    let blocks = |table: &str| -> BTreeMap<String, Vec<String>> {
        let blocks = table.split("== ").filter(|block| !block.trim().is_empty());
        blocks
            .map(|block| {
                let mut lines = block.lines().map(str::to_owned);
                (
                    lines.next().unwrap_or_default(),
                    lines.filter(|line| !line.is_empty()).collect(),
                )
            })
            .collect()
    };
    let (expected, found) = (blocks(expected), blocks(found));
    let mut report = String::new();
    for name in expected
        .keys()
        .chain(found.keys().filter(|name| !expected.contains_key(*name)))
    {
        let none = Vec::new();
        let (old, new) = (
            expected.get(name).unwrap_or(&none),
            found.get(name).unwrap_or(&none),
        );
        let gone = old
            .iter()
            .filter(|line| !new.contains(line))
            .map(|line| format!("  table:   {line}\n"));
        let come = new
            .iter()
            .filter(|line| !old.contains(line))
            .map(|line| format!("  machine: {line}\n"));
        let lines: String = gone.chain(come).collect();
        if !lines.is_empty() {
            write!(report, "{name}\n{lines}").unwrap();
        }
    }
    report
}
