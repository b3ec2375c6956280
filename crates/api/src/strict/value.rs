//! The one pass over the bytes: serde_json reads them, this visitor makes the value and notes what is refused.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{DEPTH_MAX, FIELD_ERRORS_MAX, INTEGER_MAX, Refused};
use crate::problem::FieldError;

pub(super) fn read(text: &str) -> Result<Value, Refused> {
    let notes = Notes::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    // serde_json's own limit of 128 stays on as a second line.
    let read = Node {
        notes: &notes,
        depth: 0,
    }
    .deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    match (notes.end.take(), read) {
        (Some(refused), _) => Err(refused),
        (None, Err(error)) => Err(Refused::NotJson(error.to_string())),
        (None, Ok(value)) => {
            let errors = notes.errors.take();
            if errors.is_empty() {
                Ok(value)
            } else {
                Err(Refused::Fields(errors))
            }
        }
    }
}

/// What the pass has found, and where it is.
#[derive(Default)]
struct Notes {
    /// What ended the pass.
    end: Cell<Option<Refused>>,
    errors: RefCell<Vec<FieldError>>,
    pointer: RefCell<String>,
}

impl Notes {
    fn wrong(&self, reason: &str) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < FIELD_ERRORS_MAX {
            errors.push(FieldError::new(self.pointer.borrow().clone(), reason));
        }
    }

    fn enter(&self, token: fmt::Arguments<'_>) -> usize {
        let mut pointer = self.pointer.borrow_mut();
        let end = pointer.len();
        pointer.push('/');
        match token.as_str() {
            Some(name) => pointer.push_str(name),
            None => pointer.push_str(&token.to_string()),
        }
        end
    }

    fn leave(&self, end: usize) {
        self.pointer.borrow_mut().truncate(end);
    }

    fn text(&self, text: &str) {
        if text.contains('\0') {
            self.wrong("text must not hold NUL");
        }
    }

    fn number(&self, magnitude: f64) {
        if magnitude > INTEGER_MAX as f64 {
            self.wrong("numbers must lie within ±(2^53 − 1)");
        }
    }
}

#[derive(Clone, Copy)]
struct Node<'a> {
    notes: &'a Notes,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Node<'_> {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            self.notes.end.set(Some(Refused::TooDeep));
            return Err(E::custom("nested too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            self.notes.number(f64::INFINITY);
        }
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            self.notes.number(f64::INFINITY);
        }
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        self.notes.number(value.abs());
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        self.notes.text(value);
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        self.notes.text(&value);
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut values = Vec::new();
        loop {
            let end = self.notes.enter(format_args!("{}", values.len()));
            let item = items.next_element_seed(below)?;
            self.notes.leave(end);
            match item {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let end = self
                .notes
                .enter(format_args!("{}", domain::plan::reference::escape(&name)));
            self.notes.text(&name);
            if object.contains_key(&name) {
                let pointer = self.notes.pointer.take();
                self.notes.end.set(Some(Refused::DuplicateKey(pointer)));
                return Err(A::Error::custom("repeated key"));
            }
            let value = members.next_value_seed(below)?;
            self.notes.leave(end);
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
