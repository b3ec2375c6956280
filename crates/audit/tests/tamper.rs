//! The tamper sweep: every change of a small chain is seen, at the right index and with the right word.

mod checkpoints;

use audit::{Expectations, Fault, Reason, Since, Source, Verifier, export_line, leaf_hash};
use serde_json::{Value, json};

use crate::fixture::{
    Export, expectations, export, forged, hash_of, resealed, signed, signer, verify,
};

const SIZE: usize = 20;

#[test]
fn every_edited_field_is_named() {
    let export = export(SIZE);
    for index in 0..SIZE {
        let entry: Value = serde_json::from_str(&export.lines[index]).unwrap();
        for (name, value) in entry.as_object().unwrap() {
            let mut edited = entry.clone();
            edited[name] = other(name, value);
            let fault = tampered(&export, |lines| lines[index] = edited.to_string());
            assert_eq!(fault.index, index as u64, "{name}");
            assert!(
                matches!(fault.reason, Reason::Edited { .. }),
                "{name}: {fault}"
            );

            let mut without = entry.clone();
            without.as_object_mut().unwrap().remove(name);
            let fault = tampered(&export, |lines| lines[index] = without.to_string());
            assert_eq!(fault.index, index as u64, "{name}");
            assert!(
                fault
                    .to_string()
                    .contains(&format!("missing field `{name}`")),
                "{fault}"
            );

            let twice = export.lines[index].replacen('{', &format!("{{\"{name}\":{value},"), 1);
            let fault = tampered(&export, |lines| lines[index] = twice);
            assert_eq!(fault.index, index as u64, "{name}");
            assert!(
                fault
                    .to_string()
                    .contains(&format!("duplicate field `{name}`")),
                "{fault}"
            );
        }
        for pointer in [
            "/metadata/step",
            "/metadata/nested/attempt",
            "/metadata/nested/codes/0",
        ] {
            let mut edited = entry.clone();
            *edited.pointer_mut(pointer).unwrap() = json!("x");
            let fault = tampered(&export, |lines| lines[index] = edited.to_string());
            assert_eq!(fault.index, index as u64, "{pointer}");
        }
    }
}

#[test]
fn an_entry_that_was_changed_and_sealed_again_is_named() {
    let export = export(SIZE);
    for index in 0..SIZE {
        let mut entry: Value = serde_json::from_str(&export.lines[index]).unwrap();
        entry["actor_id"] = json!("mallory");
        let line = resealed(entry);

        let fault = tampered(&export, |lines| lines[index] = line.clone());
        let expected = if index == SIZE - 1 {
            Reason::RewrittenTail {
                from: 0,
                size: SIZE as u64,
            }
        } else {
            Reason::Rewritten
        };
        assert_eq!(
            fault,
            Fault {
                index: index as u64,
                reason: expected
            }
        );

        // Without a checkpoint nobody can say which of the two was changed.
        let fault = without_checkpoint(&export, |lines| lines[index] = line.clone());
        if index < SIZE - 1 {
            let unlinked = Fault {
                index: index as u64 + 1,
                reason: Reason::Unlinked,
            };
            assert_eq!(fault, Some(unlinked));
        }

        // An older checkpoint of a live store is enough, wherever it stands after the entry.
        for size in index + 1..SIZE {
            let mut lines = export.lines.clone();
            lines[index] = line.clone();
            let fault = verify(live(&export, &[size]), &lines).unwrap_err();
            assert_eq!(fault.index, index as u64, "{size}: {fault}");
        }
        let mut lines = export.lines.clone();
        lines[index] = line.clone();
        let fault = verify(live(&export, &[SIZE]), &lines).unwrap_err();
        assert_eq!(fault.index, index as u64, "{fault}");
    }
}

#[test]
fn of_several_entries_sealed_again_the_first_is_named() {
    let export = export(SIZE);
    for first in 0..SIZE - 2 {
        for second in first + 1..SIZE - 1 {
            let fault = tampered(&export, |lines| {
                for index in [first, second] {
                    let mut entry: Value = serde_json::from_str(&lines[index]).unwrap();
                    entry["actor_id"] = json!("mallory");
                    lines[index] = resealed(entry);
                }
            });
            assert_eq!(
                fault,
                Fault {
                    index: first as u64,
                    reason: Reason::Rewritten
                },
                "{second}"
            );
        }
    }
}

#[test]
fn a_changed_link_is_named_even_when_sealed_again() {
    let export = export(SIZE);
    for index in 0..SIZE {
        for other in [Value::Null, json!(leaf_hash(b"other").to_string())] {
            let mut entry: Value = serde_json::from_str(&export.lines[index]).unwrap();
            if entry["previous_hash"] == other {
                continue;
            }
            entry["previous_hash"] = other;
            let fault = tampered(&export, |lines| lines[index] = resealed(entry));
            assert_eq!(
                fault,
                Fault {
                    index: index as u64,
                    reason: Reason::Unlinked
                }
            );
        }
    }
}

#[test]
fn every_removed_entry_is_named() {
    let export = export(SIZE);
    for index in 0..SIZE {
        let fault = tampered(&export, |lines| drop(lines.remove(index)));
        let reason = if index == SIZE - 1 {
            Reason::Cut { size: SIZE as u64 }
        } else {
            Reason::Removed {
                found: index as u64 + 1,
            }
        };
        assert_eq!(
            fault,
            Fault {
                index: index as u64,
                reason
            }
        );
        for count in 2..SIZE - index {
            let fault = tampered(&export, |lines| drop(lines.drain(index..index + count)));
            assert_eq!(fault.index, index as u64, "{count}");
        }
        // A forged entry of the missing index further on is not the missing one moved.
        let nothing = Some(leaf_hash(b"nothing"));
        let fault = tampered(&export, |lines| {
            lines.remove(index);
            lines.push(forged(index, nothing));
        });
        assert_eq!(fault.index, index as u64);
        assert!(!matches!(fault.reason, Reason::Moved { .. }), "{fault}");
    }
}

#[test]
fn every_added_entry_is_named() {
    let export = export(SIZE);
    for index in 0..=SIZE {
        let previous = index
            .checked_sub(1)
            .map(|before| hash_of(&export.lines[before]));
        let fault = tampered(&export, |lines| {
            lines.insert(index, forged(index, previous))
        });
        let reason = if index == SIZE {
            Reason::BeyondCheckpoint { size: SIZE as u64 }
        } else {
            Reason::Added {
                found: index as u64,
            }
        };
        assert_eq!(
            fault,
            Fault {
                index: index as u64,
                reason
            }
        );

        let loose = forged(index, Some(leaf_hash(b"nothing")));
        let fault = tampered(&export, |lines| lines.insert(index, loose));
        assert_eq!(
            fault,
            Fault {
                index: index as u64,
                reason: Reason::Unlinked
            }
        );

        // Far from its index, an added entry is named by the place where it stands.
        for index_of_other in 0..index.saturating_sub(1) {
            let line = forged(index_of_other, Some(leaf_hash(b"nothing")));
            let fault = tampered(&export, |lines| lines.insert(index, line));
            let reason = Reason::Added {
                found: index_of_other as u64,
            };
            assert_eq!(
                fault,
                Fault {
                    index: index as u64,
                    reason
                }
            );
        }
    }
}

#[test]
fn every_moved_entry_is_named() {
    let export = export(SIZE);
    for from in 0..SIZE {
        for to in (0..SIZE).filter(|to| *to != from) {
            let fault = tampered(&export, |lines| {
                let line = lines.remove(from);
                lines.insert(to, line);
            });
            let found = if from < to { from + 1 } else { from };
            let reason = Reason::Moved {
                found: found as u64,
            };
            assert_eq!(
                fault,
                Fault {
                    index: from.min(to) as u64,
                    reason
                }
            );
        }
    }
}

#[test]
fn every_repeated_entry_is_named_where_it_stands_again() {
    let export = export(SIZE);
    for index in 0..SIZE {
        for place in index + 1..=SIZE {
            let fault = tampered(&export, |lines| lines.insert(place, lines[index].clone()));
            let reason = Reason::Repeated {
                found: index as u64,
            };
            assert_eq!(
                fault,
                Fault {
                    index: place as u64,
                    reason
                }
            );
        }
    }
}

#[test]
fn a_file_cut_in_a_line_names_that_line() {
    let all = export(SIZE).all();
    for (index, line) in all.iter().enumerate() {
        // Also in the middle of a character.
        let inside = (1..line.len())
            .step_by(29)
            .chain(line.len() - 130..line.len());
        for length in inside {
            let mut verifier = Verifier::new(expectations()).unwrap();
            all[..index]
                .iter()
                .for_each(|line| verifier.feed(line.as_bytes()).unwrap());
            let fault = verifier.feed(&line.as_bytes()[..length]).unwrap_err();
            assert_eq!(fault.index, index as u64, "{length}");
            assert!(fault.to_string().contains(": cut short: "), "{fault}");
        }
    }
}

/// Verifies the export after a change of its entries, under its old checkpoint.
fn tampered(export: &Export, change: impl FnOnce(&mut Vec<String>)) -> Fault {
    let mut lines = export.lines.clone();
    change(&mut lines);
    lines.push(export.checkpoint.clone());
    verify(expectations(), &lines).unwrap_err()
}

fn without_checkpoint(export: &Export, change: impl FnOnce(&mut Vec<String>)) -> Option<Fault> {
    let mut lines = export.lines.clone();
    change(&mut lines);
    verify(
        Expectations {
            checkpoint_required: false,
            ..expectations()
        },
        &lines,
    )
    .err()
}

fn live(export: &Export, sizes: &[usize]) -> Expectations {
    Expectations {
        since: since(export, sizes),
        checkpoint_required: false,
        ..expectations()
    }
}

fn since(export: &Export, sizes: &[usize]) -> Vec<Since> {
    let of = |size: &usize| Since {
        signed: signed(&export.lines, *size),
        source: Source::Outside,
    };
    sizes.iter().map(of).collect()
}

/// The chain with another entry at `from`, and everything after it sealed again.
fn rewritten_tail(export: &Export, from: usize) -> Vec<String> {
    let mut lines = export.lines.clone();
    for index in from..lines.len() {
        let mut entry: Value = serde_json::from_str(&lines[index]).unwrap();
        if index == from {
            entry["actor_id"] = json!("mallory");
        }
        if let Some(before) = index.checked_sub(1) {
            entry["previous_hash"] = json!(hash_of(&lines[before]).to_string());
        }
        lines[index] = resealed(entry);
    }
    lines
}

/// Another value that the field may have.
fn other(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("status", Value::String(text)) if text == "success" => json!("failure"),
        ("status", _) => json!("success"),
        ("data_classification", _) => json!("public"),
        ("timestamp", _) => json!("2027-01-01T00:00:00.000000Z"),
        ("integrity_hash" | "previous_hash", _) => json!(leaf_hash(name.as_bytes()).to_string()),
        ("compliance_frameworks", _) => json!(["gdpr", "soc2"]),
        ("metadata", _) => json!({}),
        (_, Value::Number(number)) => json!(number.as_u64().unwrap() + 1),
        (_, Value::String(text)) => json!(format!("{text} ")),
        _ => panic!("{name} has no other value"),
    }
}
