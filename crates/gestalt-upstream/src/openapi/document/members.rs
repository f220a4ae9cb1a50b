//! The members of one object.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// Objects with more members are looked into through a table.
const SMALL: usize = 16;

/// The members of an object in their order. No name stands twice: such a text is refused.
#[derive(Default)]
pub(super) struct Members<'t> {
    list: Vec<(Cow<'t, str>, &'t RawValue)>,
    by_name: HashMap<String, usize>,
}

impl<'t> Members<'t> {
    /// Takes an object apart; what is no object has no members.
    pub(super) fn read(raw: &'t RawValue) -> Self {
        if !raw.get().starts_with('{') {
            return Self::default();
        }
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        let list = reader.deserialize_map(Pairs).unwrap_or_default();
        let mut by_name = HashMap::new();
        if list.len() > SMALL {
            let names = list.iter().enumerate();
            by_name.extend(names.map(|(at, (name, _))| (name.to_string(), at)));
        }
        Self { list, by_name }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'t RawValue> {
        if self.by_name.is_empty() {
            let found = self.list.iter().find(|(known, _)| known == name);
            return found.map(|(_, raw)| *raw);
        }
        Some(self.list[*self.by_name.get(name)?].1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'t RawValue)> {
        self.list.iter().map(|(name, raw)| (&**name, *raw))
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(pairs)
    }
}

/// A key, borrowed where it holds no escapes.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
