//! Tools whose results require input (SEP-2322).

use rmcp::model::{CallToolResponse, ErrorData, SealOptions};
use serde_json::{Value, json};

use crate::ask;
use crate::tools::{Call, text};

/// Calls one of these tools.
///
/// # Errors
///
/// When there is no such tool, the client cannot be asked, or brings back a state that is not
/// what it was given.
pub(crate) async fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let name = call.params.name.as_ref();
    match name.strip_prefix("test_input_required_result_") {
        Some("elicitation") => named(call),
        Some("sampling") => {
            let request = ask::sample("What is the capital of France?", 100);
            once(call, "capital_question", request, |answer| {
                let said = answer["content"]["text"].as_str()?;
                Some(format!("The model says: {said}"))
            })
        }
        Some("list_roots") => once(call, "client_roots", ask::roots(), |answer| {
            let roots = answer["roots"].as_array()?;
            let roots = roots.iter().filter_map(|root| root["uri"].as_str());
            Some(format!(
                "The roots are: {}",
                roots.collect::<Vec<_>>().join(", ")
            ))
        }),
        Some("request_state" | "tampered_state") => confirmed(call),
        Some("multiple_inputs") => three(call),
        Some("multi_round") => rounds(call),
        Some("capabilities") => offered(call),
        _ if name == "test_streaming_elicitation" => {
            call.progress(50.0).await;
            named(call)
        }
        _ => {
            let why = format!("There is no tool `{name}`.");
            Err(ErrorData::invalid_params(why, None))
        }
    }
}

/// Asks for the name until one is given.
fn named(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    once(
        call,
        "user_name",
        form_of("name", "What is your name?"),
        |answer| {
            let name = answer["content"]["name"].as_str()?;
            Some(format!("Hello, {name}!"))
        },
    )
}

/// Asks one thing until `read` can make something of the answer.
fn once(
    call: &Call<'_>,
    key: &str,
    request: Value,
    read: impl Fn(&Value) -> Option<String>,
) -> Result<CallToolResponse, ErrorData> {
    if let Some(said) = answer(call, key).and_then(read) {
        return Ok(text(&said).into());
    }
    ask::require(&call.context, method(&request))?;
    Ok(ask::required(vec![(key, request)], None)?.into())
}

/// Asks for leave and gives a state along, which has to come back as it was.
fn confirmed(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    if state(call)?.is_some() && answer(call, "confirm").is_some() {
        return Ok(text("state-ok").into());
    }
    let properties = json!({ "ok": { "type": "boolean" } });
    let request = ask::form("Please confirm", &properties, &["ok"]);
    ask::require(&call.context, method(&request))?;
    let state = Some(sealed(call, "confirm"));
    Ok(ask::required(vec![("confirm", request)], state)?.into())
}

/// Asks for three things at once.
fn three(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let requests = vec![
        ("user_name", form_of("name", "What is your name?")),
        ("greeting", ask::sample("Generate a greeting", 50)),
        ("client_roots", ask::roots()),
    ];
    let complete = requests.iter().all(|(key, _)| answer(call, key).is_some());
    if state(call)?.is_some() && complete {
        return Ok(text("All three were answered.").into());
    }
    for (_, request) in &requests {
        ask::require(&call.context, method(request))?;
    }
    Ok(ask::required(requests, Some(sealed(call, "three")))?.into())
}

/// Asks for a name, then for a colour; the state says which comes next and what was said.
fn rounds(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let name = answer(call, "step1").map(|answer| answer["content"]["name"].to_string());
    let colour = answer(call, "step2").map(|answer| answer["content"]["color"].to_string());
    let (key, request, next) = match (state(call)?, name, colour) {
        (Some(first), Some(name), _) if first == "first" => {
            let request = form_of("color", "Step 2: What is your favorite color?");
            ("step2", request, format!("second {name}"))
        }
        (Some(second), _, Some(colour)) if second.starts_with("second") => {
            let said = format!("After {second}: {colour}");
            return Ok(text(&said).into());
        }
        _ => {
            let request = form_of("name", "Step 1: What is your name?");
            ("step1", request, "first".to_owned())
        }
    };
    ask::require(&call.context, method(&request))?;
    let state = Some(sealed(call, &next));
    Ok(ask::required(vec![(key, request)], state)?.into())
}

/// Asks for what the client offers, and nothing else.
fn offered(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let mut requests = vec![
        ("user_name", form_of("name", "What is your name?")),
        ("greeting", ask::sample("Generate a greeting", 50)),
        ("client_roots", ask::roots()),
    ];
    requests.retain(|(_, request)| ask::can_ask(&call.context, method(request)));
    if requests.iter().all(|(key, _)| answer(call, key).is_some()) {
        return Ok(text("All that is offered was answered.").into());
    }
    Ok(ask::required(requests, None)?.into())
}

/// The answer under a key, where it is an object as every result is.
fn answer<'a>(call: &'a Call<'_>, key: &str) -> Option<&'a Value> {
    let answers = call.params.input_responses.as_ref()?;
    answers.get(key).filter(|answer| answer.is_object())
}

/// What the state says that the client brought back, if it brought one.
fn state(call: &Call<'_>) -> Result<Option<String>, ErrorData> {
    let Some(state) = &call.params.request_state else {
        return Ok(None);
    };
    let tool = call.params.name.as_bytes();
    let opened = call.fixture.shared.states.open_with(state, tool);
    let opened = opened.map_err(|why| ErrorData::invalid_params(why.to_string(), None))?;
    Ok(Some(String::from_utf8_lossy(&opened).into_owned()))
}

fn sealed(call: &Call<'_>, state: &str) -> String {
    let of_tool = SealOptions::new().associated_data(call.params.name.as_bytes());
    let states = &call.fixture.shared.states;
    states.seal_with(state.as_bytes(), &of_tool)
}

fn form_of(field: &str, message: &str) -> Value {
    let properties = json!({ field: { "type": "string" } });
    ask::form(message, &properties, &[field])
}

fn method(request: &Value) -> &str {
    request["method"].as_str().unwrap_or_default()
}
