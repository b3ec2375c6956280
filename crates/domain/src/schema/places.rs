//! What a schema says of one place of its values: which JSON types may stand there, if anything may.
//!
//! It reads what is plain (`type`, `enum`, `properties`, `items`, `allOf`, …) and calls everything else possible, so that
//! what it excludes is excluded for certain.

use std::fmt;
use std::ops::BitOr;

use serde_json::Value;

/// Subschemas looked at for one answer: schemas may refer in circles and fan out.
const LOOKS_MAX: u32 = 500;
/// References followed without going down into the value.
const HOPS_MAX: u32 = 32;

/// A set of JSON types; `integer` is part of `number`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypeSet(u8);

impl TypeSet {
    /// No type: nothing can stand there.
    pub const NONE: Self = Self(0);
    /// `null`.
    pub const NULL: Self = Self(1);
    /// `boolean`.
    pub const BOOLEAN: Self = Self(2);
    /// `integer`, the numbers without a fraction.
    pub const INTEGER: Self = Self(4);
    /// `number`, integers included.
    pub const NUMBER: Self = Self(4 | 8);
    /// `string`.
    pub const STRING: Self = Self(16);
    /// `array`.
    pub const ARRAY: Self = Self(32);
    /// `object`.
    pub const OBJECT: Self = Self(64);
    /// Every type, or nothing known.
    pub const ANY: Self = Self(127);

    const NAMES: [(&str, Self); 7] = [
        ("null", Self::NULL),
        ("boolean", Self::BOOLEAN),
        ("number", Self::NUMBER),
        ("integer", Self::INTEGER),
        ("string", Self::STRING),
        ("array", Self::ARRAY),
        ("object", Self::OBJECT),
    ];

    /// The type of that name in JSON Schema; one that nobody knows could be anything.
    pub fn named(name: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Self::ANY, |(_, set)| *set)
    }

    /// The type of a value; 1.0 is an integer (JSON Schema core §4.2.3).
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number)
                if number.is_f64() && number.as_f64().is_some_and(|float| float.fract() != 0.0) =>
            {
                Self(8)
            }
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The types of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The types of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no type is in both sets.
    pub fn excludes(self, other: Self) -> bool {
        self.and(other) == Self::NONE
    }
}

impl BitOr for TypeSet {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for TypeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut first = true;
        for (name, set) in Self::NAMES {
            if rest.and(set) == set {
                f.write_str(if first { "" } else { " or " })?;
                f.write_str(name)?;
                rest = Self(rest.0 & !set.0);
                first = false;
            }
        }
        // Numbers with a fraction have no name of their own.
        if rest != Self::NONE {
            f.write_str(if first { "number" } else { " or number" })?;
        }
        if *self == Self::NONE {
            f.write_str("nothing")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for TypeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The JSON types that a schema allows at a place of its values.
///
/// The token `-` stands for any item of an array. [`TypeSet::ANY`] where the schema does not say, [`TypeSet::NONE`]
/// where no value of the schema has such a place.
pub fn types_at(schema: &Value, pointer: &str) -> TypeSet {
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let tokens: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    let mut look = Look {
        root: schema,
        left: LOOKS_MAX,
    };
    look.at(schema, &tokens, 0)
}

struct Look<'a> {
    root: &'a Value,
    left: u32,
}

impl<'a> Look<'a> {
    fn at(&mut self, schema: &'a Value, tokens: &[String], hops: u32) -> TypeSet {
        let Value::Object(keywords) = schema else {
            return if *schema == Value::Bool(false) {
                TypeSet::NONE
            } else {
                TypeSet::ANY
            };
        };
        if self.left == 0 || hops > HOPS_MAX {
            return TypeSet::ANY;
        }
        self.left -= 1;
        let mut set = match tokens {
            [] => own_types(schema),
            [token, rest @ ..] => self.child(schema, token, rest),
        };
        if let Some(target) = keywords
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| local(self.root, path))
        {
            set = set.and(self.at(target, tokens, hops + 1));
        }
        for all in branches(schema, "allOf") {
            set = set.and(self.at(all, tokens, hops + 1));
        }
        for keyword in ["anyOf", "oneOf"] {
            let either = branches(schema, keyword)
                .iter()
                .map(|branch| self.at(branch, tokens, hops + 1));
            set = either
                .reduce(TypeSet::union)
                .map_or(set, |either| set.and(either));
        }
        set
    }

    /// What may stand below a value of this schema, by its own keywords.
    fn child(&mut self, schema: &'a Value, token: &str, rest: &[String]) -> TypeSet {
        let types = own_types(schema);
        let mut set = TypeSet::NONE;
        if !types.excludes(TypeSet::OBJECT) {
            set = set | self.member(schema, token, rest);
        }
        if !types.excludes(TypeSet::ARRAY) {
            set = set
                | match (token, index(token)) {
                    ("-", _) => self.any_item(schema, rest),
                    (_, Some(index)) => self.item(schema, index, rest),
                    (_, None) => TypeSet::NONE,
                };
        }
        set
    }

    fn member(&mut self, schema: &'a Value, token: &str, rest: &[String]) -> TypeSet {
        if let Some(member) = schema
            .get("properties")
            .and_then(|properties| properties.get(token))
        {
            return self.at(member, rest, 0);
        }
        match schema.get("additionalProperties") {
            Some(others) if schema.get("patternProperties").is_none() => self.at(others, rest, 0),
            _ => TypeSet::ANY,
        }
    }

    fn item(&mut self, schema: &'a Value, index: usize, rest: &[String]) -> TypeSet {
        let most = schema
            .get("maxItems")
            .and_then(Value::as_u64)
            .and_then(|most| usize::try_from(most).ok());
        if most.is_some_and(|most| index >= most) {
            return TypeSet::NONE;
        }
        match listed(schema).get(index) {
            Some(item) => self.at(item, rest, 0),
            None => self.further_item(schema, rest),
        }
    }

    fn any_item(&mut self, schema: &'a Value, rest: &[String]) -> TypeSet {
        let further = self.further_item(schema, rest);
        listed(schema)
            .iter()
            .fold(further, |set, item| set | self.at(item, rest, 0))
    }

    /// An item past those that the schema lists one by one.
    fn further_item(&mut self, schema: &'a Value, rest: &[String]) -> TypeSet {
        // Drafts before 2020-12 list the first items under `items` and the others under `additionalItems`.
        match schema
            .get("items")
            .filter(|items| !items.is_array())
            .or(schema.get("additionalItems"))
        {
            Some(others) => self.at(others, rest, 0),
            None => TypeSet::ANY,
        }
    }
}

/// The items that a schema lists one by one.
fn listed(schema: &Value) -> &[Value] {
    let listed = schema
        .get("prefixItems")
        .or(schema.get("items"))
        .and_then(Value::as_array);
    listed.map(Vec::as_slice).unwrap_or_default()
}

/// The types that a schema's own `type`, `const` and `enum` allow.
fn own_types(schema: &Value) -> TypeSet {
    let mut set = match schema.get("type") {
        Some(Value::String(name)) => TypeSet::named(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .map(TypeSet::named)
            .fold(TypeSet::NONE, TypeSet::union),
        _ => TypeSet::ANY,
    };
    if let Some(only) = schema.get("const") {
        set = set.and(TypeSet::of(only));
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        set = set.and(
            options
                .iter()
                .map(TypeSet::of)
                .fold(TypeSet::NONE, TypeSet::union),
        );
    }
    set
}

fn branches<'a>(schema: &'a Value, keyword: &str) -> &'a [Value] {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The target of a `$ref` within the document.
pub(super) fn local<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.contains('%') {
        return None;
    }
    root.pointer(pointer)
}

/// A token that can be an array's index (RFC 6901 §4).
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0"
        || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { token.parse().ok() } else { None }
}
