//! Checkpoints and notes: published vectors, and everything that must be refused.

use audit::{
    Checkpoint, CheckpointError, CheckpointSigner, KeyError, NoteError, VerifierKey, export_line,
    origin, root,
};
use ed25519_dalek::SigningKey;

use crate::fixture::signer;

/// The key and a tree head of Go's checksum database, a real log.
const SUM_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const SUM_HEAD: &str = "go.sum database tree
6476701
mb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=

— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=
";

/// The example key of the reference implementation (golang.org/x/mod/sumdb/note), whose text is no checkpoint.
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_NOTE: &str = "If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";

#[test]
fn a_published_checkpoint_opens_with_its_published_key() {
    let checkpoint = Checkpoint::open(SUM_HEAD, &SUM_KEY.parse().unwrap()).unwrap();

    assert_eq!(checkpoint.origin, "go.sum database tree");
    assert_eq!(checkpoint.size, 6_476_701);
    assert_eq!(
        checkpoint.root.to_string(),
        "99bf102d022cd19d323f90acb6aea0ba3f3ba1759e0bd80433ca158a49a6f569"
    );
}

#[test]
fn the_reference_note_has_a_right_signature_and_no_checkpoint() {
    let key: VerifierKey = PETER_KEY.parse().unwrap();

    let refused = Checkpoint::open(PETER_NOTE, &key).unwrap_err();
    let spoiled = Checkpoint::open(&PETER_NOTE.replace("think", "thunk"), &key).unwrap_err();

    assert_eq!(
        refused.to_string(),
        "not a checkpoint: it has less than three lines"
    );
    assert_eq!(
        spoiled.to_string(),
        "the signature by PeterNeumann is wrong"
    );
}

#[test]
fn verifier_keys_are_written_as_they_are_read() {
    for text in [SUM_KEY, PETER_KEY] {
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }
}

#[test]
fn verifier_keys_that_do_not_fit_are_refused() {
    let check = |text: &str, expected: KeyError| {
        assert_eq!(text.parse::<VerifierKey>().unwrap_err(), expected, "{text}");
    };

    check("", KeyError::Form);
    check("PeterNeumann+c74f20a3", KeyError::Form);
    check(&PETER_KEY.replace("c74f", "C74F"), KeyError::Id);
    check(&PETER_KEY.replace("c74f", "c74e"), KeyError::Id);
    check(&PETER_KEY.replace("Peter", "Petra"), KeyError::Id);
    check(&PETER_KEY.replace("Peter", "Peter "), KeyError::Name);
    check(&PETER_KEY.replace("PeterNeumann", ""), KeyError::Name);
    check(&PETER_KEY.replace("+ARpc", "+ZRpc"), KeyError::Kind);
    check(
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        KeyError::Form,
    );
    for length in 0..PETER_KEY.len() {
        assert!(
            PETER_KEY[..length].parse::<VerifierKey>().is_err(),
            "{length}"
        );
    }
}

#[test]
fn a_signed_checkpoint_reads_back() {
    let checkpoint = Checkpoint {
        origin: origin("test", "acme"),
        size: 0,
        root: root(&[]),
    };

    let signed = checkpoint.sign(&signer(7)).unwrap();

    let text =
        "omnihub/test/acme\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— omnihub/test ";
    assert!(signed.starts_with(text), "{signed}");
    assert_eq!(
        Checkpoint::open(&signed, signer(7).verifier_key()),
        Ok(checkpoint.clone())
    );
    let (read, signers) = Checkpoint::read_unverified(&signed).unwrap();
    assert_eq!(read, checkpoint);
    let key = signer(7).verifier_key().to_string();
    assert!(key.starts_with(&format!("{signers}+")), "{key} {signers}");
    let json: serde_json::Value = serde_json::from_str(&export_line(&signed)).unwrap();
    assert_eq!(json, serde_json::json!({"checkpoint": signed}));
}

#[test]
fn every_changed_character_of_a_checkpoint_is_refused() {
    let key: VerifierKey = SUM_KEY.parse().unwrap();
    for (at, char) in SUM_HEAD.char_indices() {
        for other in ['A', '0', ' ', '\n', '—']
            .into_iter()
            .filter(|other| *other != char)
        {
            let mut changed = SUM_HEAD.to_owned();
            changed.replace_range(at..at + char.len_utf8(), other.encode_utf8(&mut [0; 4]));
            assert!(Checkpoint::open(&changed, &key).is_err(), "{changed}");
        }
        assert!(
            Checkpoint::open(&SUM_HEAD[..at], &key).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn only_the_known_key_counts() {
    let other = signer(8);
    let checkpoint = Checkpoint {
        origin: origin("test", "acme"),
        size: 0,
        root: root(&[]),
    };
    let signed = checkpoint.sign(&signer(7)).unwrap();
    let others = checkpoint.sign(&other).unwrap();
    let (text, line) = others.rsplit_once("\n\n").unwrap();

    let unknown = Checkpoint::open(&signed, other.verifier_key()).unwrap_err();
    let both = Checkpoint::open(&format!("{signed}{line}"), other.verifier_key());

    assert!(
        matches!(unknown, CheckpointError::Note(NoteError::UnknownKey { .. })),
        "{unknown}"
    );
    assert_eq!(both, Ok(checkpoint));
    let without = Checkpoint::open(&format!("{text}\n\n"), other.verifier_key());
    assert!(
        matches!(without, Err(CheckpointError::Note(NoteError::Form(_)))),
        "{without:?}"
    );
}

#[test]
fn malformed_checkpoints_are_refused_even_when_signed() {
    let check = |text: &str, expected: &str| {
        let error = Checkpoint::read_unverified(&format!("{text}\n— k AAAAAAA=\n")).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    };
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    assert!(
        Checkpoint::read_unverified(&format!("o\n1\n{root}\nextension\n\n— k AAAAAAA=\n")).is_ok()
    );
    check("o\n1\n", "not a checkpoint: it has less than three lines");
    check(
        &format!("\n1\n{root}\n"),
        "not a checkpoint: it has an empty line",
    );
    check(
        &format!("o\n1\n{root}\n\nmore\n"),
        "not a checkpoint: it has an empty line",
    );
    for size in ["01", "+1", "-1", "1.0", "", "18446744073709551616"] {
        check(
            &format!("o\n{size}\n{root}\n"),
            "not a checkpoint: its size is not a decimal number",
        );
    }
    for root in ["47DE", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "?"] {
        check(
            &format!("o\n1\n{root}\n"),
            "not a checkpoint: its root is not 32 bytes in base64",
        );
    }
    check(
        &format!("o\r\n1\n{root}\n"),
        "not a signed note: it has a control character",
    );
}

#[test]
fn what_would_not_read_back_is_not_signed() {
    let signs = |origin: &str| {
        Checkpoint {
            origin: origin.to_owned(),
            size: 1,
            root: root(&[]),
        }
        .sign(&signer(7))
        .is_ok()
    };
    assert!(signs("go.sum database tree"));
    assert!(!signs("") && !signs("omnihub\n5"));
    for name in ["", "a b", "a+b", "a\nb"] {
        let refused = CheckpointSigner::new(name, SigningKey::from_bytes(&[7; 32])).unwrap_err();
        assert_eq!(refused, KeyError::Name);
    }
    assert!(!format!("{:?}", signer(7)).contains("secret"));
}

#[test]
fn tenants_never_share_an_origin() {
    assert_eq!(
        origin("main", "acme-1_x.y:z@w"),
        "omnihub/main/acme-1_x.y:z@w"
    );
    assert_eq!(
        origin("main", "a/b\nc%é"),
        "omnihub/main/a%2Fb%0Ac%25%C3%A9"
    );
}
