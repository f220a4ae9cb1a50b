//! Prompts.

use rmcp::RoleServer;
use rmcp::model::{
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt, PromptArgument,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::ask::{self, Asked};
use crate::tools::PNG;

/// Listed after a change.
const DYNAMIC: &str = "test_dynamic_prompt";

/// All prompts; with one more after a change.
pub(crate) fn list(more: bool) -> Vec<Prompt> {
    let mut prompts = vec![
        prompt("test_simple_prompt", "A prompt without arguments.", &[]),
        prompt(
            "test_prompt_with_arguments",
            "A prompt with two arguments.",
            &["arg1", "arg2"],
        ),
        prompt(
            "test_prompt_with_embedded_resource",
            "A prompt that holds a resource.",
            &["resourceUri"],
        ),
        prompt("test_prompt_with_image", "A prompt with a picture.", &[]),
        prompt(
            "test_input_required_result_prompt",
            "A prompt that asks for its context first.",
            &[],
        ),
    ];
    if more {
        prompts.push(prompt(DYNAMIC, "A prompt that comes and goes.", &[]));
    }
    prompts
}

/// Gives one prompt's messages.
///
/// # Errors
///
/// When there is no such prompt, or the client cannot be asked for what it needs.
pub(crate) async fn get(
    params: GetPromptRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let arguments = params.arguments.as_ref();
        let value = arguments.and_then(|arguments| arguments.get(name));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let messages = match params.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (one, two) = (argument("arg1"), argument("arg2"));
            vec![text(&format!(
                "Prompt with arguments: arg1='{one}', arg2='{two}'"
            ))]
        }
        "test_prompt_with_embedded_resource" => vec![
            json!({ "type": "resource", "resource": {
                "uri": argument("resourceUri"),
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            }}),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![
            json!({ "type": "image", "data": PNG, "mimeType": "image/png" }),
            text("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => {
            let properties = json!({ "context": { "type": "string" } });
            let message = "What context should the prompt use?";
            let request = ask::form(message, &properties, &["context"]);
            let answers = &params.input_responses;
            match ask::ask(&context, answers, "user_context", request).await? {
                Asked::Required(result) => return Ok(result.into()),
                Asked::Answered(answer) => {
                    let given = answer["content"]["context"].as_str().unwrap_or_default();
                    vec![text(&format!("Use this context: {given}"))]
                }
            }
        }
        DYNAMIC => vec![text("A prompt that comes and goes.")],
        other => {
            let why = format!("There is no prompt `{other}`.");
            return Err(ErrorData::invalid_params(why, None));
        }
    };
    let messages = messages
        .into_iter()
        .map(|content| ask::typed(json!({ "role": "user", "content": content })));
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    Ok(GetPromptResult::new(messages).into())
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn prompt(name: &str, description: &str, arguments: &[&str]) -> Prompt {
    let arguments = arguments.iter().map(|argument| {
        PromptArgument::new(*argument)
            .with_description(format!("The argument {argument}."))
            .with_required(true)
    });
    let arguments: Vec<PromptArgument> = arguments.collect();
    let arguments = (!arguments.is_empty()).then_some(arguments);
    Prompt::new(name, Some(description), arguments)
}
