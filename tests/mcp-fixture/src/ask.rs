//! Asking the client back: by a request of our own in the older era, by a result that
//! requires input in the newer one (SEP-2322).

use std::collections::BTreeMap;

use rmcp::model::{
    ClientCapabilities, ErrorData, InputRequest, InputRequests, InputRequiredResult, ServerRequest,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServiceError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The first version of the newer era.
const MODERN: &str = "2026-07-28";

/// Answers to what was asked, by key.
pub(crate) type Answers = Option<BTreeMap<String, Value>>;

/// What comes of a question.
pub(crate) enum Asked {
    /// The client's answer: the result of the request.
    Answered(Value),
    /// The client is to ask again, with the answer.
    Required(InputRequiredResult),
}

/// Whether the request is of the newer era.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version.as_str() >= MODERN)
}

/// Whether the client can be asked by this method.
pub(crate) fn can_ask(context: &RequestContext<RoleServer>, method: &str) -> bool {
    let declared = context.client_capabilities();
    let declared = declared.and_then(|declared| serde_json::to_value(declared).ok());
    declared.is_some_and(|declared| declared.get(capability(method)).is_some())
}

/// Refuses unless the client can be asked by this method.
///
/// # Errors
///
/// The capability that is missing (SEP-2575).
pub(crate) fn require(context: &RequestContext<RoleServer>, method: &str) -> Result<(), ErrorData> {
    if can_ask(context, method) {
        return Ok(());
    }
    let required: ClientCapabilities = typed(json!({ capability(method): {} }))?;
    Err(ErrorData::missing_required_client_capability(required))
}

/// Asks the client, in whichever way its era has.
///
/// # Errors
///
/// When it cannot be asked, or does not answer.
pub(crate) async fn ask(
    context: &RequestContext<RoleServer>,
    answers: &Answers,
    key: &str,
    request: Value,
) -> Result<Asked, ErrorData> {
    require(context, request["method"].as_str().unwrap_or_default())?;
    if is_modern(context) {
        let answer = answers.as_ref().and_then(|answers| answers.get(key));
        return match answer {
            Some(answer) if answer.is_object() => Ok(Asked::Answered(answer.clone())),
            _ => Ok(Asked::Required(required(vec![(key, request)], None)?)),
        };
    }
    let request: ServerRequest = typed(request)?;
    let answer = context.peer.send_request(request).await;
    let answer = answer.map_err(|error| unanswered(&error))?;
    let answer = serde_json::to_value(answer).map_err(|error| unreadable(&error))?;
    Ok(Asked::Answered(answer))
}

/// A result that requires answers under these keys.
///
/// # Errors
///
/// When a request is none that a server may send.
pub(crate) fn required(
    requests: Vec<(&str, Value)>,
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let mut typed_requests = InputRequests::new();
    for (key, request) in requests {
        typed_requests.insert(key.to_owned(), typed::<InputRequest>(request)?);
    }
    Ok(InputRequiredResult::new(Some(typed_requests), state))
}

/// The request that asks a person to fill a form.
pub(crate) fn form(message: &str, properties: &Value, needed: &[&str]) -> Value {
    let schema = json!({ "type": "object", "properties": properties, "required": needed });
    json!({
        "method": "elicitation/create",
        "params": { "mode": "form", "message": message, "requestedSchema": schema },
    })
}

/// The request that asks a model.
pub(crate) fn sample(prompt: &str, max_tokens: u32) -> Value {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    json!({
        "method": "sampling/createMessage",
        "params": { "messages": [message], "maxTokens": max_tokens },
    })
}

/// The request for the client's roots.
pub(crate) fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// Reads a value of the protocol's types.
///
/// # Errors
///
/// When the value is no such thing.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| unreadable(&error))
}

fn capability(method: &str) -> &str {
    method.split('/').next().unwrap_or_default()
}

fn unanswered(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("the client gave no answer: {error}"), None)
}

fn unreadable(error: &serde_json::Error) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{form, required, roots, sample};

    #[test]
    fn what_is_required_stands_under_its_key_as_it_would_be_requested() {
        let name = form("Who?", &json!({ "name": { "type": "string" } }), &["name"]);
        let requests = vec![("a", name), ("b", sample("Hi", 5)), ("c", roots())];
        let result = required(requests, Some("state".into())).unwrap();
        let result = serde_json::to_value(result).unwrap();
        assert_eq!(result["resultType"], "input_required");
        assert_eq!(result["requestState"], "state");
        let asked = &result["inputRequests"];
        assert_eq!(
            asked["a"]["params"]["requestedSchema"]["required"][0],
            "name"
        );
        assert_eq!(asked["b"]["params"]["maxTokens"], 5);
        assert_eq!(asked["c"]["method"], "roots/list");
    }

    #[test]
    fn what_no_server_may_ask_is_an_error() {
        let ping = json!({ "method": "ping" });
        assert!(required(vec![("a", ping)], None).is_err());
    }
}
