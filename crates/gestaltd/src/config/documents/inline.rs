//! A document as the config names it: by path, by URL, or written there.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::config::decode::Located;
use crate::config::source::{At, Sources};

/// A document as the config names it.
#[derive(Clone, Debug)]
pub(in crate::config) enum DocumentEntry {
    /// A path or a URL.
    Place(String),
    /// The document itself.
    Inline(Tree),
}

/// A value of a document, each part with its place.
#[derive(Clone, Debug)]
pub(in crate::config) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Located<Tree>>),
    Map(Vec<(Located<String>, Located<Tree>)>),
}

impl<'de> Deserialize<'de> for DocumentEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tree::deserialize(deserializer)? {
            Tree::Text(place) => Ok(Self::Place(place)),
            tree @ Tree::Map(_) => Ok(Self::Inline(tree)),
            _ => Err(de::Error::custom(
                "expected a path, a URL, or the document itself",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value of a document")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
                Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Map(entries))
            }
        }
        deserializer.deserialize_any(Values)
    }
}

impl JsonSchema for DocumentEntry {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An OpenAPI document: a path, an https URL, or the document itself.",
            "anyOf": [{ "type": "string" }, { "type": "object" }]
        })
    }
}

/// An inline document as JSON whose lines are those of the config that it stands in.
pub(in crate::config) fn inline_text(tree: &Tree, at: At, sources: &Sources) -> String {
    let text = sources.get(at.file()).map_or("", |file| file.text.as_str());
    let breaks = text.match_indices('\n').map(|(byte, _)| byte).collect();
    let mut writer = Writer {
        out: String::new(),
        line: 0,
        file: at.file(),
        breaks,
    };
    writer.value(tree, at);
    writer.out
}

struct Writer {
    out: String,
    /// Line breaks written.
    line: usize,
    file: usize,
    /// Where the file's lines end.
    breaks: Vec<usize>,
}

impl Writer {
    /// Goes to the line of a place; what a layer or an alias brings from before stays here.
    fn go(&mut self, at: At) {
        if at.file() != self.file {
            return;
        }
        let start = at.range().start;
        let line = self.breaks.partition_point(|byte| *byte < start);
        while self.line < line {
            self.out.push('\n');
            self.line += 1;
        }
    }

    fn value(&mut self, tree: &Tree, at: At) {
        self.go(at);
        match tree {
            Tree::Null => self.out.push_str("null"),
            Tree::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Tree::Number(number) => self.out.push_str(&number.to_string()),
            Tree::Text(text) => self.text(text),
            Tree::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.out.push_str(if index > 0 { "," } else { "" });
                    self.value(&item.value, item.at);
                }
                self.out.push(']');
            }
            Tree::Map(entries) => {
                self.out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.out.push_str(if index > 0 { "," } else { "" });
                    self.go(key.at);
                    self.text(&key.value);
                    self.out.push(':');
                    self.value(&value.value, value.at);
                }
                self.out.push('}');
            }
        }
    }

    fn text(&mut self, text: &str) {
        // A text always has a form in JSON.
        self.out
            .push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
