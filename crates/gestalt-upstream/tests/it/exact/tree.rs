//! Arguments as trees whose leaves are JSON texts, and ways to make them.

use proptest::prelude::*;
use serde_json::{Value, json};

/// What the leaves of an argument are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Kind {
    Text,
    Number,
    Bool,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
        }
    }

    /// A leaf of this kind that is written as this text.
    pub(crate) fn leaf(self, text: &str) -> Tree {
        Tree::Leaf(match self {
            Self::Text => json!(text).to_string(),
            _ => text.to_owned(),
        })
    }
}

/// How an argument is built.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Shape {
    One,
    List,
    Map,
    /// An object of anything.
    Any,
}

/// An argument. Leaves are JSON texts, so that numbers stay as they are written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::json).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(members) => {
                let member =
                    |(key, value): &(String, Self)| format!("{}:{}", json!(key), value.json());
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// Reads what [`json`](Self::json) wrote.
    pub(crate) fn of_json(text: &str) -> Self {
        use serde_json::value::RawValue;
        use std::collections::BTreeMap;
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
            return Self::List(items.iter().map(|item| Self::of_json(item.get())).collect());
        }
        match serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
            Ok(members) => Self::Map(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Self::of_json(value.get())))
                    .collect(),
            ),
            Err(_) => match serde_json::from_str::<Value>(text).unwrap() {
                Value::String(text) => Kind::Text.leaf(&text),
                _ => Self::Leaf(text.to_owned()),
            },
        }
    }

    /// What of it arrives: an empty array or object is like none, unless it is JSON.
    pub(crate) fn sent(self, json: bool) -> Option<Self> {
        if json {
            return Some(self.sorted());
        }
        let kept = match self {
            Self::Leaf(_) => self,
            Self::List(items) => Self::List(
                items
                    .into_iter()
                    .filter_map(|item| item.sent(false))
                    .collect(),
            ),
            Self::Map(members) => Self::Map(
                members
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, value.sent(false)?)))
                    .collect(),
            ),
        };
        let nothing = match &kept {
            Self::Leaf(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Map(members) => members.is_empty(),
        };
        (!nothing).then(|| kept.sorted())
    }

    /// Members in the order of their keys.
    pub(crate) fn sorted(self) -> Self {
        match self {
            Self::Leaf(_) => self,
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Map(mut members) => {
                members.sort_by(|a, b| a.0.cmp(&b.0));
                let sorted = members
                    .into_iter()
                    .map(|(key, value)| (key, value.sorted()));
                Self::Map(sorted.collect())
            }
        }
    }

    /// Puts a prefix and a number before every key; `plain` leaves nothing else of it.
    pub(crate) fn rename(&mut self, prefix: &str, plain: bool) {
        match self {
            Self::Leaf(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.rename(prefix, plain)),
            Self::Map(members) => {
                for (index, (key, value)) in members.iter_mut().enumerate() {
                    let rest = if plain {
                        String::new()
                    } else {
                        std::mem::take(key)
                    };
                    *key = format!("{prefix}{index}{rest}");
                    value.rename(prefix, plain);
                }
            }
        }
    }

    /// Takes characters out of keys and texts.
    pub(crate) fn remove(&mut self, characters: &[char]) {
        match self {
            Self::Leaf(text) => *text = text.replace(characters, ""),
            Self::List(items) => items.iter_mut().for_each(|item| item.remove(characters)),
            Self::Map(members) => {
                for (key, value) in members {
                    *key = key.replace(characters, "");
                    value.remove(characters);
                }
            }
        }
    }
}

fn leaf(kind: Kind, texts: BoxedStrategy<String>, numbers: &'static str) -> BoxedStrategy<Tree> {
    match kind {
        Kind::Text => texts.prop_map(|text| Kind::Text.leaf(&text)).boxed(),
        Kind::Number => numbers.prop_map(Tree::Leaf).boxed(),
        Kind::Bool => prop_oneof!["true", "false"].prop_map(Tree::Leaf).boxed(),
    }
}

const NUMBERS: &str = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?";
const KEYS: &str = "[a-z &=+%;,/é|]{0,4}";

fn shaped(shape: Shape, leaf: BoxedStrategy<Tree>, least: usize) -> BoxedStrategy<Tree> {
    let list = prop::collection::vec(leaf.clone(), least..4);
    let map = prop::collection::vec((KEYS, leaf.clone()), least..4);
    match shape {
        Shape::One => leaf,
        Shape::List => list.prop_map(Tree::List).boxed(),
        Shape::Map => map.prop_map(Tree::Map).boxed(),
        Shape::Any => {
            let inner = leaf.prop_recursive(3, 12, 3, |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..3).prop_map(Tree::List),
                    prop::collection::vec((KEYS, inner), 0..3).prop_map(Tree::Map),
                ]
            });
            let map = prop::collection::vec((KEYS, inner), least..4);
            map.prop_map(Tree::Map).boxed()
        }
    }
}

/// Whatever there is.
pub(crate) fn anywhere(shape: Shape, kind: Kind) -> BoxedStrategy<Tree> {
    let texts = prop_oneof![any::<String>(), "[ -~]{0,8}", "[&=+%;,/|. ]{0,4}"].boxed();
    shaped(shape, leaf(kind, texts, NUMBERS), 0)
}

/// What a path can carry: nothing empty, and nothing that looks like dots, be it with the
/// dot that a label starts with.
pub(crate) fn in_path(shape: Shape, kind: Kind, label: bool) -> BoxedStrategy<Tree> {
    let texts = if label {
        "[a-zA-Z0-9?#&=,|+\"éß@:!$'()*~_-]{1,8}"
    } else {
        "[a-zA-Z0-9 /?#&=;,|+\"\\\\éß@:!$'()*~_-]{1,8}"
    };
    let whole = "-?(0|[1-9][0-9]{0,25})";
    shaped(shape, leaf(kind, texts.boxed(), whole), 1)
}

/// What a header can carry.
pub(crate) fn in_header(shape: Shape, kind: Kind, json: bool) -> BoxedStrategy<Tree> {
    let texts = if json {
        // Line breaks are escaped in JSON; DEL need not be, and cannot be sent.
        any::<String>()
            .prop_map(|text| text.replace('\u{7f}', ""))
            .boxed()
    } else {
        "|[!-~]|[!-+--<>-~]([ -+--<>-~é]{0,6}[!-+--<>-~])?".boxed()
    };
    shaped(shape, leaf(kind, texts, NUMBERS), 0)
}
