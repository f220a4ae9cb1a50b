//! `gestalt explain`: why a call would be allowed or refused.

use gestalt_api::explain::{ExplainRequest, ExplainStep, Explanation};

use crate::args::Explain;
use crate::commands::lookup;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Shown, table};
use crate::terminal::printable;

/// Shows the whole decision. An answer is a success, whichever it is.
///
/// # Errors
/// The gateway's refusal to explain.
pub(super) async fn run(context: &Context, args: Explain) -> Result<(), Failure> {
    let server = context.server()?;
    let request = ExplainRequest {
        integration: args.plugin,
        operation: args.operation,
        connection: args.connection,
        instance: args.instance,
        subject: args.subject,
    };
    let explanation: Explanation = match server.post(&["explain"], &request).await {
        Err(failure) => {
            let (plugin, name) = (&request.integration, &request.operation);
            return Err(lookup::operation_hint(&server, plugin, name, failure).await);
        }
        found => found?,
    };
    let verdict = match (explanation.allowed, &explanation.code) {
        (true, _) => "allowed".to_owned(),
        (false, Some(code)) => format!("refused ({})", printable(code)),
        (false, None) => "refused".to_owned(),
    };
    let rows: Vec<Vec<String>> = explanation.steps.iter().map(Shown::row).collect();
    let header = context
        .output
        .headers()
        .then_some(<ExplainStep as Shown>::HEADER);
    let text = format!("{verdict}\n{}", table::columns(header, rows));
    context.output.text_or(&text, &explanation)
}
