//! Canonical bytes and hashes of entries: golden file, published example, properties.

use audit::{
    Action, DataClassification, Draft, ENTRY_BYTES_MAX, Entry, METADATA_DEPTH_MAX, NUMBER_MAX,
    Position, Retention, SealError, Sealed, Stamp, Status, leaf_hash,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[test]
fn sealed_entries_are_those_of_the_golden_file() {
    let golden: Vec<&str> = include_str!("golden/entries.jsonl").lines().collect();

    let mut sealed = Vec::new();
    let mut previous_hash = None;
    for (index, draft) in golden_drafts().into_iter().enumerate() {
        let stamp = Stamp {
            tenant_id: "acme",
            id: format!("0195f1c0-0000-7000-8000-00000000000{index}"),
            timestamp: "2026-12-01T12:00:00.1234567Z".parse().unwrap(),
            retention: &Retention::default(),
        };
        let one = Entry::seal(
            draft,
            Position {
                stamp,
                index: index as u64,
                previous_hash,
            },
        )
        .unwrap();
        previous_hash = Some(one.entry.integrity_hash);
        sealed.push(one.json);
    }

    assert_eq!(sealed, golden);
}

#[test]
fn a_read_entry_is_the_sealed_one() {
    let sealed = seal(Draft::new(Action::GOAL_ACCEPTED, "u-1", "goal", "g-1")).unwrap();

    let read = Entry::read(sealed.json.as_bytes()).unwrap();

    assert_eq!(read, sealed.entry);
    assert_eq!(read.computed_hash(), Ok(sealed.entry.integrity_hash));
    assert_eq!(
        leaf_hash(read.preimage().unwrap().as_bytes()),
        read.integrity_hash
    );
}

/// RFC 8785 §3.2.3: names are sorted by UTF-16 code units, which differ from UTF-8 past the surrogates.
#[test]
fn names_are_sorted_as_the_rfc_sorts_them() {
    let names = [
        "\u{20ac}",
        "\r",
        "\u{fb33}",
        "1",
        "\u{1f600}",
        "\u{80}",
        "\u{f6}",
    ];
    let draft = names
        .iter()
        .fold(empty(), |draft, name| draft.with(*name, 1));

    let sealed = seal(draft).unwrap();

    let sorted = "{\"\\r\":1,\"1\":1,\"\u{80}\":1,\"\u{f6}\":1,\"\u{20ac}\":1,\"\u{1f600}\":1,\"\u{fb33}\":1}";
    assert!(
        sealed.json.contains(&format!("\"metadata\":{sorted},")),
        "{}",
        sealed.json
    );
}

/// RFC 8785 §3.2.2.2: two-letter escapes where JSON has them, lower-case `\u00xx` for other controls, nothing else.
#[test]
fn text_is_escaped_as_the_rfc_escapes_it() {
    let text: String = (0..0x20)
        .chain([0x22, 0x2f, 0x5c, 0x7f, 0x2028])
        .filter_map(char::from_u32)
        .collect();

    let sealed = seal(empty().with("t", text)).unwrap();

    let escaped = concat!(
        r"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f",
        r"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f",
        "\\\"/\\\\\u{7f}\u{2028}"
    );
    assert!(
        sealed.json.contains(&format!("{{\"t\":\"{escaped}\"}}")),
        "{}",
        sealed.json
    );
}

#[test]
fn whole_numbers_are_the_same_however_they_are_written() {
    let whole = seal(empty().with("n", json!([2555, 0, -7]))).unwrap();
    let float = seal(empty().with("n", json!([2555.0, -0.0, -7.0]))).unwrap();

    assert_eq!(whole.json, float.json);
}

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

proptest! {
    #[test]
    fn canonical_bytes_are_those_of_rfc_8785(draft in drafts(), index in 0..=NUMBER_MAX) {
        let reference = reference(&draft, index);
        let position = Position {
            stamp: stamp(),
            index,
            previous_hash: (index > 0).then(|| leaf_hash(b"before")),
        };

        let Sealed { entry, json } = Entry::seal(draft, position).unwrap();

        let preimage = serde_json_canonicalizer::to_string(&reference).unwrap();
        prop_assert_eq!(entry.preimage().unwrap(), preimage.clone());
        prop_assert_eq!(entry.integrity_hash, leaf_hash(preimage.as_bytes()));
        let mut whole = reference;
        whole["integrity_hash"] = json!(entry.integrity_hash.to_string());
        prop_assert_eq!(&json, &serde_json_canonicalizer::to_string(&whole).unwrap());
        let read = Entry::read(json.as_bytes()).unwrap();
        prop_assert_eq!(read.computed_hash().unwrap(), entry.integrity_hash);
    }

    #[test]
    fn an_entry_written_anew_is_the_same_entry(draft in drafts()) {
        let sealed = seal(draft).unwrap();
        let value: Value = serde_json::from_str(&sealed.json).unwrap();

        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let with_fraction = pretty.replace("\"retention_period_days\": 2555", "\"retention_period_days\": 25.55e2");

        prop_assert_ne!(&with_fraction, &pretty);
        let read = Entry::read(with_fraction.as_bytes()).unwrap();
        prop_assert_eq!(read.computed_hash().unwrap(), sealed.entry.integrity_hash);
    }
}

/// The entry as a plain JSON value, for the library to write.
fn reference(draft: &Draft, index: u64) -> Value {
    json!({
        "timestamp": "2026-12-01T12:00:00.123456Z",
        "tenant_id": "acme",
        "id": "e-1",
        "index": index,
        "previous_hash": (index > 0).then(|| leaf_hash(b"before").to_string()),
        "retention_period_days": 2555,
        "compliance_frameworks": ["soc2", "gdpr"],
        "actor_id": draft.actor_id,
        "action": draft.action.as_str(),
        "resource_type": draft.resource_type,
        "resource_id": draft.resource_id,
        "status": draft.status.as_str(),
        "data_classification": draft.data_classification.as_str(),
        "event_sequence": draft.event_sequence,
        "correlation_id": draft.correlation_id,
        "metadata": draft.metadata,
    })
}

fn drafts() -> impl Strategy<Value = Draft> {
    let texts = prop::array::uniform4(any::<String>());
    let members = prop::collection::vec((any::<String>(), values()), 0..6);
    (texts, members, 0..=NUMBER_MAX).prop_map(|([actor, kind, id, trace], members, sequence)| {
        let metadata: Map<String, Value> = members.into_iter().collect();
        let mut draft = Draft::new(Action::named("any.thing"), actor, kind, id)
            .status(Status::Unknown)
            .classified(DataClassification::Restricted)
            .event(sequence)
            .correlated(trace);
        draft.metadata = metadata;
        draft
    })
}

fn values() -> impl Strategy<Value = Value> {
    let max = NUMBER_MAX as i64;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-max..=max).prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        (-1e-3..1e-3).prop_map(Value::from),
        (-9e15..9e15).prop_map(|float: f64| Value::from(float.round())),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn golden_drafts() -> Vec<Draft> {
    vec![
        Draft::new(Action::GOAL_ACCEPTED, "u-17", "goal", "goal-4bf92f35")
            .event(1)
            .correlated("4bf92f35"),
        Draft::new(
            Action::EFFECT_ENDED,
            "omnihub",
            "step",
            "goal-4bf92f35/refund",
        )
        .status(Status::Unknown)
        .classified(DataClassification::Restricted)
        .event(12)
        .correlated("4bf92f35")
        .with("attempt", 2)
        .with("digest", "hmac-sha256:00ff")
        .with("share", 0.1)
        .with(
            "codes",
            json!(["a\"b\\c\u{7}\n", "\u{20ac}", null, true, -3.0]),
        ),
        Draft::new(Action::AUTH_FAILED, "", "issuer", "https://issuer.example")
            .status(Status::Denied)
            .classified(DataClassification::Public),
    ]
}

/// Reads an entry's line after one change of its text.
fn refuse(from: &str, to: &str, expected: &str) {
    let line = to_refuse().json;
    assert!(line.contains(from), "{from}");
    let error = Entry::read(line.replacen(from, to, 1).as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with(expected), "{error}");
}

fn to_refuse() -> Sealed {
    seal(empty().with("a", json!({"b": 1}))).unwrap()
}

fn empty() -> Draft {
    Draft::new(Action::GOAL_ENDED, "u-1", "goal", "g-1")
}

fn seal(draft: Draft) -> Result<Sealed, SealError> {
    Entry::seal(
        draft,
        Position {
            stamp: stamp(),
            index: 0,
            previous_hash: None,
        },
    )
}

fn stamp() -> Stamp<'static> {
    static RETENTION: std::sync::LazyLock<Retention> = std::sync::LazyLock::new(Retention::default);
    let timestamp: Timestamp = "2026-12-01T12:00:00.123456789Z".parse().unwrap();
    Stamp {
        tenant_id: "acme",
        id: "e-1".to_owned(),
        timestamp,
        retention: &RETENTION,
    }
}
