//! Parameters outside the body.

use gestalt_core::identity::is_identity_header;
use gestalt_core::operation::{Location, Parameter, Style};
use http::HeaderName;
use serde_json::{Value, json};

use super::bodies::Form;
use super::document::Node;
use super::findings::{Findings, Spot};
use super::names::{self, Taken};
use super::schema::{Direction, Schemas};

/// Most parameters of one operation.
const MOST: usize = 500;
/// Longest name of a parameter, in bytes.
const LONGEST_NAME: usize = 256;

/// Headers of which OpenAPI says that a parameter of their name is ignored (3.1 §4.8.12.1).
const IGNORED: &[&str] = &["accept", "authorization", "content-type"];

/// Headers that the gateway writes itself, or that belong to a connection.
const OWN: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A parameter as the document has it, its reference followed.
pub(super) struct Declared<'d> {
    node: Node<'d>,
    pub(super) name: String,
    pub(super) location: Location,
}

/// The parameters of a path and of its operation: one of the operation's own takes the place
/// of the path's with the same name and place.
pub(super) fn declared<'d>(
    path: Option<&Node<'d>>,
    own: Option<&Node<'d>>,
    findings: &mut Findings,
) -> Vec<Declared<'d>> {
    let mut list: Vec<Declared<'d>> = Vec::new();
    for node in [path, own].into_iter().flatten().flat_map(Node::items) {
        let Some(parameter) = declare(&node, findings) else {
            continue;
        };
        let same = |known: &Declared<'_>| known.is(&parameter.name, parameter.location);
        match list.iter().position(same) {
            Some(known) => list[known] = parameter,
            None if list.len() == MOST => {
                findings.changed(
                    &parameter.node.spot(),
                    format!("the operation has more than {MOST} parameters; this one is left out"),
                );
            }
            None => list.push(parameter),
        }
    }
    list.sort_by_key(|parameter| match parameter.location {
        Location::Path => 0,
        Location::Query => 1,
        Location::Header => 2,
        Location::Cookie => 3,
    });
    list
}

impl Declared<'_> {
    pub(super) fn spot(&self) -> Spot {
        self.node.spot()
    }

    fn is(&self, name: &str, location: Location) -> bool {
        self.location == location
            && match location {
                Location::Header => self.name.eq_ignore_ascii_case(name),
                _ => self.name == name,
            }
    }
}

fn declare<'d>(node: &Node<'d>, findings: &mut Findings) -> Option<Declared<'d>> {
    let node = match node.resolved() {
        Ok(node) => node,
        Err(why) => {
            findings.changed(&node.spot(), format!("{why}; the parameter is left out"));
            return None;
        }
    };
    let text = |key: &str| node.get(key).and_then(|node| node.text());
    let (name, place) = (
        text("name").unwrap_or_default(),
        text("in").unwrap_or_default(),
    );
    let mut leave_out = |why: &str| {
        findings.changed(&node.spot(), format!("{why}; it is left out"));
        None
    };
    let location = match place.as_str() {
        "path" => Location::Path,
        "query" => Location::Query,
        "header" => Location::Header,
        "cookie" => Location::Cookie,
        _ => return leave_out("the parameter is in no place that is known"),
    };
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return leave_out("the parameter has no name that can be sent");
    }
    let lower = name.to_ascii_lowercase();
    if location == Location::Header {
        if IGNORED.contains(&lower.as_str()) {
            findings.note(
                &node.spot(),
                format!("the header `{name}` is never a parameter; it is left out"),
            );
            return None;
        }
        if OWN.contains(&lower.as_str()) || is_identity_header(&lower) {
            return leave_out(&format!("the header `{name}` is the gateway's own"));
        }
        if HeaderName::try_from(name.as_str()).is_err() {
            return leave_out(&format!("`{name}` is no header name"));
        }
    }
    Some(Declared {
        node,
        name,
        location,
    })
}

/// Reads a parameter; `limit` bounds its schema, in bytes.
pub(super) fn read<'t>(
    declared: &Declared<'t>,
    limit: usize,
    taken: &mut Taken,
    schemas: &Schemas<'t>,
    findings: &mut Findings,
) -> Parameter {
    let Declared {
        node,
        name,
        location,
    } = declared;
    let flag = |key: &str| node.get(key).and_then(|node| node.flag());
    let content = node
        .get("content")
        .and_then(|content| content.members().into_iter().next());
    let mut content_type = None;
    let schema = match &content {
        Some((media, value)) => {
            if Form::of(media).is_json() {
                content_type = Some(media.clone());
            } else {
                findings.changed(
                    &value.spot(),
                    format!("`{media}` is not written for a parameter; its text is sent as it is"),
                );
            }
            value.get("schema")
        }
        None => node.get("schema"),
    };
    let schema = match schema {
        Some(schema) => schemas.convert(&schema, Direction::Request, limit, findings),
        None if content_type.is_some() => json!({}),
        None => json!({"type": "string"}),
    };
    let style = style(node, *location, findings);
    let required = *location == Location::Path || flag("required") == Some(true);
    Parameter {
        name: names::parameter(name, *location, taken),
        wire_name: name.clone(),
        location: *location,
        required,
        deprecated: flag("deprecated") == Some(true),
        description: schemas.description(node, "description"),
        default: required.then(|| only_value(&schema, *location)).flatten(),
        schema,
        style,
        explode: flag("explode").unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
        allow_reserved: *location == Location::Query && flag("allowReserved") == Some(true),
        content_type,
    }
}

/// A path parameter that the path names and nothing declares.
pub(super) fn undeclared(name: &str, taken: &mut Taken) -> Parameter {
    Parameter {
        name: names::parameter(name, Location::Path, taken),
        wire_name: name.to_owned(),
        location: Location::Path,
        required: true,
        deprecated: false,
        description: None,
        schema: json!({"type": "string"}),
        style: Style::Simple,
        explode: false,
        allow_reserved: false,
        content_type: None,
        default: None,
    }
}

/// What a required parameter is without the caller's word: the one value that it can have,
/// or the default. A path says which thing is meant, so there no default stands in.
fn only_value(schema: &Value, location: Location) -> Option<Value> {
    let scalar = |value: &&Value| value.is_string() || value.is_number() || value.is_boolean();
    let only = schema.get("enum").and_then(Value::as_array);
    let only = only
        .filter(|values| values.len() == 1)
        .and_then(|values| values.first());
    let only = only.or_else(|| schema.get("const"));
    let default = schema.get("default").filter(|_| location != Location::Path);
    only.or(default).filter(scalar).cloned()
}

fn style(node: &Node<'_>, location: Location, findings: &mut Findings) -> Style {
    let default = match location {
        Location::Path | Location::Header => Style::Simple,
        Location::Query | Location::Cookie => Style::Form,
    };
    let Some(word) = node.get("style").and_then(|style| style.text()) else {
        return default;
    };
    let fits = |style: &Style| match location {
        Location::Path => matches!(style, Style::Simple | Style::Label | Style::Matrix),
        Location::Header => *style == Style::Simple,
        Location::Cookie => *style == Style::Form,
        Location::Query => matches!(
            style,
            Style::Form | Style::SpaceDelimited | Style::PipeDelimited | Style::DeepObject
        ),
    };
    style_named(&word).filter(fits).unwrap_or_else(|| {
        let shown: String = word.chars().take(80).collect();
        findings.changed(
            &node.spot(),
            format!("the style `{shown}` is not for this place; the usual one is used"),
        );
        default
    })
}

/// The style of a name.
pub(super) fn style_named(word: &str) -> Option<Style> {
    Some(match word {
        "simple" => Style::Simple,
        "label" => Style::Label,
        "matrix" => Style::Matrix,
        "form" => Style::Form,
        "spaceDelimited" => Style::SpaceDelimited,
        "pipeDelimited" => Style::PipeDelimited,
        "deepObject" => Style::DeepObject,
        _ => return None,
    })
}
