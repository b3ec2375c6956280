//! Which bodies are read, and what is said of those that are not.

use serde::Deserialize;

use super::{Refused, read, read_value};

fn check(body: &[u8]) -> String {
    match read_value(body) {
        Ok(value) => format!("ok {value}"),
        Err(Refused::Fields(errors)) => {
            let errors: Vec<String> = errors
                .iter()
                .map(|error| format!("{:?}: {}", error.pointer, error.reason))
                .collect();
            errors.join("\n")
        }
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn plain_json_is_read_as_it_is() {
    let body =
        br#"{"a":[1,-2,0.5,null,true,"\u00e9"],"b":{},"c":9007199254740991,"d":-9007199254740991}"#;
    assert_eq!(
        check(body),
        format!(
            "ok {}",
            serde_json::from_slice::<serde_json::Value>(body).unwrap()
        )
    );
}

#[test]
fn what_is_not_json_is_refused() {
    for body in [
        "",
        "{",
        "{}}",
        "{} x",
        "{\"a\":1,}",
        "[01]",
        "NaN",
        "'a'",
        "\u{feff}{}",
        r#""\ud800""#,
        "{a:1}",
        "[1]//",
    ] {
        assert!(
            matches!(read_value(body.as_bytes()), Err(Refused::NotJson(_))),
            "{body}"
        );
    }
    insta::assert_snapshot!(check(b"{\"a\":\"\xff\"}"), @"not UTF-8 at byte 6");
    insta::assert_snapshot!(check(b"{\"a\":\"\xc0\xaf\"}"), @"not UTF-8 at byte 6");
}

#[test]
fn a_repeated_key_is_refused_however_it_is_written() {
    insta::assert_snapshot!(check(br#"{"a":1,"a":1}"#), @r#"the key at "/a" is repeated"#);
    insta::assert_snapshot!(check(br#"{"b":[0,{"a/b":1,"\u0061\/b":2}]}"#), @r#"the key at "/b/1/a~1b" is repeated"#);
    insta::assert_snapshot!(check(br#"{"a":1,"A":1,"b":{"a":1}}"#), @r#"ok {"A":1,"a":1,"b":{"a":1}}"#);
}

#[test]
fn nesting_ends_at_sixty_four() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read_value(nested(64).as_bytes()).is_ok());
    assert_eq!(read_value(nested(65).as_bytes()), Err(Refused::TooDeep));
    assert_eq!(
        read_value("[".repeat(1_000_000).as_bytes()),
        Err(Refused::TooDeep)
    );
    assert_eq!(
        read_value("{\"a\":".repeat(500_000).as_bytes()),
        Err(Refused::TooDeep)
    );
}

#[test]
fn numbers_that_readers_disagree_on_are_named() {
    insta::assert_snapshot!(check(br#"{"a":9007199254740992,"b":[0,-9007199254740992],"c":123456789012345678901234567890,"d":1e300,"e":1e15}"#), @r#"
    "/a": numbers must lie within ±(2^53 − 1)
    "/b/1": numbers must lie within ±(2^53 − 1)
    "/c": numbers must lie within ±(2^53 − 1)
    "/d": numbers must lie within ±(2^53 − 1)
    "#);
    // Too large even for a float is no number at all.
    assert!(matches!(read_value(b"1e999"), Err(Refused::NotJson(_))));
}

#[test]
fn nul_in_text_or_name_is_named() {
    insta::assert_snapshot!(check(br#"{"a":"x\u0000y","b":{"c\u0000":1}}"#).replace('\0', "<NUL>"), @r#"
    "/a": text must not hold NUL
    "/b/c\0": text must not hold NUL
    "#);
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[expect(dead_code, reason = "only reading is tested")]
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "only reading is tested")]
    inner: Vec<Inner>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[expect(dead_code, reason = "only reading is tested")]
    count: u32,
}

fn typed(body: &str) -> String {
    match read::<Outer>(body.as_bytes()) {
        Ok(outer) => format!("{outer:?}"),
        Err(Refused::Fields(errors)) => format!("{:?}: {}", errors[0].pointer, errors[0].reason),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn a_wrong_field_is_named_by_its_pointer() {
    insta::assert_snapshot!(typed(r#"{"name":5}"#), @r#""/name": invalid type: integer `5`, expected a string"#);
    insta::assert_snapshot!(typed(r#"{"name":"x","inner":[{"count":1},{"count":-1}]}"#), @r#""/inner/1/count": invalid value: integer `-1`, expected u32"#);
    insta::assert_snapshot!(typed(r#"{"name":"x","inner":[{"count":1,"size":2}]}"#), @r#""/inner/0/size": unknown field `size`, expected `count`"#);
    insta::assert_snapshot!(typed(r#"{}"#), @r#""": missing field `name`"#);
    insta::assert_snapshot!(typed(r#"["x",[]]"#), @r#""": the body must be an object"#);
}
