//! Tools: named abilities with schemas, an effect class, a lane and limits.
//!
//! A plan pins the specifications it was checked against, so a specification is data: it is stored, named by its digest,
//! and read back with the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Attempts of an effect unless its step says otherwise (CONTRACT §2).
pub const ATTEMPTS_DEFAULT: u32 = 3;
/// Attempts of a compensation unless it says otherwise: undo matters more than haste (CONTRACT §2).
pub const COMPENSATION_ATTEMPTS_DEFAULT: u32 = 5;
/// Most attempts a step may ask for: with backoff capped at 10 s this is a quarter of an hour of trying.
pub const ATTEMPTS_MAX: u32 = 100;
/// Seconds one attempt may take unless its step says otherwise (CONTRACT §2).
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 30;
/// Most seconds one attempt may take: an hour.
pub const TIMEOUT_SECONDS_MAX: u32 = 3_600;

/// The tool that is a timer of the machine rather than an effect.
pub const WAIT: &str = "wait";

/// What may be assumed about an effect when its outcome is not known (DESIGN §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing: run again.
    Read,
    /// Same key, same effect, once: run again with the same key.
    Idempotent,
    /// Can be asked whether a key happened: ask, then run or adopt the answer.
    Reconcilable,
    /// Neither: never run again, a person decides.
    AtMostOnce,
}

/// A risk class (DESIGN §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Run.
    Green,
    /// Run and note.
    Yellow,
    /// Ask a person first.
    Red,
    /// Never.
    Blocked,
}

/// What a tool is, as far as plans and the machine need to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name that plans use.
    pub name: String,
    /// What it does, for people and planners.
    pub description: String,
    /// JSON Schema of the input.
    pub input_schema: Value,
    /// JSON Schema of the input where the tool is a step's compensation; `None`: `input_schema` holds there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation_schema: Option<Value>,
    /// JSON Schema of the output.
    pub output_schema: Value,
    /// What may be assumed about a repeat.
    pub class: EffectClass,
    /// Exceptions from `class` by what the resolved input says; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_rules: Vec<ClassRule>,
    /// The risk class.
    pub lane: Lane,
    /// The tools that may undo it; empty: it cannot be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone_by: Vec<String>,
    /// JSON Pointer into the input below which `$secret` may stand; `None`: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_at: Option<String>,
    /// Effects of this tool that run at once in one process.
    pub concurrency: u32,
    /// Seconds one attempt may take unless the step says otherwise.
    pub timeout_seconds: u32,
}

/// An exception from a tool's effect class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRule {
    /// JSON Pointer to the text in the resolved input that decides.
    pub pointer: String,
    /// What that text must be.
    pub matches: ClassMatch,
    /// The class that then holds.
    pub class: EffectClass,
    /// Seconds after the first attempt during which a repeat is safe; `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
}

/// How a [`ClassRule`] compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassMatch {
    /// The text is exactly this.
    Text(String),
    /// The text is a URL whose `host:port` (default port filled in) or, without a port here, whose host is this.
    Authority(String),
}

/// A set of tool specifications: what a plan is checked against and then pinned to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Toolset(BTreeMap<String, ToolSpec>);

impl Toolset {
    /// The specification of the tool of that name.
    pub fn get(&self, name: &str) -> Option<&ToolSpec> {
        self.0.get(name)
    }

    /// All specifications by name, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ToolSpec> {
        self.0.values()
    }
}

impl FromIterator<ToolSpec> for Toolset {
    fn from_iter<I: IntoIterator<Item = ToolSpec>>(specs: I) -> Self {
        Self(
            specs
                .into_iter()
                .map(|spec| (spec.name.clone(), spec))
                .collect(),
        )
    }
}

impl ToolSpec {
    /// The effect class for one resolved input, with the seconds during which a repeat is safe (`None`: always).
    pub fn class_for(&self, input: &Value) -> (EffectClass, Option<u64>) {
        self.class_rules
            .iter()
            .find(|rule| rule.fits(input))
            .map_or((self.class, None), |rule| (rule.class, rule.window_seconds))
    }

    /// Whether it cannot be undone, although it changes the world.
    pub fn irreversible(&self) -> bool {
        self.class != EffectClass::Read && self.undone_by.is_empty()
    }
}

impl ClassRule {
    fn fits(&self, input: &Value) -> bool {
        let Some(text) = input.pointer(&self.pointer).and_then(Value::as_str) else {
            return false;
        };
        match &self.matches {
            ClassMatch::Text(expected) => text == expected,
            ClassMatch::Authority(expected) => {
                url::Url::parse(text).is_ok_and(|url| authority_is(&url, expected))
            }
        }
    }
}

fn authority_is(url: &url::Url, expected: &str) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    if host.eq_ignore_ascii_case(expected) {
        return true;
    }
    url.port_or_known_default()
        .is_some_and(|port| format!("{host}:{port}").eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(matches: ClassMatch, text: &str, fits: bool) {
        let rule = ClassRule {
            pointer: "/url".into(),
            matches,
            class: EffectClass::Idempotent,
            window_seconds: None,
        };
        assert_eq!(rule.fits(&json!({"url": text})), fits, "{text}");
    }

    #[test]
    fn an_authority_is_compared_as_part_of_a_url() {
        let host = |expected: &str| ClassMatch::Authority(expected.into());
        check(host("pay.example.com"), "https://pay.example.com/x", true);
        check(
            host("pay.example.com"),
            "https://PAY.example.com:8443/x",
            true,
        );
        check(
            host("pay.example.com:443"),
            "https://pay.example.com/x",
            true,
        );
        check(
            host("pay.example.com:443"),
            "http://pay.example.com/x",
            false,
        );
        check(
            host("pay.example.com"),
            "https://pay.example.com.evil.org/",
            false,
        );
        check(
            host("pay.example.com"),
            "https://evil.org/pay.example.com",
            false,
        );
        check(
            host("pay.example.com"),
            "https://pay.example.com@evil.org/",
            false,
        );
        check(host("pay.example.com"), "pay.example.com", false);
        check(host("[::1]:9000"), "http://[::1]:9000/", true);
        check(host("127.0.0.1:9000"), "http://127.0.0.1:9000/x", true);
        check(host("127.0.0.1:9000"), "http://127.0.0.1:9001/x", false);
        check(ClassMatch::Text("a".into()), "a", true);
        check(ClassMatch::Text("a".into()), "A", false);
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rule = |text: &str, class, window_seconds| ClassRule {
            pointer: "/method".into(),
            matches: ClassMatch::Text(text.into()),
            class,
            window_seconds,
        };
        let spec: ToolSpec = serde_json::from_value(json!({
            "name": "t", "description": "", "input_schema": {}, "output_schema": {}, "class": "at_most_once",
            "lane": "yellow", "concurrency": 1, "timeout_seconds": 1,
            "class_rules": [rule("GET", EffectClass::Read, None), rule("PUT", EffectClass::Idempotent, Some(60)), rule("PUT", EffectClass::Read, None)],
        }))
        .unwrap();
        assert_eq!(
            spec.class_for(&json!({"method": "GET"})),
            (EffectClass::Read, None)
        );
        assert_eq!(
            spec.class_for(&json!({"method": "PUT"})),
            (EffectClass::Idempotent, Some(60))
        );
        for input in [
            json!({"method": "POST"}),
            json!({"method": 1}),
            json!({}),
            json!({"method": {"$param": "m"}}),
        ] {
            assert_eq!(spec.class_for(&input), (EffectClass::AtMostOnce, None));
        }
        assert!(spec.irreversible());
        assert!(
            !ToolSpec {
                undone_by: vec!["u".into()],
                ..spec.clone()
            }
            .irreversible()
        );
        assert!(
            !ToolSpec {
                class: EffectClass::Read,
                ..spec
            }
            .irreversible()
        );
    }
}
