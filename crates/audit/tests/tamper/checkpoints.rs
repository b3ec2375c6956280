//! What the chain alone does not show: rewritten and cut tails, and bad checkpoints.

use super::*;

#[test]
fn a_rewritten_tail_is_seen_by_the_checkpoint_and_bounded_by_older_ones() {
    let export = export(SIZE);
    for from in 0..SIZE {
        let rewritten = rewritten_tail(&export, from);

        let fault = tampered(&export, |lines| *lines = rewritten.clone());
        let reason = Reason::RewrittenTail {
            from: 0,
            size: SIZE as u64,
        };
        assert_eq!(
            fault,
            Fault {
                index: SIZE as u64 - 1,
                reason
            }
        );

        // The holder of the key can sign the rewritten tail; checkpoints kept outside still tell.
        let signed_again = Export::of(rewritten);
        assert!(verify(expectations(), &signed_again.all()).is_ok());
        for kept in from + 1..=SIZE {
            let expected = Expectations {
                since: since(&export, &[from, kept]),
                ..expectations()
            };
            let fault = verify(expected, &signed_again.all()).unwrap_err();
            let reason = Reason::RewrittenTail {
                from: from as u64,
                size: kept as u64,
            };
            assert_eq!(
                fault,
                Fault {
                    index: kept as u64 - 1,
                    reason
                }
            );
        }
    }
}

#[test]
fn a_file_cut_at_a_line_misses_its_checkpoint() {
    let export = export(SIZE);
    for length in 0..=SIZE {
        let fault = verify(expectations(), &export.lines[..length]).unwrap_err();
        assert_eq!(
            fault,
            Fault {
                index: length as u64,
                reason: Reason::MissingCheckpoint
            }
        );
    }
}

#[test]
fn a_cut_tail_under_the_old_checkpoint_is_named() {
    let export = export(SIZE);
    for length in 0..SIZE {
        let fault = tampered(&export, |lines| lines.truncate(length));
        assert_eq!(
            fault,
            Fault {
                index: length as u64,
                reason: Reason::Cut { size: SIZE as u64 }
            }
        );

        let fault = verify(live(&export, &[SIZE]), &export.lines[..length]).unwrap_err();
        assert_eq!(
            fault,
            Fault {
                index: length as u64,
                reason: Reason::Cut { size: SIZE as u64 }
            }
        );
    }
}

#[test]
fn an_older_checkpoint_at_the_end_does_not_cover_all() {
    let export = export(SIZE);
    for size in 0..SIZE {
        let mut lines = export.lines.clone();
        lines.push(export_line(&signed(&export.lines, size)));
        let fault = verify(expectations(), &lines).unwrap_err();
        let reason = Reason::BeyondCheckpoint { size: size as u64 };
        assert_eq!(
            fault,
            Fault {
                index: size as u64,
                reason
            }
        );
    }
}

#[test]
fn a_bad_checkpoint_is_told_from_a_bad_chain() {
    let export = export(3);
    let check = |checkpoint: &str, expected: &str| {
        let mut lines = export.lines.clone();
        lines.push(export_line(checkpoint));
        let fault = verify(expectations(), &lines).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    };
    let good = signed(&export.lines, 3);
    let mut head = audit::ChainHead::default();
    export
        .lines
        .iter()
        .for_each(|line| head.advance(hash_of(line)));
    let unknown = head
        .checkpoint(audit::origin("test", "acme"))
        .sign(&signer(8))
        .unwrap();
    let elsewhere = head
        .checkpoint(audit::origin("test", "other"))
        .sign(&signer(7))
        .unwrap();

    check(
        &good.replacen("acme\n3", "acme\n4", 1),
        "index 3: bad checkpoint: the signature by omnihub/test is wrong",
    );
    check(&unknown, "index 3: bad checkpoint: signed by omnihub/test+");
    check(
        &elsewhere,
        "index 3: checkpoint of another origin: \"omnihub/test/other\"",
    );
    check("nothing", "index 3: bad checkpoint: not a signed note");
}
