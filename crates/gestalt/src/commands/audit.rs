//! `gestalt audit`: the audit trail.

use std::path::Path;

use gestalt_api::audit::{AuditRecord, AuditVerification};
use reqwest::Method;
use serde_json::json;

use crate::args::{Audit, AuditFilter};
use crate::context::Context;
use crate::failure::Failure;
use crate::invoke;
use crate::output::{Listing, table};
use crate::server::Server;

pub(super) async fn run(context: &Context, args: Audit) -> Result<(), Failure> {
    let server = context.server()?;
    match args {
        Audit::Search { filter, paging } => {
            let list: Listing<AuditRecord> =
                server.list(&["audit"], &query(&filter), &paging).await?;
            context.output.list(&list)
        }
        Audit::Export {
            filter,
            output_file,
        } => export(context, &server, &filter, output_file.as_deref()).await,
        Audit::Verify => verify(context, &server).await,
    }
}

fn query(filter: &AuditFilter) -> Vec<(&'static str, &str)> {
    [
        ("subject", &filter.subject),
        ("integration", &filter.plugin),
        ("operation", &filter.operation),
        ("kind", &filter.kind),
        ("outcome", &filter.outcome),
        ("since", &filter.since),
        ("until", &filter.until),
        ("requestId", &filter.request_id),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    .collect()
}

async fn export(
    context: &Context,
    server: &Server,
    filter: &AuditFilter,
    file: Option<&Path>,
) -> Result<(), Failure> {
    let request = server
        .request(Method::GET, &["audit", "export"])?
        .query(&query(filter));
    let response = server.send(request).await?;
    let Some(path) = file else {
        return invoke::answer::pass(server, response).await;
    };
    invoke::answer::save(server, response, path).await?;
    context
        .terminal
        .note(format_args!("Written to {}.", path.display()));
    Ok(())
}

fn plural(number: u64) -> &'static str {
    if number == 1 { "" } else { "s" }
}

async fn verify(context: &Context, server: &Server) -> Result<(), Failure> {
    let found: AuditVerification = server.post(&["audit", "verify"], &json!({})).await?;
    let mut text = format!(
        "{} record{}, {} checkpoint{}: {}\n",
        found.records,
        plural(found.records),
        found.checkpoints,
        plural(found.checkpoints),
        if found.ok { "all hold" } else { "NOT INTACT" }
    );
    let rows = found.faults.iter().map(|fault| {
        vec![
            fault.writer.clone(),
            fault.seq.to_string(),
            fault.kind.clone(),
            fault.detail.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        text.push_str(&table::columns(
            Some(&["CHAIN", "AT", "FAULT", "WHY"]),
            rows,
        ));
    }
    context.output.text_or(&text, &found)?;
    if found.ok {
        return Ok(());
    }
    Err(Failure::general(
        "The audit trail does not hold.",
        "Keep the database as it is, and compare it with your backups and exports.",
    ))
}
