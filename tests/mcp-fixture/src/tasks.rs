//! Tools that become tasks (SEP-2663).

use std::time::Duration;

use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult, ErrorData, InputRequest,
};
use rmcp::task_manager::{TaskContext, TaskExit, TaskFuture, TaskOptions};
use serde_json::{Value, json};

use crate::ask;
use crate::tools::{Call, failed, text};

/// How often a client may ask how far a task is, in milliseconds.
const POLL_MS: u64 = 100;

/// How long a job runs before it fails.
const SHORT: Duration = Duration::from_millis(200);

/// How long a task can be told to take at most, in seconds.
const LONGEST: f64 = 3600.0;

/// Calls one of these tools.
///
/// # Errors
///
/// When the client cannot follow a task, or cannot be asked.
pub(crate) async fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    match call.params.name.as_ref() {
        "slow_compute" => slow_compute(call).await,
        "failing_job" => spawn(call, |task| {
            Box::pin(async move {
                work(&task, SHORT).await?;
                Ok(failed("The job failed, as it always does."))
            })
        }),
        "protocol_error_job" => spawn(call, |task| {
            Box::pin(async move {
                work(&task, SHORT).await?;
                let why = "The job broke down, as it always does.";
                Err(ErrorData::internal_error(why, None).into())
            })
        }),
        "confirm_delete" => {
            let file = call.argument("filename");
            spawn(call, |task| Box::pin(confirm_delete(task, file)))
        }
        "multi_input" => spawn(call, |task| Box::pin(multi_input(task))),
        _ => with_task(call),
    }
}

/// A task where the client can follow one and there is something to wait for.
async fn slow_compute(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let arguments = call.params.arguments.as_ref();
    let seconds = arguments.and_then(|arguments| arguments.get("seconds"));
    let seconds = seconds.and_then(Value::as_f64).unwrap_or_default();
    let time = Duration::from_secs_f64(seconds.clamp(0.0, LONGEST));
    let done = format!("Computed {} for {seconds} s.", call.argument("label"));
    if time.is_zero() || !follows_tasks(call) {
        call.pause(time).await;
        return Ok(text(&done).into());
    }
    spawn(call, |task| {
        Box::pin(async move {
            work(&task, time).await?;
            Ok(text(&done))
        })
    })
}

/// Asks for a name in the call's own rounds, then becomes a task.
fn with_task(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    must_follow_tasks(call)?;
    let answers = call.params.input_responses.as_ref();
    let answer = answers.and_then(|answers| answers.get("user_name"));
    let name = answer.and_then(|answer| answer["content"]["name"].as_str());
    let Some(name) = name else {
        let request = form_of_name();
        ask::require(&call.context, "elicitation/create")?;
        return Ok(ask::required(vec![("user_name", request)], None)?.into());
    };
    let done = format!("Hello, {name}!");
    spawn(call, |task| {
        Box::pin(async move {
            work(&task, SHORT).await?;
            Ok(text(&done))
        })
    })
}

async fn confirm_delete(task: TaskContext, file: String) -> Result<CallToolResult, TaskExit> {
    let properties = json!({ "confirm": { "type": "boolean" } });
    let request = ask::form(&format!("Delete {file}?"), &properties, &["confirm"]);
    let answer = task.request_input("confirm", input(request)?).await?;
    let done = if answer["content"]["confirm"] == true {
        format!("Deleted {file}.")
    } else {
        format!("Kept {file}.")
    };
    Ok(text(&done))
}

async fn multi_input(task: TaskContext) -> Result<CallToolResult, TaskExit> {
    let (one, two) = tokio::try_join!(
        task.request_input("one", input(form_of_name())?),
        task.request_input("two", input(form_of_name())?),
    )?;
    let (one, two) = (&one["content"]["name"], &two["content"]["name"]);
    Ok(text(&format!("One is {one}, two is {two}.")))
}

/// Starts a task.
fn spawn(
    call: &Call<'_>,
    work: impl FnOnce(TaskContext) -> TaskFuture,
) -> Result<CallToolResponse, ErrorData> {
    must_follow_tasks(call)?;
    let options = TaskOptions::new().with_poll_interval_ms(POLL_MS);
    let task = call.fixture.shared.tasks.spawn(options, work);
    Ok(CreateTaskResult::new(task).into())
}

/// Takes so long, unless the task is cancelled.
async fn work(task: &TaskContext, time: Duration) -> Result<(), TaskExit> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = task.cancelled() => Err(TaskExit::Cancelled),
    }
}

fn follows_tasks(call: &Call<'_>) -> bool {
    let declared = call.context.client_capabilities();
    declared.is_some_and(|declared| declared.supports_tasks())
}

fn must_follow_tasks(call: &Call<'_>) -> Result<(), ErrorData> {
    if follows_tasks(call) {
        return Ok(());
    }
    let required = ClientCapabilities::builder().enable_tasks().build();
    Err(ErrorData::missing_required_client_capability(required))
}

fn form_of_name() -> Value {
    let properties = json!({ "name": { "type": "string" } });
    ask::form("What is your name?", &properties, &["name"])
}

fn input(request: Value) -> Result<InputRequest, ErrorData> {
    ask::typed(request)
}
