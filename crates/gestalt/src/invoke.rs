//! Calls of operations.

pub(crate) mod answer;
pub(crate) mod arguments;
pub(crate) mod schema;

use std::path::Path;

use gestalt_api::integration::Operation;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, Response};
use tokio_util::io::ReaderStream;

use crate::args::plugin::Invoke;
use crate::commands::lookup;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::nearest::did_you_mean;
use crate::server::Server;
use answer::Answers;
use arguments::Members;
use schema::Schema;

/// Calls an operation and shows what it answers, page by page if asked.
///
/// # Errors
/// A usage error for arguments that the operation does not take; the gateway's refusal;
/// [`Failure::Upstream`] for an upstream's error, once its body is shown.
pub(crate) async fn run(context: &Context, mut args: Invoke) -> Result<(), Failure> {
    let answers = Answers::new(context, args.output_file.as_deref())?;
    let server = context.server()?;
    let operation = lookup::operation(&server, &args.plugin, &args.operation).await?;
    let members = members(&operation, &args).await?;
    if let Some(path) = args.body_file.take() {
        check_body_type(&operation, args.content_type.as_deref())?;
        let response = send_body(&server, &args, &members, &path).await?;
        let next = answers.show(&server, response).await?;
        offer(context, next.as_deref(), false);
        return Ok(());
    }
    arguments::check_complete(Schema::new(&operation.input_schema), &members)?;
    let mut members = with_choices(members, &args)?;
    let pages = if args.all { args.max_pages } else { 1 };
    for _ in 0..pages {
        let request = server
            .request(Method::POST, &[&args.plugin, &args.operation])?
            .json(&members);
        let response = server.send(request).await?;
        match answers.show(&server, response).await? {
            // A continuation that does not move on would be followed for ever.
            Some(next) if args.continuation.as_deref() != Some(&next) => {
                members.set_text("_continuation", &next)?;
                args.continuation = Some(next);
            }
            _ => return Ok(()),
        }
    }
    offer(context, args.continuation.as_deref(), args.all);
    Ok(())
}

/// Says how to go on where an answer has more.
fn offer(context: &Context, next: Option<&str>, all: bool) {
    let Some(next) = next else { return };
    let other = if all { "a larger --max-pages" } else { "--all" };
    context.terminal.note(format_args!(
        "There is more: add `--continuation '{next}'`, or {other}."
    ));
}

async fn members(operation: &Operation, args: &Invoke) -> Result<Members, Failure> {
    let file = match &args.input_file {
        Some(path) => Members::parse(&input::json(path).await?, &input::named(path))?,
        None => Members::default(),
    };
    let typed: Vec<String> = args.arguments.iter().chain(&args.params).cloned().collect();
    arguments::assemble(Schema::new(&operation.input_schema), file, &typed)
}

/// Adds which connection, which instance and where to go on.
fn with_choices(mut members: Members, args: &Invoke) -> Result<Members, Failure> {
    for (name, value) in choices(args) {
        members.set_text(name, value)?;
    }
    Ok(members)
}

fn choices(args: &Invoke) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("_connection", &args.connection),
        ("_instance", &args.instance),
        ("_continuation", &args.continuation),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
}

fn check_body_type(operation: &Operation, given: Option<&str>) -> Result<(), Failure> {
    let given = given.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let takes = |kind: &String| {
        kind.eq_ignore_ascii_case(essence)
            || kind == "*/*"
            || kind.strip_suffix("/*").is_some_and(|main| {
                essence
                    .split('/')
                    .next()
                    .is_some_and(|own| own.eq_ignore_ascii_case(main))
            })
    };
    if operation.body_types.iter().any(takes) {
        return Ok(());
    }
    let types: Vec<&str> = operation.body_types.iter().map(String::as_str).collect();
    if types.is_empty() {
        return Err(Failure::usage(
            format!("`{}` takes no body besides its arguments.", operation.name),
            "Give arguments with -p or --input-file.",
        ));
    }
    Err(Failure::usage(
        format!("`{}` takes no body of type `{essence}`.", operation.name),
        did_you_mean(essence, types.iter().copied())
            .unwrap_or_else(|| format!("It takes {}.", types.join(", "))),
    ))
}

/// Streams a body as it is; arguments and choices go in the query.
async fn send_body(
    server: &Server,
    args: &Invoke,
    members: &Members,
    path: &Path,
) -> Result<Response, Failure> {
    let mut request = server
        .request(Method::POST, &[&args.plugin, &args.operation])?
        .query(&arguments::as_query(members))
        .query(&choices(args).collect::<Vec<_>>());
    if let Some(kind) = &args.content_type {
        request = request.header(CONTENT_TYPE, kind);
    }
    let body = if input::is_stdin(path) {
        Body::wrap_stream(ReaderStream::new(tokio::io::stdin()))
    } else {
        let file = tokio::fs::File::open(path)
            .await
            .map_err(Failure::file("read", path))?;
        let meta = file.metadata().await.map_err(Failure::file("read", path))?;
        if meta.is_file() {
            request = request.header(CONTENT_LENGTH, meta.len());
        }
        Body::wrap_stream(ReaderStream::new(file))
    };
    server.send(request.body(body)).await
}
