//! Tools: those that answer at once or by the way; `list.rs` has them all.
#![expect(
    deprecated,
    reason = "log messages are part of what the suite measures"
)]

use std::io::Write as _;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::ask::{self, Asked};
use crate::changes::Change;
use crate::fixture::Fixture;
use crate::options::Fault;
use crate::resources::WATCHED;
use crate::{input_required, tasks, transport};

pub(crate) mod list;

use list::{DYNAMIC, MANY};

/// One red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/// A head without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// Between two notifications, as the suite has it.
const PAUSE: Duration = Duration::from_millis(50);

/// One call of a tool.
pub(crate) struct Call<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) params: CallToolRequestParams,
    pub(crate) context: RequestContext<RoleServer>,
}

/// Calls a tool.
///
/// # Errors
///
/// When there is no such tool, or the client cannot be asked for what it needs.
pub(crate) async fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let options = &call.fixture.shared.options;
    call.pause(options.slow).await;
    match options.fault {
        None => {}
        Some(Fault::Exit) => std::process::exit(3),
        Some(Fault::Hang) => {
            eprintln!("hanging");
            call.context.ct.cancelled().await;
        }
        Some(Fault::Flood) => flood(),
    }
    let name = call.params.name.as_ref();
    if let Some(answer) = at_once(name, call) {
        return answer.map(CallToolResponse::from);
    }
    match name {
        "test_tool_with_logging" => call.with_logging().await,
        "test_logging_tool" => {
            call.log("One log message").await;
            Ok(text("Logged where a level was given.").into())
        }
        "test_tool_with_progress" => call.with_progress().await,
        "test_reconnection" => {
            transport::close_streams(call).await;
            Ok(text("Answered after the stream was closed.").into())
        }
        "test_sampling" | "test_elicitation" => call.asked_by_argument().await,
        "test_elicitation_sep1034_defaults" => call.asked("filled", form_filled()).await,
        "test_elicitation_sep1330_enums" => call.asked("chosen", form_of_choices()).await,
        "test_missing_capability" => {
            ask::require(&call.context, "sampling/createMessage")?;
            Ok(text("The client offers sampling.").into())
        }
        "slow_compute"
        | "failing_job"
        | "protocol_error_job"
        | "confirm_delete"
        | "multi_input"
        | "test_tool_with_task" => tasks::call(call).await,
        _ => input_required::call(call).await,
    }
}

/// What needs no wait.
fn at_once(name: &str, call: &Call<'_>) -> Option<Result<CallToolResult, ErrorData>> {
    let picture = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
    let content = match name {
        "test_simple_text" => json!([text_block("This is a simple text response for testing.")]),
        "test_image_content" => json!([picture]),
        "test_audio_content" => json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]),
        "test_embedded_resource" => json!([resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => json!([
            text_block("Multiple content types test:"),
            picture,
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "test_error_handling" => {
            let why = "This tool intentionally returns an error for testing";
            return Some(Ok(failed(why)));
        }
        "test_trigger_tool_change" => changed(call, Change::Tools),
        "test_trigger_prompt_change" => changed(call, Change::Prompts),
        "test_trigger_resource_update" => changed(call, Change::Resource(WATCHED.to_owned())),
        "test_header_parameter" => json!([text_block(&call.argument("region"))]),
        "greet" => json!([text_block(&format!("Hello, {}!", call.argument("name")))]),
        "json_schema_2020_12_tool" => {
            let arguments = json!(call.params.arguments);
            json!([text_block(&arguments.to_string())])
        }
        DYNAMIC => json!([text_block("A tool that comes and goes.")]),
        name if name.starts_with(MANY) => json!([text_block(&call.argument("text"))]),
        _ => return None,
    };
    Some(ask::typed(content).map(CallToolResult::success))
}

fn changed(call: &Call<'_>, change: Change) -> Value {
    call.fixture.shared.changes.make(change);
    json!([text_block("Changed.")])
}

fn text_block(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn resource(uri: &str, kind: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } })
}

/// A result of one text.
pub(crate) fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![rmcp::model::ContentBlock::text(text)])
}

/// A result that says why the tool failed.
pub(crate) fn failed(why: &str) -> CallToolResult {
    CallToolResult::error(vec![rmcp::model::ContentBlock::text(why)])
}

/// Writes a mebibyte to stderr; whoever started this has to read it.
fn flood() {
    let line = format!("{}\n", "flood ".repeat(171));
    let mut stderr = std::io::stderr().lock();
    for _ in 0..1024 {
        let _ = stderr.write_all(line.as_bytes());
    }
}

impl Call<'_> {
    /// An argument as text; empty where it is missing or no text.
    pub(crate) fn argument(&self, name: &str) -> String {
        let arguments = self.params.arguments.as_ref();
        let value = arguments.and_then(|arguments| arguments.get(name));
        let value = value.and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }

    /// Waits, unless the client cancels.
    pub(crate) async fn pause(&self, time: Duration) {
        // A timer takes a millisecond at least.
        if time.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.context.ct.cancelled() => {}
        }
    }

    /// Asks the client in the way of its era.
    ///
    /// # Errors
    ///
    /// When it cannot be asked, or does not answer.
    pub(crate) async fn ask(&self, key: &str, request: Value) -> Result<Asked, ErrorData> {
        ask::ask(&self.context, &self.params.input_responses, key, request).await
    }

    /// Writes a log message at the level `info`, where one is wanted: in the older era by the
    /// session's level, in the newer by the request's (SEP-2575).
    async fn log(&self, message: &str) {
        let wanted = if ask::is_modern(&self.context) {
            self.context.meta.log_level()
        } else {
            Some(self.fixture.level())
        };
        let of_info = [LoggingLevel::Debug, LoggingLevel::Info];
        if wanted.is_some_and(|wanted| of_info.contains(&wanted)) {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
            let message = message.with_logger("mcp-fixture");
            let _ = self.context.peer.notify_logging_message(message).await;
        }
    }

    async fn with_logging(&self) -> Result<CallToolResponse, ErrorData> {
        self.log("Tool execution started").await;
        self.pause(PAUSE).await;
        self.log("Tool processing data").await;
        self.pause(PAUSE).await;
        self.log("Tool execution completed").await;
        Ok(text("Executed with log messages.").into())
    }

    async fn with_progress(&self) -> Result<CallToolResponse, ErrorData> {
        for progress in [0.0, 50.0, 100.0] {
            self.progress(progress).await;
            if progress < 100.0 {
                self.pause(PAUSE).await;
            }
        }
        Ok(text("Executed with progress.").into())
    }

    /// Reports progress of 100, where the client gave a token for it.
    pub(crate) async fn progress(&self, progress: f64) {
        if let Some(token) = self.context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, progress).with_total(100.0);
            let _ = self.context.peer.notify_progress(progress).await;
        }
    }

    async fn asked_by_argument(&self) -> Result<CallToolResponse, ErrorData> {
        if self.params.name == "test_elicitation" {
            let field = |what: &str| json!({ "type": "string", "description": what });
            let properties = json!({
                "username": field("User's response"),
                "email": field("User's email address"),
            });
            let message = self.argument("message");
            let request = ask::form(&message, &properties, &["username", "email"]);
            return self.asked("user", request).await;
        }
        let request = ask::sample(&self.argument("prompt"), 100);
        Ok(match self.ask("sample", request).await? {
            Asked::Required(result) => result.into(),
            Asked::Answered(answer) => {
                let said = answer["content"]["text"].as_str().unwrap_or_default();
                text(&format!("LLM response: {said}")).into()
            }
        })
    }

    /// Asks a person and tells what came of it.
    async fn asked(&self, key: &str, request: Value) -> Result<CallToolResponse, ErrorData> {
        Ok(match self.ask(key, request).await? {
            Asked::Required(result) => result.into(),
            Asked::Answered(answer) => {
                let (action, content) = (&answer["action"], &answer["content"]);
                let action = action.as_str().unwrap_or_default();
                text(&format!(
                    "User response: action={action}, content={content}"
                ))
                .into()
            }
        })
    }
}

/// SEP-1034: a default for every primitive type.
fn form_filled() -> Value {
    let properties = json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": {
            "type": "string", "enum": ["active", "inactive", "pending"], "default": "active",
        },
        "verified": { "type": "boolean", "default": true },
    });
    ask::form("Please check what is filled in.", &properties, &[])
}

/// SEP-1330: one and many of a list, with and without titles.
fn form_of_choices() -> Value {
    let plain = json!(["option1", "option2", "option3"]);
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" },
    ]);
    let properties = json!({
        "untitledSingle": { "type": "string", "enum": plain },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    });
    ask::form("Please choose.", &properties, &[])
}
