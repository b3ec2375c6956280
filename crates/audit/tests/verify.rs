//! The verifier on chains that are right, and what its report says they were held against.

use audit::{
    ChainHead, Entry, Expectations, Fault, Frontier, Reason, Since, Source, Verifier, root,
};
use serde_json::Value;

use crate::fixture::{draft, expectations, export, hash_of, signed, signer, stamp, verify};

#[test]
fn a_whole_export_is_right() {
    for size in [0, 1, 2, 20] {
        let export = export(size);
        let hashes: Vec<_> = export.lines.iter().map(|line| hash_of(line)).collect();

        let report = verify(expectations(), &export.all()).unwrap();

        assert_eq!((report.entries, report.covered), (size as u64, size as u64));
        assert_eq!(report.root, root(&hashes));
        assert_eq!(report.checkpoint.as_ref().unwrap().root, report.root);
        assert_eq!(report.key_name.as_deref(), Some("omnihub/test"));
        assert!(report.signature_checked);
        assert!(!report.trusted_from_outside());
        assert_eq!(report.tenant_id, (size > 0).then(|| "acme".to_owned()));
    }
}

#[test]
fn an_export_that_another_program_wrote_anew_is_still_right() {
    let export = export(5);
    let mut lines: Vec<String> = export.lines.iter().map(|line| reversed(line)).collect();
    lines.push(format!(
        " {} \r\n",
        export.checkpoint.replacen(':', " : ", 1)
    ));

    assert!(lines[0].contains("2555.0"), "{}", lines[0]);
    assert!(verify(expectations(), &lines).is_ok());
}

#[test]
fn the_report_says_what_came_from_outside() {
    let export = export(5);
    let since = |source| {
        vec![Since {
            signed: signed(&export.lines, 3),
            source,
        }]
    };
    let check = |expectations: Expectations| {
        let report = verify(expectations, &export.all()).unwrap();
        (
            report.signature_checked,
            report.key_from_outside,
            report.since,
            report.trusted_from_outside(),
        )
    };

    assert_eq!(check(expectations()), (true, false, None, false));
    assert_eq!(
        check(Expectations {
            key_source: Source::Outside,
            ..expectations()
        }),
        (true, true, None, true)
    );
    assert_eq!(
        check(Expectations {
            since: since(Source::Outside),
            ..expectations()
        }),
        (true, false, Some(3), true)
    );
    assert_eq!(
        check(Expectations {
            since: since(Source::Store),
            ..expectations()
        }),
        (true, false, Some(3), false)
    );
    assert_eq!(
        check(Expectations {
            key: None,
            key_source: Source::Outside,
            ..expectations()
        }),
        (false, false, None, false)
    );
}

#[test]
fn without_a_key_the_report_names_who_says_to_have_signed() {
    let report = verify(
        Expectations {
            key: None,
            ..expectations()
        },
        &export(2).all(),
    )
    .unwrap();

    let key = signer(7).verifier_key().to_string();
    let signers = report.key_name.unwrap();
    assert!(key.starts_with(&format!("{signers}+")), "{signers}");
}

#[test]
fn a_live_store_is_held_against_its_stored_checkpoints() {
    let export = export(20);
    let since = [0, 7, 7, 16].map(|size| Since {
        signed: signed(&export.lines, size),
        source: Source::Store,
    });
    let live = Expectations {
        since: since.to_vec(),
        checkpoint_required: false,
        ..expectations()
    };

    let report = verify(live, &export.lines).unwrap();

    assert_eq!(
        (report.entries, report.covered, report.since),
        (20, 16, Some(16))
    );
    assert_eq!(report.checkpoint, None);
    assert_eq!(report.key_name.as_deref(), Some("omnihub/test"));
}

#[test]
fn an_older_checkpoint_by_another_key_is_refused_before_the_first_line() {
    let since = vec![Since {
        signed: signed(&export(3).lines, 3),
        source: Source::Outside,
    }];
    let key = Some(signer(8).verifier_key().clone());

    let refused = Verifier::new(Expectations {
        since,
        key,
        ..expectations()
    })
    .unwrap_err();

    assert!(
        refused.to_string().starts_with("signed by omnihub/test+"),
        "{refused}"
    );
}

#[test]
fn entries_of_two_tenants_do_not_mix() {
    let mut lines = export(3).lines;
    let mut other = ChainHead::default();
    let foreign: Vec<String> = (0..4)
        .map(|index| {
            other
                .seal(draft(index), stamp("other", index))
                .unwrap()
                .into_json()
        })
        .collect();
    lines.push(foreign[3].clone());
    let other_tenant = |index, expected: &str, found: &str| Fault {
        index,
        reason: Reason::OtherTenant {
            expected: expected.to_owned(),
            found: found.to_owned(),
        },
    };

    assert_eq!(
        verify(expectations(), &lines),
        Err(other_tenant(3, "acme", "other"))
    );
    let asked = Expectations {
        tenant_id: Some("acme".to_owned()),
        ..expectations()
    };
    assert_eq!(
        verify(asked, &foreign),
        Err(other_tenant(0, "acme", "other"))
    );
}

#[test]
fn nothing_may_stand_after_the_checkpoint() {
    let export = export(4);
    for line in [&export.lines[3], &export.checkpoint, &String::new()] {
        let mut lines = export.all();
        lines.push(line.clone());
        let fault = verify(expectations(), &lines).unwrap_err();
        assert_eq!(
            fault,
            Fault {
                index: 4,
                reason: Reason::AfterCheckpoint
            }
        );
    }
}

#[test]
fn lines_that_are_neither_entry_nor_checkpoint_are_named() {
    let export = export(4);
    let check = |line: &[u8], expected: &str| {
        let mut verifier = Verifier::new(expectations()).unwrap();
        verifier.feed(export.lines[0].as_bytes()).unwrap();
        let fault = verifier.feed(line).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    };

    check(b"", "index 1: cut short");
    check(b"nonsense", "index 1: not JSON: ");
    check(b"[]", "index 1: not an entry: ");
    check(b"{\"action\":\"\xff\"}", "index 1: not JSON: ");
    check(
        b"{\"checkpoint\":1}",
        "index 1: not an entry: unknown field `checkpoint`",
    );
    check(
        b"{\"checkpoint\":\"a\",\"checkpoint\":\"a\"}",
        "index 1: not an entry: unknown field `checkpoint`",
    );
    let huge = export.lines[1].replacen("\"attempt\":2", "\"attempt\":1e300", 1);
    check(
        huge.as_bytes(),
        "index 1: not an entry: number 1e+300 is outside",
    );
}

#[test]
fn a_head_restored_from_the_store_goes_on() {
    let whole = export(9);
    let mut head = ChainHead::default();
    (0..5).for_each(|index| drop(head.seal(draft(index), stamp("acme", index)).unwrap()));

    let frontier = Frontier::from_bytes(&head.frontier().to_bytes()).unwrap();
    let mut restored = ChainHead::restore(frontier.clone(), head.previous_hash()).unwrap();
    for index in 5..9 {
        assert_eq!(restored.next_index(), index as u64);
        let sealed = restored.seal(draft(index), stamp("acme", index)).unwrap();
        assert_eq!(sealed.into_json(), whole.lines[index]);
    }

    assert_eq!(ChainHead::restore(frontier, None), None);
    assert_eq!(
        ChainHead::restore(Frontier::default(), head.previous_hash()),
        None
    );
}

#[test]
fn a_draft_that_cannot_be_sealed_leaves_the_head_where_it_was() {
    let mut head = ChainHead::default();
    head.seal(draft(0), stamp("acme", 0)).unwrap();
    let before = head.clone();

    assert!(
        head.seal(draft(1).with("n", u64::MAX), stamp("acme", 1))
            .is_err()
    );

    assert_eq!(head, before);
}

/// The same entry with its fields in reverse order and a fraction of nothing.
fn reversed(line: &str) -> String {
    let entry: Value = serde_json::from_str(line).unwrap();
    let fields = entry.as_object().unwrap().iter().rev();
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("\"{name}\" : {value}"))
        .collect();
    let text = format!("{{ {} }}\n", fields.join(" , "));
    let text = text.replacen("2555", "2555.0", 1);
    assert!(Entry::read(text.as_bytes()).is_ok());
    text
}
