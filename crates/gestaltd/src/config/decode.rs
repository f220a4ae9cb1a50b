//! From tree to types: a serde deserializer whose errors know where they stand.

mod fault;
mod located;

use serde::Deserialize;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::report::Problem;
use super::source::At;
use super::tree::{Entry, Node, Origin, Scalar, Value};
use fault::Fault;
use located::LOCATED;

pub(super) use fault::suggest;
pub(super) use located::{Entries, Located};

/// Reads a tree as a type.
pub(super) fn decode<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, Problem> {
    T::deserialize(Decoder {
        node,
        label: node.at,
    })
    .map_err(|Fault(problem)| problem.placed(node.at))
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Decoder<'a> {
    node: &'a Node,
    /// What to point at when something is wrong with a map or list as a whole: its key.
    label: At,
}

impl<'a> Decoder<'a> {
    fn scalar(self, expected: &str) -> Result<&'a Scalar, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) => Ok(scalar),
            _ => Err(self.expected(expected)),
        }
    }

    fn expected(self, expected: &str) -> Fault {
        let found = self.node.kind();
        self.place(Fault(Problem::unplaced(format!(
            "expected {expected}, found {found}"
        ))))
    }

    fn place(self, Fault(problem): Fault) -> Fault {
        Fault(problem.placed(match self.node.value {
            Value::Scalar(_) => self.node.at,
            _ => self.label,
        }))
    }

    /// A scalar that stands for something else than a text.
    fn typed<T>(self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let scalar = self.scalar(expected)?;
        let text = scalar.text.expose();
        match scalar.origin {
            Origin::Quoted => Err(self.place(Fault(
                Problem::unplaced(format!("expected {expected}, found a text in quotes"))
                    .help("leave the quotes out"),
            ))),
            Origin::Plain | Origin::Expanded | Origin::Secret => read(text).ok_or_else(|| {
                self.place(Fault(Problem::unplaced(format!(
                    "expected {expected}, found a text"
                ))))
            }),
        }
    }
}

fn read_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn read_integer<T: TryFrom<i128>>(text: &str) -> Option<T> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(hex), _) => (hex, 16),
        (_, Some(octal)) => (octal, 8),
        _ => (text, 10),
    };
    i128::from_str_radix(digits, radix)
        .ok()
        .and_then(|number| T::try_from(number).ok())
}

fn read_float(text: &str) -> Option<f64> {
    let numeric = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse()
        .ok()
        .filter(|number: &f64| numeric && number.is_finite())
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let expected = format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
            let number = self.typed(&expected, read_integer::<$type>)?;
            visitor.$visit(number).map_err(|fault| self.place(fault))
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Fault;

    integers! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64; deserialize_u8 visit_u8 u8; deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32; deserialize_u64 visit_u64 u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::List(items) => return self.list(items, visitor),
            Value::Map(entries) => return self.map(entries, &[], "", visitor),
            Value::Scalar(scalar) => {
                let text = scalar.text.expose();
                if scalar.origin != Origin::Plain {
                    visitor.visit_str(text)
                } else if let Some(truth) = read_bool(text) {
                    visitor.visit_bool(truth)
                } else if let Some(number) = read_integer::<u64>(text) {
                    visitor.visit_u64(number)
                } else if let Some(number) = read_integer::<i64>(text) {
                    visitor.visit_i64(number)
                } else if let Some(number) = read_float(text) {
                    visitor.visit_f64(number)
                } else {
                    visitor.visit_str(text)
                }
            }
        };
        result.map_err(|fault| self.place(fault))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let truth = self.typed("`true` or `false`", read_bool)?;
        visitor.visit_bool(truth).map_err(|fault| self.place(fault))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = self.typed("a number", read_float)?;
        visitor.visit_f64(number).map_err(|fault| self.place(fault))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let scalar = self.scalar("a text")?;
        visitor
            .visit_str(scalar.text.expose())
            .map_err(|fault| self.place(fault))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == LOCATED {
            let at = match self.node.value {
                Value::Scalar(_) => self.node.at,
                _ => self.label,
            };
            visitor.visit_seq(Parts {
                at: Some(at),
                value: Some(self),
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(items) => self.list(items, visitor),
            _ => Err(self.expected("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(entries) => self.map(entries, fields, name, visitor),
            Value::Null => self.map(&[], fields, name, visitor),
            _ => Err(self.expected("a map of keys")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let word: StrDeserializer<'_, Fault> =
            self.scalar("a word")?.text.expose().into_deserializer();
        visitor.visit_enum(word).map_err(|fault| self.place(fault))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

impl<'de> Decoder<'de> {
    fn list<V: Visitor<'de>>(self, items: &'de [Node], visitor: V) -> Result<V::Value, Fault> {
        let items = items.iter().map(|node| Decoder {
            node,
            label: node.at,
        });
        visitor
            .visit_seq(SeqDeserializer::new(items))
            .map_err(|fault| self.place(fault))
    }

    fn map<V: Visitor<'de>>(
        self,
        entries: &'de [Entry],
        fields: &'static [&'static str],
        container: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let map = Map {
            entries: entries.iter(),
            current: None,
            fields,
            container,
        };
        visitor.visit_map(map).map_err(|fault| self.place(fault))
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Decoder<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The two parts of a [`Located`].
struct Parts<D> {
    at: Option<At>,
    value: Option<D>,
}

impl<'de, D: Deserializer<'de, Error = Fault>> de::SeqAccess<'de> for Parts<D> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if let Some(at) = self.at.take() {
            return seed
                .deserialize(SeqDeserializer::new(at.parts().into_iter()))
                .map(Some);
        }
        self.value
            .take()
            .map(|value| seed.deserialize(value))
            .transpose()
    }
}

/// The entries of a map; of a struct, `snake_case` keys count as their `camelCase` form.
struct Map<'de> {
    entries: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
    fields: &'static [&'static str],
    container: &'static str,
}

impl<'de> de::MapAccess<'de> for Map<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some(entry);
        let camel = camel_case(&entry.key);
        let key = self
            .fields
            .iter()
            .find(|field| **field == camel)
            .copied()
            .unwrap_or(&entry.key);
        let place = |Fault(problem): Fault| {
            let problem = match super::hints::unknown_key(self.container, &camel) {
                Some(hint) => problem.help(hint),
                None => problem,
            };
            Fault(problem.placed(entry.key_at))
        };
        seed.deserialize(Key {
            text: key,
            at: entry.key_at,
        })
        .map(Some)
        .map_err(place)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(entry) = self.current.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let decoder = Decoder {
            node: &entry.value,
            label: entry.key_at,
        };
        seed.deserialize(decoder)
            .map_err(|fault| decoder.place(fault))
    }
}

/// `base_url` → `baseUrl`.
fn camel_case(key: &str) -> String {
    let mut upper = false;
    key.chars()
        .fold(String::with_capacity(key.len()), |mut camel, letter| {
            if letter == '_' && !camel.is_empty() {
                upper = true;
            } else {
                camel.push(if upper {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                });
                upper = false;
            }
            camel
        })
}

/// A key of a map.
struct Key<'a> {
    text: &'a str,
    at: At,
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == LOCATED {
            visitor.visit_seq(Parts {
                at: Some(self.at),
                value: Some(self),
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
