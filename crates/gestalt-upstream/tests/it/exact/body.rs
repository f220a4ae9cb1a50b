//! Bodies and their arguments.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gestalt_core::operation::{Body, FieldEncoding, GraphQlOperation, Location, MediaKind, Style};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tree::{self, Kind, Shape, Tree};
use super::{Slot, reader, schema};
use crate::files::parts;
use crate::server::Seen;
use crate::world::body as one_media;

/// One field of a body.
#[derive(Clone, Debug)]
pub(super) enum Field {
    /// By style in forms, as text or JSON in multipart bodies.
    Value(Slot),
    /// Bytes, of multipart bodies.
    File(Vec<u8>),
}

/// A body and its arguments.
#[derive(Clone, Debug)]
pub(super) enum BodySlot {
    None,
    /// Fields among the parameters.
    Fields(MediaKind, Vec<Field>),
    /// A map, which stands under `body`.
    Map(MediaKind, Tree),
    /// JSON of any form.
    Json(Tree),
    Text(String),
    Bytes(Vec<u8>),
}

fn field() -> impl Strategy<Value = Slot> {
    let kinds = prop_oneof![Just(Kind::Text), Just(Kind::Number), Just(Kind::Bool)];
    let ways = prop::sample::select(vec![
        (Style::Form, true, Shape::One),
        (Style::Form, true, Shape::List),
        (Style::Form, false, Shape::List),
        (Style::Form, false, Shape::Map),
        (Style::DeepObject, true, Shape::Any),
    ]);
    (ways, kinds).prop_flat_map(|((style, explode, shape), kind)| {
        tree::anywhere(shape, kind).prop_map(move |value| Slot {
            name: String::new(),
            wire: String::new(),
            location: Location::Query,
            style,
            explode,
            reserved: false,
            content: false,
            shape,
            kind,
            value,
        })
    })
}

/// A text whose variables the arguments are.
fn graphql() -> MediaKind {
    let operation = GraphQlOperation {
        query: "query Run { \"x\" }".to_owned(),
        name: "Run".to_owned(),
    };
    MediaKind::GraphQl(Arc::new(operation))
}

fn fields(kind: MediaKind) -> BoxedStrategy<BodySlot> {
    let value = field().prop_map(Field::Value);
    let file = prop::collection::vec(any::<u8>(), 0..20).prop_map(Field::File);
    let one = match kind {
        MediaKind::Multipart => prop_oneof![value, file].boxed(),
        _ => value.boxed(),
    };
    let list = prop::collection::vec(one, 1..5);
    list.prop_map(move |mut list| {
        for (index, field) in list.iter_mut().enumerate() {
            if let Field::Value(slot) = field {
                slot.name = format!("f{index}");
                slot.wire = slot.name.clone();
                slot.value.rename("k", false);
            }
        }
        BodySlot::Fields(kind.clone(), list)
    })
    .boxed()
}

pub(super) fn body() -> impl Strategy<Value = BodySlot> {
    let map = |kind: MediaKind| {
        let tree = tree::anywhere(Shape::Map, Kind::Text).prop_map(|mut tree| {
            tree.rename("k", false);
            tree
        });
        tree.prop_map(move |tree| BodySlot::Map(kind.clone(), tree))
    };
    let json = prop_oneof![
        tree::anywhere(Shape::Any, Kind::Number),
        tree::anywhere(Shape::List, Kind::Text),
        tree::anywhere(Shape::One, Kind::Number),
    ];
    prop_oneof![
        Just(BodySlot::None),
        fields(MediaKind::Json),
        fields(MediaKind::Form),
        fields(MediaKind::Multipart),
        fields(graphql()),
        map(MediaKind::Form),
        map(MediaKind::Multipart),
        json.prop_map(|mut tree| {
            tree.rename("k", false);
            BodySlot::Json(tree)
        }),
        any::<String>().prop_map(BodySlot::Text),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(BodySlot::Bytes),
    ]
}

fn content_type(kind: &MediaKind) -> &'static str {
    match kind {
        MediaKind::Json | MediaKind::GraphQl(_) => "application/json",
        MediaKind::Form => "application/x-www-form-urlencoded",
        MediaKind::Multipart => "multipart/form-data",
        MediaKind::Raw => "application/octet-stream",
    }
}

impl BodySlot {
    pub(super) fn definition(&self) -> Option<Body> {
        let made =
            |kind: &MediaKind, schema| Some(one_media(content_type(kind), kind.clone(), schema));
        match self {
            Self::None => None,
            Self::Fields(kind, fields) => {
                let mut properties = Map::new();
                let mut encoding = Vec::new();
                for (index, field) in fields.iter().enumerate() {
                    let schema = match field {
                        Field::Value(slot) => schema(slot.shape, slot.kind),
                        Field::File(_) => json!({ "type": "string", "format": "binary" }),
                    };
                    properties.insert(format!("f{index}"), schema);
                    if let (Field::Value(slot), MediaKind::Form) = (field, kind) {
                        encoding.push(FieldEncoding {
                            name: slot.wire.clone(),
                            content_type: None,
                            style: slot.style,
                            explode: slot.explode,
                        });
                    }
                }
                let schema = json!({ "type": "object", "properties": properties });
                let mut body = made(kind, Some(schema))?;
                body.media[0].encoding = encoding;
                Some(body)
            }
            Self::Map(kind, _) => made(kind, Some(schema(Shape::Map, Kind::Text))),
            Self::Json(_) => made(&MediaKind::Json, None),
            Self::Text(_) => Some(one_media("text/plain", MediaKind::Raw, None)),
            Self::Bytes(_) => made(&MediaKind::Raw, Some(json!({ "format": "binary" }))),
        }
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let body = |json: String| vec![format!("\"body\":{json}")];
        match self {
            Self::None => Vec::new(),
            Self::Fields(_, fields) => {
                let field = |(index, field): (usize, &Field)| match field {
                    Field::Value(slot) => format!("\"f{index}\":{}", slot.value.json()),
                    Field::File(bytes) => {
                        format!("\"f{index}\":\"{}\"", BASE64_STANDARD.encode(bytes))
                    }
                };
                fields.iter().enumerate().map(field).collect()
            }
            Self::Map(_, tree) | Self::Json(tree) => body(tree.json()),
            Self::Text(text) => body(json!(text).to_string()),
            Self::Bytes(bytes) => body(json!(BASE64_STANDARD.encode(bytes)).to_string()),
        }
    }

    pub(super) fn check(&self, seen: &Seen) -> Result<(), TestCaseError> {
        match self {
            Self::None => prop_assert!(seen.body.is_empty()),
            Self::Json(tree) => prop_assert_eq!(seen.text(), tree.json()),
            Self::Text(text) => prop_assert_eq!(seen.text(), text),
            Self::Bytes(bytes) => prop_assert_eq!(&seen.body[..], &bytes[..]),
            Self::Fields(MediaKind::Json, _) => {
                let expect = format!("{{{}}}", self.arguments().join(","));
                prop_assert_eq!(seen.text(), expect);
            }
            Self::Fields(MediaKind::GraphQl(_), _) => {
                let expect = format!(
                    r#"{{"query":"query Run {{ \"x\" }}","operationName":"Run","variables":{{{}}}}}"#,
                    self.arguments().join(",")
                );
                prop_assert_eq!(seen.text(), expect);
            }
            Self::Fields(MediaKind::Form, fields) => {
                let pairs = reader::split(seen.text(), "&");
                for field in fields {
                    if let Field::Value(slot) = field {
                        let found = reader::in_pairs(slot, &pairs).map(Tree::sorted);
                        prop_assert_eq!(found, slot.value.clone().sent(false));
                    }
                }
            }
            Self::Map(MediaKind::Form, tree) => {
                let pairs = reader::split(seen.text(), "&");
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| (key, Kind::Text.leaf(&reader::decode(&value))));
                prop_assert_eq!(&Tree::Map(pairs.collect()), tree);
            }
            Self::Map(_, tree) => {
                let member = |(head, bytes): (String, Vec<u8>)| {
                    let text = String::from_utf8(bytes).unwrap();
                    (name_of(&head), Kind::Text.leaf(&text))
                };
                let found = parts(seen).into_iter().map(member).collect();
                prop_assert_eq!(&Tree::Map(found), tree);
            }
            Self::Fields(_, fields) => {
                let mut arrived = parts(seen).into_iter();
                for (index, field) in fields.iter().enumerate() {
                    for expect in contents(field) {
                        let (head, content) = arrived.next().unwrap();
                        prop_assert_eq!(name_of(&head), format!("f{index}"));
                        prop_assert_eq!(content, expect);
                    }
                }
                prop_assert!(arrived.next().is_none());
            }
        }
        Ok(())
    }
}

fn name_of(head: &str) -> String {
    let rest = head.split_once("; name=\"").unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

/// The parts that a field makes.
fn contents(field: &Field) -> Vec<Vec<u8>> {
    let text = |tree: &Tree| match (tree, serde_json::from_str(&tree.json()).unwrap()) {
        (Tree::Leaf(_), Value::String(text)) => text.into_bytes(),
        _ => tree.json().into_bytes(),
    };
    match field {
        Field::File(bytes) => vec![bytes.clone()],
        Field::Value(Slot {
            value: Tree::List(items),
            ..
        }) => items.iter().map(text).collect(),
        Field::Value(slot) => vec![text(&slot.value)],
    }
}
