use gestalt_core::document::{DocumentText, ImportLimits};
use serde_json::{Map, json};

use super::*;
use crate::openapi::document::Texts;
use crate::openapi::findings::Findings;
use crate::openapi::schema::Schemas;

const BOTH: [Direction; 2] = [Direction::Request, Direction::Response];

fn texts(schemas: &Value) -> Texts {
    let root = DocumentText {
        name: "a.json".to_owned(),
        text: schemas.to_string().into_bytes().into(),
    };
    let mut load = |path: &str| Err(format!("no {path}"));
    Texts::read(root, &mut load, &ImportLimits::default()).unwrap()
}

/// The one text that a schema is converted to, either way.
fn converted<'t>(
    schemas: &Schemas<'t>,
    node: &Node<'t>,
    (direction, limit): (Direction, usize),
    findings: &mut Findings,
) -> String {
    let text = schemas.convert_shared(node, direction, limit, findings);
    let tree = schemas.convert(node, direction, limit, findings);
    assert_eq!(text.text(), tree.to_string());
    tree.to_string()
}

#[test]
fn what_many_operations_share_is_converted_once_for_each_direction() {
    let link = |name: &str| json!({"$ref": format!("#/schemas/{name}")});
    let users: Map<String, Value> = (0..50)
        .map(|at| {
            let own = json!({"type": "object", "properties": {
                format!("own_{at}"): {"type": "integer"}, "shared": link("Shared")
            }});
            (format!("U{at}"), own)
        })
        .collect();
    let texts = texts(&json!({"users": users, "schemas": {
        "Shared": {"type": "object", "properties": {
            "inner": link("Inner"), "again": link("Shared"), "id": {"type": "integer", "readOnly": true}
        }},
        "Inner": {"type": "object", "properties": {"secret": {"type": "string", "writeOnly": true}}}
    }}));
    let root = Node::root(&texts).unwrap();
    let schemas = Schemas::new(&ImportLimits::default());
    let mut findings = Findings::new(1);
    for (_, node) in root.get("users").unwrap().members() {
        for direction in BOTH {
            converted(&schemas, &node, (direction, 10_000), &mut findings);
        }
    }
    // `Shared` and `Inner`, of requests and of answers.
    assert_eq!(schemas.known.conversions.get(), 4);
}

#[test]
fn one_answer_of_many_operations_has_one_text() {
    let users: Vec<Value> = (0..3).map(|_| json!({"$ref": "#/schemas/A"})).collect();
    let texts = texts(&json!({"users": users, "schemas": {"A": {"type": "object"}}}));
    let root = Node::root(&texts).unwrap();
    let schemas = Schemas::new(&ImportLimits::default());
    let mut findings = Findings::new(1);
    let made: Vec<Schema> = root
        .get("users")
        .unwrap()
        .items()
        .iter()
        .map(|node| schemas.convert_shared(node, Direction::Response, 1_000, &mut findings))
        .collect();
    assert!(
        made.iter()
            .all(|one| std::ptr::eq(one.text(), made[0].text()))
    );
}

/// What is remembered comes out as if it were converted anew, whatever came before: under
/// names that differ, with room that runs out, with too many references, with findings.
#[test]
fn what_is_remembered_is_what_would_be_made_anew() {
    let link = |place: &str| json!({"$ref": format!("#/{place}")});
    let long = |word: &str| json!({"type": "string", "description": word.repeat(90)});
    let texts = texts(&json!({
        "a": {"Same": {"type": "object", "properties": {"x": link("b/Same"), "l": long("one ")}}},
        "b": {"Same": {"type": "object", "properties": {"y": link("b/Other"), "l": long("two ")}},
              "Other": {"allOf": [link("b/Part"), {"properties": {"back": link("a/Same"), "p": {"pattern": "("}}}]},
              "Part": {"type": "object", "properties": {"deep": link("b/Tree"), "gone": link("nowhere")}},
              "Tree": {"type": "object", "properties": {"kids": {"type": "array", "items": link("b/Tree")}, "l": long("six ")}}},
        "roots": [
            link("a/Same"), link("b/Same"), link("b/Other"), link("b/Tree"), link("a/Same"),
            {"type": "object", "properties": {"1": link("a/Same"), "2": link("b/Same")}},
            {"type": "object", "properties": {"1": link("b/Same"), "2": link("a/Same")}},
            {"type": "array", "items": link("b/Other")},
            {"$ref": "#/b/Tree", "minProperties": 1},
            {"type": "array", "items": link("b/Other")}
        ]
    }));
    let root = Node::root(&texts).unwrap();
    let roots = root.get("roots").unwrap().items();
    for max_references in [1, 2, 3, 4, 6, 1_000] {
        let limits = ImportLimits {
            max_references,
            ..ImportLimits::default()
        };
        let schemas = Schemas::new(&limits);
        let (mut said_anew, mut said) = (Findings::new(1_000), Findings::new(1_000));
        for limit in std::iter::once(100_000).chain((20..1_500).rev().step_by(149)) {
            for (node, direction) in roots.iter().flat_map(|node| BOTH.map(|to| (node, to))) {
                let to = (direction, limit);
                let anew = converted(&Schemas::new(&limits), node, to, &mut said_anew);
                let known = converted(&schemas, node, to, &mut said);
                assert_eq!(known, anew, "{limit} {max_references} {}", node.raw());
            }
        }
        let said = said.finish();
        assert!(!said.0.is_empty());
        assert_eq!(said, said_anew.finish());
    }
}
