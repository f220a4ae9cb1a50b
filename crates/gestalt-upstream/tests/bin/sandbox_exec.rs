//! What `gestaltd sandbox-exec` does, for this crate's tests: they know no daemon. And a host
//! of a child, to be killed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use gestalt_core::host::EgressRules;
use gestalt_core::mcp::McpProcess;
use gestalt_upstream::mcp::{Answer, AnswerBody, Authority, Era, Message, Stdio, Whose};
use gestalt_upstream::{BoxError, ProcessSettings, Resolver, Settings, Upstream};

fn main() -> Result<ExitCode, BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [first, rest @ ..] if first == "sandbox-exec" => Ok(gestalt_upstream::sandbox_exec(rest)),
        [first, code, state, pipe] if first == "host" => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            runtime.block_on(host(code.into(), state.into(), pipe))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(ExitCode::FAILURE),
    }
}

/// Starts a child that starts others, says so and waits to be killed.
async fn host(code: PathBuf, state: PathBuf, pipe: &str) -> Result<(), BoxError> {
    let settings = Settings {
        processes: ProcessSettings {
            run_directory: state.join("run"),
            ..ProcessSettings::default()
        },
        ..Settings::default()
    };
    let upstream = Upstream::new(settings, Resolver::System)?;
    let process = McpProcess {
        command: "python3".into(),
        arguments: vec![code.join("server.py").display().to_string()],
        environment: Vec::new(),
        directory: None,
        readable: vec![code],
        writable: PathBuf::from(pipe)
            .parent()
            .map(PathBuf::from)
            .into_iter()
            .collect(),
        shared: true,
        max_processes: 1,
        idle_timeout: Duration::from_mins(10),
        sandbox_required: true,
    };
    let stdio = Stdio::new(
        &upstream,
        &"host".parse()?,
        &process,
        &EgressRules::default(),
        None,
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"fork","arguments":[3,"{pipe}"]}}}}"#
    );
    let message = Message {
        era: Era::Legacy,
        version: "2025-11-25".to_owned(),
        method: "tools/call".to_owned(),
        id: Some("1".to_owned()),
        name: None,
        body: body.into(),
        session: None,
        parameters: Vec::new(),
    };
    let whose = Whose {
        subject: String::new(),
        credential: String::new(),
        capabilities: "{}".to_owned(),
    };
    let answer = stdio.send(&message, &whose, &Authority::default()).await?;
    if let Answer {
        body: AnswerBody::Message(message),
        ..
    } = answer
    {
        println!("{}", String::from_utf8_lossy(&message));
    }
    std::future::pending().await
}
