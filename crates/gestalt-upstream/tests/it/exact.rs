//! Whatever a document says of parameters and bodies, and whatever the arguments are, an
//! upstream that reads as the document says gets the arguments back.
//!
//! Operations and arguments are generated; [`reader`] takes apart what arrives, written from
//! the specification and sharing nothing with what wrote it.

mod body;
mod reader;
mod tree;

use gestalt_core::operation::{Location, Operation, Parameter, Style};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::server::Server;
use crate::world::{World, parameter, post};
use body::BodySlot;
use tree::{Kind, Shape, Tree};

/// One parameter and its argument.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The caller's name.
    pub(super) name: String,
    pub(super) wire: String,
    pub(super) location: Location,
    pub(super) style: Style,
    pub(super) explode: bool,
    pub(super) reserved: bool,
    pub(super) content: bool,
    pub(super) shape: Shape,
    pub(super) kind: Kind,
    pub(super) value: Tree,
}

impl Slot {
    fn parameter(&self) -> Parameter {
        let mut made = parameter(&self.name, self.location, schema(self.shape, self.kind));
        self.wire.clone_into(&mut made.wire_name);
        made.style = self.style;
        made.explode = self.explode;
        made.allow_reserved = self.reserved;
        made.content_type = self.content.then(|| "application/json".to_owned());
        made
    }

    /// What stands between values and cannot stand within them.
    fn between(&self) -> &'static [char] {
        match (self.location, self.style, self.shape) {
            (_, _, Shape::One) => &[],
            (Location::Header, ..) => &[',', '='],
            (_, Style::SpaceDelimited, _) if !self.explode => &[' '],
            (_, Style::PipeDelimited, _) if !self.explode => &['|'],
            _ => &[],
        }
    }
}

/// The schema that the parameter declares.
pub(super) fn schema(shape: Shape, kind: Kind) -> Value {
    let one = json!({ "type": kind.name() });
    match shape {
        Shape::One => one,
        Shape::List => json!({ "type": "array", "items": one }),
        Shape::Map => json!({ "type": "object", "additionalProperties": one }),
        Shape::Any => json!({ "type": "object" }),
    }
}

/// How a parameter is written: everything that OpenAPI 3.1 §4.8.12 gives a meaning.
type Way = (Location, Style, bool, Shape, bool);

fn ways() -> Vec<Way> {
    use Shape::{Any, List, Map, One};
    let mut ways = Vec::new();
    let table: [(Location, &[Style]); 4] = [
        (
            Location::Path,
            &[Style::Simple, Style::Label, Style::Matrix],
        ),
        (Location::Query, &[Style::Form]),
        (Location::Header, &[Style::Simple]),
        (Location::Cookie, &[Style::Form]),
    ];
    for (location, styles) in table {
        for style in styles {
            for explode in [false, true] {
                for shape in [One, List, Map] {
                    ways.push((location, *style, explode, shape, false));
                }
            }
        }
        ways.push((location, styles[0], false, Any, true));
    }
    for style in [Style::SpaceDelimited, Style::PipeDelimited] {
        ways.push((Location::Query, style, false, List, false));
        ways.push((Location::Query, style, false, Map, false));
        ways.push((Location::Query, style, true, List, false));
    }
    ways.push((Location::Query, Style::DeepObject, true, Any, false));
    ways
}

fn slot() -> impl Strategy<Value = Slot> {
    let kinds = prop_oneof![Just(Kind::Text), Just(Kind::Number), Just(Kind::Bool)];
    let chosen = (prop::sample::select(ways()), kinds, any::<bool>());
    let odd = prop::sample::select(vec!["", " x", "&y", "=z", "é", "[]", "$+", "#"]);
    let filled = (chosen, odd).prop_flat_map(
        |(((location, style, explode, shape, content), kind, reserved), odd)| {
            let value = match location {
                Location::Path => tree::in_path(shape, kind, style == Style::Label),
                Location::Header => tree::in_header(shape, kind, content),
                _ => tree::anywhere(shape, kind),
            };
            (
                value,
                Just((location, style, explode, shape, content)),
                Just((kind, reserved, odd)),
            )
        },
    );
    filled.prop_map(
        |(value, (location, style, explode, shape, content), (kind, reserved, odd))| Slot {
            name: String::new(),
            wire: odd.to_owned(),
            location,
            style,
            explode,
            reserved: reserved && location == Location::Query,
            content,
            shape,
            kind,
            value,
        },
    )
}

/// Gives each parameter its name, and each key one that is no other's.
fn named(mut slots: Vec<Slot>) -> Vec<Slot> {
    for (index, slot) in slots.iter_mut().enumerate() {
        let odd = std::mem::take(&mut slot.wire);
        let letter = format!("{:?}", slot.location).to_lowercase();
        slot.name = format!("{letter}{index}");
        slot.wire = match slot.location {
            Location::Query => format!("q{index}{odd}"),
            _ => slot.name.clone(),
        };
        let plain = slot.location == Location::Header;
        slot.value.rename(&format!("k{index}x"), plain);
        let between = slot.between();
        slot.value.remove(between);
    }
    slots
}

fn operation(slots: &[Slot], body: &BodySlot) -> Operation {
    let in_path = slots.iter().filter(|slot| slot.location == Location::Path);
    let segments = in_path.flat_map(|slot| ["/{", &slot.wire, "}/z"]);
    let path: String = ["/a"].into_iter().chain(segments).collect();
    let mut operation = post(&path);
    operation.parameters = slots.iter().map(Slot::parameter).collect();
    operation.body = body.definition();
    operation
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn s36_what_arrives_is_what_was_given(
        slots in prop::collection::vec(slot(), 0..7).prop_map(named),
        body in body::body(),
    ) {
        thread_local!(static UPSTREAM: (Runtime, Server) = {
            let runtime = Runtime::new().unwrap();
            let server = runtime.block_on(Server::quiet());
            (runtime, server)
        });
        UPSTREAM.with(|(runtime, server)| -> Result<(), TestCaseError> {
            let world = World::new(server, operation(&slots, &body));
            let mut members: Vec<String> = slots
                .iter()
                .map(|slot| format!("{}:{}", json!(slot.name), slot.value.json()))
                .collect();
            members.extend(body.arguments());
            let arguments = format!("{{{}}}", members.join(","));
            let before = server.seen().len();
            let result = runtime.block_on(world.json(&arguments));
            prop_assert!(result.is_ok(), "{arguments}: {result:?}");
            let seen = &server.seen()[before];
            for slot in &slots {
                let expect = slot.value.clone().sent(slot.content);
                prop_assert_eq!(reader::read(slot, &slots, seen), expect, "{:?} in {:?}", slot, seen);
            }
            body.check(seen)?;
            let schema = world.schema();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let given: Value = serde_json::from_str(&arguments).unwrap();
            prop_assert!(validator.is_valid(&given), "{} against {}", given, schema);
            Ok(())
        })?;
    }
}
