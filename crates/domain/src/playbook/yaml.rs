//! YAML as strictly as JSON: one document, text keys, no key twice, no tags, numbers that JSON can carry.
//!
//! The parser tells positions only with errors, so a place is found by reading again and failing there on purpose.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

/// Largest integer that every JSON reader keeps exactly (RFC 8259 §6).
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Text that is no such document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    pub(super) reason: String,
}

/// Reads one document.
pub(super) fn read(text: &str) -> Result<Value, YamlError> {
    Strict
        .deserialize(serde_norway::Deserializer::from_str(text))
        .map_err(|error| {
            let (line, column) = error.location().map(|at| (at.line(), at.column())).unzip();
            let full = error.to_string();
            if full.contains("more than one document") {
                let second = text
                    .lines()
                    .enumerate()
                    .skip(1)
                    .find(|(_, line)| line.starts_with("---"));
                let line = second.map(|(index, _)| index + 1);
                return YamlError {
                    line,
                    column: line.map(|_| 1),
                    reason: "the file has more than one document".into(),
                };
            }
            // The position stands in fields of its own.
            let reason = full.split(" at line ").next().unwrap_or(&full).to_owned();
            YamlError {
                line,
                column,
                reason,
            }
        })
}

/// Line and column, from 1, of the nearest place to a JSON Pointer that the text has.
pub(super) fn locate(text: &str, pointer: &str) -> Option<(usize, usize)> {
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let tokens: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    (0..=tokens.len()).rev().find_map(|length| {
        let seed = Locate {
            tokens: tokens.get(..length)?,
        };
        let found = seed
            .deserialize(serde_norway::Deserializer::from_str(text))
            .err()?;
        found.location().map(|at| (at.line(), at.column()))
    })
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        in_range(value.unsigned_abs(), value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        in_range(value, value.into())
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<Value, E> {
        in_range(u64::MAX, Value::Null)
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<Value, E> {
        in_range(u64::MAX, Value::Null)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("numbers must be finite"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("text must not hold NUL"));
        }
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key_seed(NewKey { seen: &mut seen })? {
            object.insert(name, members.next_value_seed(Strict)?);
        }
        Ok(Value::Object(object))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("tags such as \"!name\" are not allowed"))
    }
}

fn in_range<E: serde::de::Error>(magnitude: u64, value: Value) -> Result<Value, E> {
    if magnitude > INTEGER_MAX {
        return Err(E::custom(format!(
            "integers must be within ±{INTEGER_MAX}; quote it to make it text"
        )));
    }
    Ok(value)
}

/// A key that its mapping does not have yet.
struct NewKey<'s> {
    seen: &'s mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
        if !self.seen.insert(name.to_owned()) {
            return Err(E::custom(format!("key {name:?} stands twice")));
        }
        Ok(name.to_owned())
    }
}

/// Fails at the place that its tokens lead to; with none, wherever it is.
#[derive(Clone, Copy)]
struct Locate<'t> {
    tokens: &'t [String],
}

impl Locate<'_> {
    fn here<E: serde::de::Error>(self) -> Result<(), E> {
        if self.tokens.is_empty() {
            Err(E::custom("here"))
        } else {
            Ok(())
        }
    }
}

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.here()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.here()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.here()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.here()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.here()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return self.here();
        };
        let wanted: Option<usize> = token.parse().ok();
        for place in 0.. {
            let more = if Some(place) == wanted {
                items.next_element_seed(Locate { tokens: rest })?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return self.here();
        };
        // The last token is found at its key: a value may begin a line later.
        while let Some(found) = members.next_key_seed(FindKey {
            name: token,
            fail: rest.is_empty(),
        })? {
            if found {
                members.next_value_seed(Locate { tokens: rest })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Tells whether a key is the one looked for, or fails there.
struct FindKey<'t> {
    name: &'t str,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for FindKey<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FindKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        if self.fail && name == self.name {
            return Err(E::custom("here"));
        }
        Ok(name == self.name)
    }
}
