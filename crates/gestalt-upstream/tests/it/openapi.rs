//! Documents become operations: what each rule makes of a document of ours.

mod bodies;
mod documents;
mod hostile;
mod names;
mod parameters;
mod responses;
mod schemas;
mod security;
mod servers;

use std::fmt::Write;
use std::sync::Arc;

use gestalt_core::connection::{ConnectionDefinition, MappedValue};
use gestalt_core::document::{DocumentText, ImportSettings, Imported};
use gestalt_core::operation::{Operation, Parameter, Security};
use gestalt_upstream::openapi::import;
use serde_json::{Value, json};

/// A text as a document.
fn text(name: &str, text: impl Into<Vec<u8>>) -> DocumentText {
    DocumentText {
        name: name.to_owned(),
        text: Arc::from(text.into()),
    }
}

/// A document of these paths, and of other members of the root.
fn document(paths: &Value, others: &Value) -> Value {
    let mut root = json!({
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://api.example.com/v1"}],
    });
    let members = root.as_object_mut().unwrap();
    members.extend(others.as_object().unwrap().clone());
    members.insert("paths".to_owned(), paths.clone());
    root
}

fn read_with(document: &Value, settings: &ImportSettings) -> Imported {
    let document = text("api.json", serde_json::to_vec_pretty(document).unwrap());
    import(document, &mut |_| Err("there is none".to_owned()), settings).unwrap()
}

fn read(document: &Value) -> Imported {
    read_with(document, &ImportSettings::default())
}

/// What an import gives, for people to check.
fn shown(imported: &Imported) -> String {
    let mut out = String::new();
    for operation in &imported.operations {
        show_operation(&mut out, operation);
    }
    for connection in &imported.connections {
        show_connection(&mut out, connection);
    }
    show_findings(&mut out, imported);
    out
}

fn show_findings(out: &mut String, imported: &Imported) {
    for finding in &imported.findings {
        let about = finding.operation.as_deref().unwrap_or("-");
        let _ = writeln!(
            out,
            "{}: {}:{} {} [{about}]: {}",
            finding.severity.as_str(),
            finding.file,
            finding.line,
            finding.place,
            finding.message
        );
    }
}

fn show_operation(out: &mut String, operation: &Operation) {
    let mut words = vec![
        operation.method.to_string(),
        operation.path.clone(),
        operation.name.to_string(),
    ];
    words.extend(operation.base_url.iter().map(|url| format!("at {url}")));
    for (word, is) in [
        ("read-only", operation.read_only),
        ("destructive", operation.destructive == Some(true)),
        ("idempotent", operation.idempotent == Some(true)),
        ("deprecated", operation.deprecated),
    ] {
        words.extend(is.then(|| word.to_owned()));
    }
    words.extend(operation.tags.iter().map(|tag| format!("#{tag}")));
    let _ = writeln!(out, "{}", words.join(" "));
    let texts = [
        ("title", operation.title.clone()),
        ("about", operation.description.clone()),
        ("query", fixed(&operation.query)),
        ("headers", fixed(&operation.headers)),
    ];
    for (word, text) in texts {
        if let Some(text) = text {
            let _ = writeln!(out, "  {word}: {text}");
        }
    }
    for parameter in &operation.parameters {
        let _ = writeln!(out, "  {}", parameter_line(parameter));
    }
    if let Some(body) = &operation.body {
        let _ = writeln!(
            out,
            "  body{}",
            if body.required { ", required" } else { "" }
        );
        for media in &body.media {
            let schema = media.schema.as_ref().map_or("-", |schema| schema.text());
            let _ = writeln!(out, "    {} {:?} {schema}", media.content_type, media.kind);
            for field in &media.encoding {
                let _ = writeln!(
                    out,
                    "      {}: {:?} {:?} explode={}",
                    field.name, field.content_type, field.style, field.explode
                );
            }
        }
    }
    if let Some(schema) = &operation.response.schema {
        let _ = writeln!(out, "  answers {}", schema.text());
    }
    match &operation.security {
        Security::Any => {}
        Security::None => out.push_str("  with no connection\n"),
        Security::OneOf(names) => {
            let _ = writeln!(out, "  with {names:?}");
        }
    }
}

fn fixed(pairs: &[(String, String)]) -> Option<String> {
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

fn parameter_line(parameter: &Parameter) -> String {
    let mut line = format!("{:?} {}", parameter.location, parameter.name);
    if parameter.name != parameter.wire_name {
        let _ = write!(line, " (`{}`)", parameter.wire_name);
    }
    for (word, is) in [
        ("required", parameter.required),
        ("deprecated", parameter.deprecated),
        ("explode", parameter.explode),
        ("reserved", parameter.allow_reserved),
    ] {
        if is {
            let _ = write!(line, " {word}");
        }
    }
    let _ = write!(line, " {:?} {}", parameter.style, parameter.schema);
    if let Some(content_type) = &parameter.content_type {
        let _ = write!(line, " as {content_type}");
    }
    if let Some(default) = &parameter.default {
        let _ = write!(line, " default={default}");
    }
    if let Some(description) = &parameter.description {
        let _ = write!(line, " // {description}");
    }
    line
}

fn show_connection(out: &mut String, connection: &ConnectionDefinition) {
    let fields: Vec<&str> = connection.fields.iter().map(|f| f.name.as_str()).collect();
    let _ = writeln!(
        out,
        "connection {} {} {} {fields:?}",
        connection.name,
        connection.mode.as_str(),
        connection.kind.as_str()
    );
    let value = |value: &MappedValue| match value {
        MappedValue::Literal(text) => text.clone(),
        MappedValue::Field { name, prefix } => format!("{prefix}<{name}>"),
    };
    for (name, mapped) in &connection.mapping.headers {
        let _ = writeln!(out, "  header {name}: {}", value(mapped));
    }
    for (name, mapped) in &connection.mapping.query {
        let _ = writeln!(out, "  query {name}={}", value(mapped));
    }
    if let Some((user, password)) = &connection.mapping.basic {
        let _ = writeln!(out, "  basic {}:{}", value(user), value(password));
    }
}
