//! Paths and their methods become operations.

use std::sync::Arc;

use gestalt_core::document::{ImportSettings, Severity};
use gestalt_core::operation::{Location, Operation, Parameter, Security};
use http::Method;
use serde_json::Value;
use url::Url;

use super::document::Node;
use super::findings::{Findings, Spot};
use super::names::{self, Taken};
use super::parameters::{self, Declared};
use super::schema::Schemas;
use super::security::Connections;
use super::servers::Servers;
use super::{bodies, hints, responses};
use crate::CompiledOperation;

/// Longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// Longest tag, in characters.
const LONGEST_TAG: usize = 100;
/// Most tags of an operation.
const MOST_TAGS: usize = 20;

/// A method's member of a path item, and whether it can be called.
const METHODS: &[(&str, Option<Method>)] = &[
    ("get", Some(Method::GET)),
    ("head", Some(Method::HEAD)),
    ("post", Some(Method::POST)),
    ("put", Some(Method::PUT)),
    ("patch", Some(Method::PATCH)),
    ("delete", Some(Method::DELETE)),
    ("options", None),
    ("trace", None),
];

/// Members of a path item that stand for all of its operations.
struct PathItem<'d> {
    path: String,
    /// Fixed pairs that stood in the path behind `?`.
    query: Vec<(String, String)>,
    parameters: Option<Node<'d>>,
    servers: Option<Node<'d>>,
}

/// Reads operations one by one.
pub(super) struct Reading<'a, 't> {
    pub(super) settings: &'a ImportSettings,
    pub(super) schemas: Schemas<'t>,
    pub(super) connections: Connections,
    pub(super) servers: Servers<'a>,
    /// What the document requires where an operation says nothing.
    pub(super) security: Option<(Value, Spot)>,
    pub(super) findings: Findings,
    pub(super) names: Taken,
    pub(super) operations: Vec<Arc<Operation>>,
}

/// Says whether a member of a path item is an operation, whether or not it is offered.
pub(super) fn is_method(member: &str) -> bool {
    METHODS.iter().any(|(word, _)| *word == member)
}

impl<'t> Reading<'_, 't> {
    /// Takes up what the document requires as a whole, so that its connections come first.
    pub(super) fn begin(&mut self) {
        let meant = self.security.as_ref().map(|(value, spot)| (value, spot));
        self.connections.security(meant, &mut self.findings);
    }

    /// Reads every operation of a path.
    pub(super) fn path(&mut self, path: &str, item: &Node<'t>) {
        if path.starts_with("x-") {
            return;
        }
        let spot = item.spot();
        self.findings.about(None);
        let item = match item.resolved() {
            Ok(item) => item,
            Err(why) => return self.findings.skipped(&spot, why),
        };
        if !path.starts_with('/') {
            let shown: String = path.chars().take(200).collect();
            return self
                .findings
                .skipped(&spot, format!("the path `{shown}` does not begin with `/`"));
        }
        let (path, query) = split(path);
        let shared = PathItem {
            path,
            query,
            parameters: item.get("parameters"),
            servers: item.get("servers"),
        };
        for (member, node) in item.members() {
            let Some((word, method)) = METHODS.iter().find(|(word, _)| *word == member) else {
                continue;
            };
            let label = format!("{} {}", word.to_ascii_uppercase(), shared.path);
            self.findings.about(Some(label));
            let spot = node.spot();
            match method {
                None => self.findings.skipped(&spot, "this method is not offered"),
                Some(method) => {
                    if let Err(why) = self.operation(method, &shared, &node) {
                        self.findings.skipped(&spot, why);
                    }
                }
            }
        }
        self.findings.about(None);
    }

    fn operation(
        &mut self,
        method: &Method,
        shared: &PathItem<'t>,
        node: &Node<'t>,
    ) -> Result<(), String> {
        if !node.is_object() {
            return Err("the operation is no object".to_owned());
        }
        let hints = hints::read(node, &self.schemas);
        if hints.disabled {
            return Err("the document's `x-speakeasy-mcp` disables it".to_owned());
        }
        let text = |key: &str| node.get(key).and_then(|node| node.text());
        let id = text("operationId");
        let base_url = match node.get("servers").or_else(|| shared.servers.clone()) {
            Some(servers) => self.servers.own(&servers.value())?,
            None => None,
        };
        let security = self.security_of(node);
        let (parameters, left) = self.parameters(shared, node, &security);
        let body = self.body(method, node, left);
        let limits = &self.settings.limits;
        let answers = responses::read(
            node.get("responses").as_ref(),
            limits.max_output_schema_bytes,
            &self.schemas,
            &mut self.findings,
        );
        let name = hints.name.as_deref().or(id.as_deref());
        let name = names::operation(name, method, &shared.path, &mut self.names)
            .ok_or("no name can be made for it")?;
        let summary = self.schemas.description(node, "summary");
        let description = hints
            .description
            .or_else(|| self.schemas.operation_text(node, "description"))
            .or_else(|| summary.clone());
        let read_only = matches!(*method, Method::GET | Method::HEAD);
        let repeats = read_only || matches!(*method, Method::PUT | Method::DELETE);
        let operation = Arc::new(Operation {
            source_name: id.unwrap_or_else(|| name.to_string()),
            name,
            title: hints
                .title
                .or(summary)
                .map(|title| shorten(&title, LONGEST_TITLE)),
            description,
            tags: tags(node),
            deprecated: node.get("deprecated").and_then(|flag| flag.flag()) == Some(true),
            read_only: hints.read_only.unwrap_or(read_only),
            destructive: hints
                .destructive
                .or((*method == Method::DELETE).then_some(true)),
            idempotent: hints.idempotent.or(repeats.then_some(true)),
            method: method.clone(),
            path: shared.path.clone(),
            base_url,
            parameters,
            headers: answers
                .accept
                .into_iter()
                .map(|value| ("Accept".to_owned(), value))
                .collect(),
            query: shared.query.clone(),
            body,
            response: answers.response,
            security,
            pagination: None,
            timeout: None,
        });
        self.check(&operation)?;
        if let Some(url) = &operation.base_url {
            self.servers.reach(url);
        }
        self.operations.push(operation);
        Ok(())
    }

    /// Says whether the operation could be called at all.
    fn check(&self, operation: &Arc<Operation>) -> Result<(), String> {
        let base = match self.servers.base() {
            Some(base) => base.clone(),
            None => Url::parse("https://localhost").map_err(|why| why.to_string())?,
        };
        CompiledOperation::check(operation, &base).map_err(|error| match error {
            crate::UpstreamError::Config { place, message } => {
                let prefix = format!("operations.{}.", operation.name);
                let place = place.strip_prefix(&prefix).unwrap_or(&place);
                format!("{place}: {message}")
            }
            other => other.to_string(),
        })
    }

    fn security_of(&mut self, node: &Node<'_>) -> Security {
        let own = node.get("security").map(|node| (node.value(), node.spot()));
        let meant = own.as_ref().or(self.security.as_ref());
        let meant = meant.map(|(value, spot)| (value, spot));
        self.connections.security(meant, &mut self.findings)
    }

    /// The operation's parameters, and how many bytes of schema they leave for the body.
    fn parameters(
        &mut self,
        shared: &PathItem<'t>,
        node: &Node<'t>,
        security: &Security,
    ) -> (Vec<Parameter>, usize) {
        let own = node.get("parameters");
        let declared =
            parameters::declared(shared.parameters.as_ref(), own.as_ref(), &mut self.findings);
        let whole = self.settings.limits.max_input_schema_bytes;
        let (mut left, mut taken) = (whole, Taken::default());
        let placeholders = placeholders(&shared.path);
        let mut list = Vec::with_capacity(declared.len());
        for parameter in &declared {
            if self.leaves_out(parameter, shared, &placeholders, security) {
                continue;
            }
            // Half of the room is the body's, however many parameters there are.
            let limit = left.saturating_sub(whole / 2).clamp(256, whole / 4);
            let read = parameters::read(
                parameter,
                limit,
                &mut taken,
                &self.schemas,
                &mut self.findings,
            );
            let size =
                read.schema.to_string().len() + read.description.as_ref().map_or(0, String::len);
            left = left.saturating_sub(size);
            list.push(read);
        }
        for name in placeholders {
            let known = |p: &Parameter| p.location == Location::Path && p.wire_name == name;
            if list.iter().any(known) {
                continue;
            }
            let message = format!("the path names `{name}`, which is not declared; it is a string");
            self.findings.changed(&node.spot(), message);
            list.push(parameters::undeclared(name, &mut taken));
        }
        (list, left)
    }

    /// Says whether a parameter is not for the caller to give, and tells why.
    fn leaves_out(
        &mut self,
        parameter: &Declared<'_>,
        shared: &PathItem<'_>,
        placeholders: &[&str],
        security: &Security,
    ) -> bool {
        let Declared { name, location, .. } = parameter;
        if *location == Location::Path && !placeholders.contains(&name.as_str()) {
            let message = format!("the path does not name `{name}`; the parameter is left out");
            self.findings.changed(&parameter.spot(), message);
            return true;
        }
        if *location == Location::Query && shared.query.iter().any(|(key, _)| key == name) {
            return true;
        }
        if self.connections.sends(security, *location, name) {
            let message = format!("`{name}` is sent by the connection; the parameter is left out");
            self.findings.note(&parameter.spot(), message);
            return true;
        }
        false
    }

    fn body(
        &mut self,
        method: &Method,
        node: &Node<'t>,
        limit: usize,
    ) -> Option<gestalt_core::operation::Body> {
        let body = node.get("requestBody")?;
        let spot = body.spot();
        let body = match body.resolved() {
            Ok(body) => body,
            Err(why) => {
                self.findings
                    .changed(&spot, format!("{why}; the body is left out"));
                return None;
            }
        };
        let required = body.get("required").and_then(|flag| flag.flag()) == Some(true);
        if matches!(*method, Method::GET | Method::HEAD) && !required {
            let message = format!("a body has no meaning in {method}; it is left out");
            self.findings.add(Severity::Changed, &spot, message);
            return None;
        }
        bodies::read(&body, limit, &self.schemas, &mut self.findings)
    }
}

/// A path without what stands behind `#` (which only tells operations apart) and `?` (which
/// becomes fixed pairs).
fn split(path: &str) -> (String, Vec<(String, String)>) {
    let path = path.split('#').next().unwrap_or_default();
    let Some((path, query)) = path.split_once('?') else {
        return (path.to_owned(), Vec::new());
    };
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let fixed = pairs.filter(|(_, value)| !value.contains('{'));
    (
        path.to_owned(),
        fixed
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect(),
    )
}

/// The names between braces.
fn placeholders(path: &str) -> Vec<&str> {
    let pieces = path.split('{').skip(1);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in pieces.filter_map(|piece| piece.split_once('}')) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn tags(node: &Node<'_>) -> Vec<String> {
    let tags = node.get("tags");
    let texts = tags
        .iter()
        .flat_map(Node::items)
        .filter_map(|tag| tag.text());
    texts
        .take(MOST_TAGS)
        .map(|tag| shorten(&tag, LONGEST_TAG))
        .collect()
}

fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}
