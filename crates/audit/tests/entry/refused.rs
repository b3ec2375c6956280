//! What cannot be sealed, and what cannot be read.

use super::*;

#[test]
fn numbers_past_what_readers_agree_on_are_refused() {
    let max = NUMBER_MAX as i64;
    for fits in [
        json!(max),
        json!(-max),
        json!(max as f64),
        json!(-(max as f64)),
        json!(5e-324),
    ] {
        assert!(seal(empty().with("n", json!({"deep": [fits]}))).is_ok());
    }
    for refused in [
        json!(max + 1),
        json!(-max - 1),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e16),
    ] {
        let error = seal(empty().with("n", json!({"deep": [refused]}))).unwrap_err();
        assert_eq!(error, SealError::Number(refused.to_string()));
    }
    assert_eq!(
        seal(empty().event(NUMBER_MAX + 1)).unwrap_err().to_string(),
        "number 9007199254740992 is outside ±(2^53 − 1)"
    );
}

#[test]
fn an_entry_has_limits() {
    let nested = |depth: usize| (1..depth).fold(json!(1), |value, _| json!([value]));
    assert!(seal(empty().with("deep", nested(METADATA_DEPTH_MAX))).is_ok());
    assert_eq!(
        seal(empty().with("deep", nested(METADATA_DEPTH_MAX + 1))),
        Err(SealError::Depth)
    );

    assert!(seal(empty().with("long", "x".repeat(ENTRY_BYTES_MAX - 2000))).is_ok());
    let long = seal(empty().with("long", "x".repeat(ENTRY_BYTES_MAX)));
    assert!(matches!(long, Err(SealError::Size(_))), "{long:?}");

    let stamp = Stamp {
        timestamp: "-000001-12-31T23:59:59Z".parse().unwrap(),
        ..stamp()
    };
    let early = Entry::seal(
        empty(),
        Position {
            stamp,
            index: 0,
            previous_hash: None,
        },
    );
    assert!(matches!(early, Err(SealError::Timestamp(_))), "{early:?}");
}

#[test]
fn lines_that_are_not_exactly_one_entry_are_refused() {
    for (from, to, expected) in [
        ("{\"action", "{,\"action", "not JSON: "),
        ("Z\"}", "Z\"}{}", "not JSON: trailing characters"),
        ("Z\"}", "Z\"", "cut short"),
        (
            "\"status\":\"success\",",
            "",
            "not an entry: missing field `status`",
        ),
        (
            "\"previous_hash\":null,",
            "",
            "not an entry: missing field `previous_hash`",
        ),
        (
            "{\"action",
            "{\"more\":1,\"action",
            "not an entry: unknown field `more`",
        ),
        (
            "{\"action",
            "{\"id\":\"x\",\"action",
            "not an entry: duplicate field `id`",
        ),
        (
            "{\"b\":1}",
            "{\"b\":1,\"b\":1}",
            "not an entry: duplicate field `b` in metadata",
        ),
        (
            "\"a\":{",
            "\"a\":1,\"\\u0061\":{",
            "not an entry: duplicate field `a` in metadata",
        ),
        (
            "{\"a\":{\"b\":1}}",
            "[]",
            "not an entry: metadata is not an object",
        ),
    ] {
        refuse(from, to, expected);
    }
}

#[test]
fn fields_that_have_not_their_one_form_are_refused() {
    for (from, to, expected) in [
        ("\"success\"", "\"done\"", "unknown variant `done`"),
        ("2555", "2555.5", "invalid value: floating point `2555.5`"),
        ("2555", "-1", "invalid type"),
        (
            "2555",
            "9007199254740992",
            "invalid value: integer `9007199254740992`",
        ),
        ("2555", "9007199254740992.0", "invalid value"),
        ("2555", "\"2555\"", "invalid type: string"),
        (
            "00.123456Z",
            "00.123456+00:00",
            "invalid value: string \"2026-12-01",
        ),
        (
            "00.123456Z",
            "00.1234560Z",
            "invalid value: string \"2026-12-01",
        ),
        (
            "00.123456Z",
            "00.123456z",
            "invalid value: string \"2026-12-01",
        ),
        ("00.123456Z", "00Z", "invalid value: string \"2026-12-01"),
    ] {
        refuse(from, to, &format!("not an entry: {expected}"));
    }
    let hash = to_refuse().entry.integrity_hash.to_string();
    refuse(
        &hash,
        &hash.to_uppercase(),
        "not an entry: a hash is 64 lower-case",
    );
}

/// Reads an entry's line after one change of its text.
fn refuse(from: &str, to: &str, expected: &str) {
    let line = to_refuse().into_json();
    assert!(line.contains(from), "{from}");
    let error = Entry::read(line.replacen(from, to, 1).as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with(expected), "{error}");
}

fn to_refuse() -> Sealed {
    seal(empty().with("a", json!({"b": 1}))).unwrap()
}
