//! Answers: the schema of a successful one, and what to ask for.

use gestalt_core::operation::Response;

use super::bodies::{Form, takes_json};
use super::document::Node;
use super::findings::Findings;
use super::schema::{Direction, Schemas};

/// What a document says of an operation's answers.
pub(super) struct Answers {
    pub(super) response: Response,
    /// The value of `Accept`, where an answer of another type could come back as well.
    pub(super) accept: Option<String>,
}

/// Reads an operation's answers.
///
/// Only a schema that every successful JSON answer has is kept: an agent's client refuses an
/// answer that is not of the schema.
pub(super) fn read<'t>(
    responses: Option<&Node<'t>>,
    limit: usize,
    schemas: &Schemas<'t>,
    findings: &mut Findings,
) -> Answers {
    let mut found: Vec<(String, Node<'t>)> = Vec::new();
    for (status, response) in responses.into_iter().flat_map(Node::members) {
        if status.len() == 3 && status.starts_with('2') {
            found.push((status.to_ascii_uppercase(), response));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut chosen: Option<(Node<'t>, String)> = None;
    let (mut alone, mut several) = (true, false);
    for (_, response) in found {
        let Ok(response) = response.resolved() else {
            findings.changed(&response.spot(), "the answer's reference leads nowhere");
            continue;
        };
        let content: Vec<_> = response
            .get("content")
            .iter()
            .flat_map(Node::members)
            .collect();
        let json = content.iter().min_by_key(|(name, media)| rank(name, media));
        let Some((name, media)) = json.filter(|(name, media)| rank(name, media) < NOT_JSON) else {
            continue;
        };
        let schema = media.get("schema");
        several |= content.len() > 1;
        match (&chosen, schema) {
            (None, Some(schema)) => chosen = Some((schema, name.clone())),
            (Some((known, _)), Some(schema)) if known.raw() == schema.raw() => {}
            _ => alone = false,
        }
    }
    let accept = chosen
        .as_ref()
        .filter(|(_, name)| several && !name.contains('*'))
        .map(|(_, name)| format!("{name}, */*;q=0.5"));
    let schema = chosen
        .filter(|_| alone)
        .map(|(schema, _)| schemas.convert_shared(&schema, Direction::Response, limit, findings));
    Answers {
        response: Response {
            schema,
            ..Response::default()
        },
        accept: accept.filter(|text| http::HeaderValue::from_str(text).is_ok()),
    }
}

const NOT_JSON: u8 = 3;

/// How much a media type is JSON: less is more.
fn rank(name: &str, media: &Node<'_>) -> u8 {
    match Form::of(name) {
        Form::Json => 0,
        Form::OtherJson => 1,
        _ if matches!(name.trim(), "*/*" | "application/*") && takes_json(media) => 2,
        _ => NOT_JSON,
    }
}
