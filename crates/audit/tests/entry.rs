//! Canonical bytes and hashes of entries: golden file, published example, properties.

mod refused;

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
        sealed.push(one.into_json());
    }

    assert_eq!(sealed, golden);
}

#[test]
fn a_read_entry_is_the_sealed_one() {
    let sealed = seal(Draft::new(Action::GOAL_ACCEPTED, "u-1", "goal", "g-1")).unwrap();

    let entry = sealed.entry.clone();
    let read = Entry::read(sealed.into_json().as_bytes()).unwrap();

    assert_eq!(read, entry);
    assert_eq!(read.computed_hash(), Ok(entry.integrity_hash));
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

    let json = seal(draft).unwrap().into_json();

    let sorted = "{\"\\r\":1,\"1\":1,\"\u{80}\":1,\"\u{f6}\":1,\"\u{20ac}\":1,\"\u{1f600}\":1,\"\u{fb33}\":1}";
    assert!(json.contains(&format!("\"metadata\":{sorted},")), "{json}");
}

/// RFC 8785 §3.2.2.2: two-letter escapes where JSON has them, lower-case `\u00xx` for other controls, nothing else.
#[test]
fn text_is_escaped_as_the_rfc_escapes_it() {
    let text: String = (0..0x20)
        .chain([0x22, 0x2f, 0x5c, 0x7f, 0x2028])
        .filter_map(char::from_u32)
        .collect();

    let json = seal(empty().with("t", text)).unwrap().into_json();

    let escaped = concat!(
        r"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f",
        r"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f",
        "\\\"/\\\\\u{7f}\u{2028}"
    );
    assert!(json.contains(&format!("{{\"t\":\"{escaped}\"}}")), "{json}");
}

#[test]
fn whole_numbers_are_the_same_however_they_are_written() {
    let whole = seal(empty().with("n", json!([2555, 0, -7]))).unwrap();
    let float = seal(empty().with("n", json!([2555.0, -0.0, -7.0]))).unwrap();

    assert_eq!(whole.into_json(), float.into_json());
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

        let sealed = Entry::seal(draft, position).unwrap();
        let entry = sealed.entry.clone();
        let json = sealed.into_json();

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
        let hash = sealed.entry.integrity_hash;
        let value: Value = serde_json::from_str(&sealed.into_json()).unwrap();

        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let with_fraction = pretty.replace("\"retention_period_days\": 2555", "\"retention_period_days\": 25.55e2");

        prop_assert_ne!(&with_fraction, &pretty);
        let read = Entry::read(with_fraction.as_bytes()).unwrap();
        prop_assert_eq!(read.computed_hash().unwrap(), hash);
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
