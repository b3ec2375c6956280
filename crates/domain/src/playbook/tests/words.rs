//! Which words mean which playbook, and which mean none.

mod values;

use proptest::prelude::*;
use serde_json::json;

use super::super::*;

/// What words mean among playbooks, as text.
fn check_words(playbooks: &Playbooks, words: &str, expected: &str) {
    let say = |found: &Match<'_>| format!("{} {}", found.playbook.name, found.parameters);
    let reading = match playbooks.read_words(words) {
        Reading::Match(found) => say(&found),
        Reading::Ambiguous(found) => format!(
            "either {}",
            found.iter().map(say).collect::<Vec<_>>().join(" or ")
        ),
        Reading::None { nearest, .. } => format!("nothing near {nearest:?}"),
    };
    assert_eq!(reading, expected, "{words:?}");
}

pub(super) fn playbook(name: &str, utterances: &[&str], parameters: Value) -> Playbook {
    let steps = json!([{"id": "say", "tool": "respond_to_user", "input": {"message": "done"}}]);
    let document = json!({"name": name, "utterances": utterances, "parameters": parameters, "plan": {"steps": steps}});
    Playbook::read(&format!("{name}.yaml"), &document.to_string()).unwrap()
}

fn playbooks(playbooks: impl IntoIterator<Item = Playbook>) -> Playbooks {
    Playbooks::new(playbooks.into_iter().collect()).unwrap()
}

pub(super) fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// The playbooks of a travel desk and a shop.
pub(super) fn shop() -> Playbooks {
    let order = object(&["id"], json!({"id": {"type": "integer"}}));
    playbooks([
        playbook(
            "refund",
            &["refund order {id}", "give back the money of {id}"],
            order.clone(),
        ),
        playbook("cancel", &["cancel order {id}"], order),
        playbook(
            "book_flight",
            &[
                "book flight {flight} for {email}",
                "get {email} on flight {flight}",
            ],
            object(
                &["flight", "email"],
                json!({
                    "flight": {"type": "string", "pattern": "^OS [0-9]{3}$"},
                    "email": {"type": "string", "format": "email"},
                    "seats": {"type": "integer", "default": 1},
                }),
            ),
        ),
    ])
}

#[test]
fn words_are_read_with_their_parameters() {
    let shop = shop();
    let flight = r#"book_flight {"email":"ana@example.com","flight":"OS 417","seats":1}"#;
    check_words(&shop, "book flight OS 417 for ana@example.com", flight);
    check_words(&shop, "get ana@example.com on flight OS 417", flight);
    check_words(&shop, "refund order 1042", r#"refund {"id":1042}"#);
    check_words(
        &shop,
        "give back the money of 1042",
        r#"refund {"id":1042}"#,
    );
}

#[test]
fn case_spaces_and_final_punctuation_do_not_count() {
    let shop = shop();
    for words in [
        "REFUND Order 1042",
        "  refund \t order\n1042 ",
        "Refund order 1042.",
        "refund order 1042 ?!",
        "refund order 1042...",
    ] {
        check_words(&shop, words, r#"refund {"id":1042}"#);
    }
    let echo = playbooks([playbook(
        "echo",
        &["Say {what}, please!"],
        object(&["what"], json!({"what": {"type": "string"}})),
    )]);
    check_words(
        &echo,
        "say Hello  World, PLEASE",
        r#"echo {"what":"Hello World"}"#,
    );
}

#[test]
fn everything_else_counts() {
    let shop = shop();
    for words in [
        "do not refund order 1042",
        "don't refund order 1042",
        "refund order 1042 not",
        "refund order 1042 and 1043",
        "refund orders 1042",
        "refund, order 1042",
        "refund order1042",
        "refund order",
        "refund order #1042",
        "refund order 1,042",
        "refund order 01042",
        "refund order 1042.0",
        "refund order 1e3",
        "refund order +1042",
        "refund order ١٠٤٢",
        "refund the order 1042",
        "please refund order 1042",
    ] {
        assert!(
            matches!(shop.read_words(words), Reading::None { .. }),
            "{words}"
        );
    }
    for words in [
        "book flight OS 417",
        "book flight OS 4171 for ana@example.com",
        "book flight os 417 for ana@example.com",
        "book flight OS 417 for ana",
    ] {
        assert!(
            matches!(shop.read_words(words), Reading::None { .. }),
            "{words}"
        );
    }
}

#[test]
fn near_numbers_never_blur() {
    let shop = shop();
    check_words(&shop, "refund order 4411", r#"refund {"id":4411}"#);
    check_words(&shop, "refund order 4412", r#"refund {"id":4412}"#);
    check_words(&shop, "refund order -4412", r#"refund {"id":-4412}"#);
    check_words(
        &shop,
        "refund order 9007199254740993",
        r#"nothing near ["refund", "cancel", "book_flight"]"#,
    );
    let pay = playbooks([playbook(
        "pay",
        &["pay {sum}"],
        object(&["sum"], json!({"sum": {"type": "number"}})),
    )]);
    check_words(&pay, "pay 10.05", r#"pay {"sum":10.05}"#);
    check_words(
        &pay,
        "pay 0.1000000000000000055511151231257827",
        r#"nothing near ["pay"]"#,
    );
}

#[test]
fn nothing_matched_names_the_nearest() {
    let shop = shop();
    check_words(
        &shop,
        "cancel my order",
        r#"nothing near ["cancel", "refund", "book_flight"]"#,
    );
    check_words(
        &shop,
        "a flight, please",
        r#"nothing near ["book_flight", "cancel", "refund"]"#,
    );
    check_words(
        &shop,
        "",
        r#"nothing near ["book_flight", "cancel", "refund"]"#,
    );
    assert!(
        matches!(shop.read_words(&"x".repeat(8_193)), Reading::None { nearest, .. } if nearest.is_empty())
    );
}

#[test]
fn right_words_with_a_value_that_is_not_allowed_say_what_is_wrong_with_it() {
    let from = |least: u32| json!({"type": "integer", "minimum": least});
    let name = json!({"type": "string", "maxLength": 9});
    let jars = object(&["jars", "to"], json!({"jars": from(1), "to": name}));
    let mut either = object(&[], json!({"a": from(3), "b": from(3)}));
    either["oneOf"] = json!([{"required": ["a"]}, {"required": ["b"]}]);
    let market = playbooks([
        playbook(
            "sell",
            &["sell {jars} jars to {to}", "sell {to} {jars} jars"],
            jars,
        ),
        playbook("swap", &["swap {a} for {b}"], either),
    ]);
    for (words, expected) in [
        ("sell 0 jars to Ana", vec!["sell /jars must be at least 1"]),
        (
            "sell two jars to Ana",
            vec!["sell /jars must be integer, not string"],
        ),
        ("Sell Ana 0 jars!", vec!["sell /jars must be at least 1"]),
        // Of several readings the one that comes nearest.
        (
            "sell 3 jars to the man who sells jars to us",
            vec!["sell /to must have at most 9 characters"],
        ),
        (
            "swap 3 for 3",
            vec!["swap  fits more than one of the forms of which exactly one is allowed"],
        ),
        (
            "swap 1 for 2",
            vec!["swap /a must be at least 3", "swap /b must be at least 3"],
        ),
        ("sell jars", vec![]),
        ("buy 0 jars from Ana", vec![]),
    ] {
        let Reading::None { misfits, .. } = market.read_words(words) else {
            panic!("{words:?} is read")
        };
        let line =
            |of: &str, problem: &Problem| format!("{of} {} {}", problem.pointer, problem.reason);
        let lines: Vec<String> = misfits
            .iter()
            .flat_map(|misfit| {
                misfit
                    .problems
                    .iter()
                    .map(|problem| line(&misfit.playbook, problem))
            })
            .collect();
        assert_eq!(lines, expected, "{words:?}");
    }
}

#[test]
fn two_readings_are_ambiguous_and_one_reading_twice_is_not() {
    let text = || {
        object(
            &["a", "b"],
            json!({"a": {"type": "string"}, "b": {"type": "string"}}),
        )
    };
    let send = playbooks([playbook(
        "send",
        &["send {a} to {b}", "Send {a} to {b}."],
        text(),
    )]);
    check_words(
        &send,
        "send flowers to Ana",
        r#"send {"a":"flowers","b":"Ana"}"#,
    );
    check_words(
        &send,
        "send a letter to Bob to Ana",
        r#"either send {"a":"a letter","b":"Bob to Ana"} or send {"a":"a letter to Bob","b":"Ana"}"#,
    );
    let one = |most: u32| object(&["x"], json!({"x": {"type": "string", "maxLength": most}}));
    let two = playbooks([
        playbook("drop", &["delete {x}"], one(10)),
        playbook("erase", &["delete {x}"], one(20)),
    ]);
    check_words(
        &two,
        "delete everything",
        r#"either drop {"x":"everything"} or erase {"x":"everything"}"#,
    );
}

#[test]
fn hostile_words_are_answered_soon_and_never_as_one_match() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})))
        .collect();
    let utterance = format!("x {}", names.map(|name| format!("{{{name}}}")).join(" to "));
    let free = playbooks([playbook(
        "free",
        &[&utterance],
        object(&names, Value::Object(properties)),
    )]);
    assert!(matches!(
        free.read_words(&format!("x {}", "a to ".repeat(1_600))),
        Reading::None { .. } | Reading::Ambiguous(_)
    ));
    let never: Map<String, Value> = names
        .iter()
        .map(|name| {
            (
                (*name).to_owned(),
                json!({"pattern": "^(b|bb)+$", "type": "string"}),
            )
        })
        .collect();
    let never = playbooks([playbook(
        "never",
        &[&utterance],
        object(&names, Value::Object(never)),
    )]);
    assert!(matches!(
        never.read_words(&format!("x {}b", "b to ".repeat(1_600))),
        Reading::Ambiguous(_) | Reading::None { .. }
    ));
}

proptest! {
    #[test]
    fn what_an_utterance_says_is_read_back(
        id in -1_000_000_i64..1_000_000,
        name in "[A-Za-zÀ-ž0-9_-]{1,8}( [A-Za-zÀ-ž0-9_-]{1,8}){0,3}",
        email in "[a-z]{1,8}@[a-z]{1,8}\\.com",
        upper in any::<bool>(),
        end in "[.!?]{0,3}",
    ) {
        let properties = json!({"id": {"type": "integer"}, "name": {"type": "string"}, "email": {"type": "string", "format": "email"}});
        let tell = playbooks([playbook("tell", &["Tell {name} ({email}) about order #{id}."], object(&["id", "name", "email"], properties))]);
        let say = |text: &str| if upper { text.to_uppercase() } else { text.to_owned() };
        let words = format!("{}{name} ({email}){}{id}{end}", say("tell "), say(" about order #"));
        let Reading::Match(found) = tell.read_words(&words) else { return Err(TestCaseError::fail(words)) };
        prop_assert_eq!(found.parameters, json!({"id": id, "name": name, "email": email}));
    }
}
