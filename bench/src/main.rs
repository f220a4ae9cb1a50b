//! What a call through the gateway costs, beside a plain proxy.
//!
//! One program plays every part, each in a process of its own: `upstream`
//! answers, `proxy` only forwards, `load` calls. Without a part it is the
//! conductor, which starts them and the daemon beside it, and reports. Start
//! reading in `calls.rs`.
#![expect(
    clippy::disallowed_methods,
    reason = "the bench plays the peers: it starts programs and opens connections"
)]

use std::error::Error;
use std::process::ExitCode;

mod ask;
mod calls;
mod client;
mod documents;
mod gateway;
mod list;
mod load;
mod many;
mod mcp;
mod options;
mod plugins;
mod process;
mod proxy;
mod relay;
mod report;
mod search;
mod sessions;
mod upstream;

/// An error is for whoever runs the bench, and is printed as it is.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result {
    let (part, rest) = match arguments.split_first() {
        Some((part, rest)) if !part.starts_with("--") => (part.as_str(), rest),
        _ => ("", arguments),
    };
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match part {
        "upstream" => threads.block_on(upstream::serve(rest)),
        "mcp" => threads.block_on(mcp::serve()),
        "proxy" => threads.block_on(proxy::serve(rest)),
        "load" => {
            // One thread is enough and leaves the cores to the measured.
            let thread = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            thread.block_on(load::run(rest))
        }
        "" => threads.block_on(conduct(rest)),
        other => Err(format!("There is no part `{other}`.\n\n{}", options::USAGE).into()),
    }
}

async fn conduct(arguments: &[String]) -> Result {
    let Some(options) = options::parse(arguments)? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let mut report = report::Report::default();
    if options.wants("calls") {
        report.calls = calls::measure(&options).await?;
    }
    if options.wants("plugins") {
        report.plugins = plugins::measure(&options).await?;
    }
    if options.wants("list") {
        report.lists = list::measure(&options).await?;
    }
    if options.wants("mcp-relay") {
        report.relayed = relay::measure(&options).await?;
    }
    if options.wants("sessions") {
        report.sessions = sessions::measure(&options).await?;
    }
    if options.wants("documents") {
        report.documents = documents::measure(&options).await?;
    }
    if options.wants("search") {
        report.searches = search::measure().await?;
    }
    if options.wants("many") {
        report.many = Some(many::measure(&options).await?);
    }
    println!(
        "{}",
        if options.json {
            report.json()
        } else {
            report.text()
        }
    );
    Ok(())
}
