//! Plugins and operations, compiled.

use std::collections::HashMap;

use gestalt_core::host::EgressRules;
use gestalt_core::operation::{Location, MediaKind, Operation, Parameter, Style};
use gestalt_core::plugin::Plugin;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::bodies::BodyPlan;
use super::input::{Input, Inputs};
use super::schema::Shape;
use super::surface::{FlatSchema, Offered};
use super::template::{Template, push_encoded};
use crate::egress::{Denied, Egress, Origin, Policy};
use crate::{Settings, UpstreamError};

/// Headers that belong to the connection, the body or the credential: no parameter and no
/// fixed header of an operation may be one.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A plugin, ready to be called.
#[derive(Debug)]
pub struct CompiledPlugin {
    egress: Egress,
    operations: Vec<CompiledOperation>,
    by_name: HashMap<String, usize>,
}

impl CompiledPlugin {
    pub(crate) fn new(
        plugin: &Plugin,
        settings: &Settings,
        pool: impl FnOnce(Policy) -> Egress,
    ) -> Result<Self, UpstreamError> {
        let (origin, rules) = reach(plugin)?;
        let policy = Policy::new(origin, rules);
        let mut operations = Vec::with_capacity(plugin.operations.len());
        let mut by_name = HashMap::with_capacity(plugin.operations.len());
        for operation in &plugin.operations {
            let place = format!("operations.{}", operation.name);
            let base = operation.base_url.as_ref().unwrap_or(&plugin.base_url);
            let base = Base::new(base, &policy, &place)?;
            let compiled = CompiledOperation::new(operation, base, settings, &place)?;
            let name = operation.name.as_str().to_owned();
            if by_name.insert(name, operations.len()).is_some() {
                return Err(UpstreamError::config(place, "is defined twice"));
            }
            operations.push(compiled);
        }
        Ok(Self {
            egress: pool(policy),
            operations,
            by_name,
        })
    }

    /// The operation of a name, as callers say it.
    pub fn operation(&self, name: &str) -> Option<&CompiledOperation> {
        self.operations.get(*self.by_name.get(name)?)
    }

    /// Every operation, in the definition's order.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = &CompiledOperation> {
        self.operations.iter()
    }

    /// What the plugin may reach, to explain a decision without making a call.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Says whether an operation's host may be reached, as far as its name tells.
    ///
    /// # Errors
    /// [`Denied`], with the rule that says no.
    pub fn check(&self, operation: &CompiledOperation) -> Result<(), Denied> {
        self.egress.check(&operation.base.url)
    }
}

/// The origin of a plugin's base URL and what it may reach besides.
fn reach(plugin: &Plugin) -> Result<(Origin, EgressRules), UpstreamError> {
    let origin = Origin::of_url(&plugin.base_url);
    let origin =
        origin.ok_or_else(|| UpstreamError::config("baseUrl", "is no http or https URL"))?;
    Ok((origin, plugin.egress.clone()))
}

/// The base URL of an operation.
#[derive(Debug)]
pub(crate) struct Base {
    url: Url,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

impl Base {
    fn new(url: &Url, policy: &Policy, place: &str) -> Result<Self, UpstreamError> {
        let wrong = |message: &str| Err(UpstreamError::config(format!("{place}.baseUrl"), message));
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("holds a query or fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds a user name or password; a credential belongs in a connection");
        }
        let Ok(uri) = url.as_str().parse::<http::Uri>() else {
            return wrong("is no URL that HTTP can carry");
        };
        // An address that is not public is refused at the call, so that one such plugin does
        // not keep the others from starting; a host that nobody allowed is a mistake here.
        if let Err(denied) = policy.check_host(&uri) {
            return wrong(&denied.to_string());
        }
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Self {
                url: url.clone(),
                scheme,
                authority,
            }),
            _ => wrong("is no http or https URL"),
        }
    }
}

/// A parameter outside the body, compiled.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) location: Location,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) allow_reserved: bool,
    /// Sent as JSON text instead of by style.
    pub(crate) json: bool,
    /// The upstream's name, as it is.
    pub(crate) wire: String,
    /// The upstream's name, percent-encoded.
    pub(crate) key: String,
    /// For headers.
    pub(crate) header: Option<HeaderName>,
}

impl Target {
    fn new(parameter: &Parameter, place: &str) -> Result<Self, UpstreamError> {
        let mut key = String::new();
        push_encoded(&mut key, &parameter.wire_name);
        let header = match parameter.location {
            Location::Header => Some(header_name(&parameter.wire_name, place)?),
            _ => None,
        };
        let json = parameter.content_type.as_deref();
        Ok(Self {
            location: parameter.location,
            style: parameter.style,
            explode: parameter.explode,
            allow_reserved: parameter.allow_reserved,
            json: json.is_some_and(is_json_type),
            wire: parameter.wire_name.clone(),
            key,
            header,
        })
    }
}

impl Target {
    /// Says whether a query name is this parameter's: by itself, or as a key below it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name.strip_prefix(&self.wire)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    }
}

/// Says whether a content type is JSON.
pub(crate) fn is_json_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

fn header_name(name: &str, place: &str) -> Result<HeaderName, UpstreamError> {
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&lower.as_str()) {
        return Err(UpstreamError::config(
            place,
            format!(
                "the header `{name}` is the gateway's own; a credential belongs in a connection"
            ),
        ));
    }
    HeaderName::from_bytes(lower.as_bytes())
        .map_err(|_| UpstreamError::config(place, format!("`{name}` is no header name")))
}

/// An operation, ready to be called.
pub struct CompiledOperation {
    definition: Operation,
    pub(crate) base: Base,
    pub(crate) template: Template,
    /// By index, as in the definition.
    pub(crate) targets: Vec<Target>,
    pub(crate) inputs: Inputs,
    pub(crate) body: Option<BodyPlan>,
    /// Headers of every request.
    pub(crate) headers: HeaderMap,
    /// `a=b&c=d`, encoded.
    pub(crate) query: String,
    schema: Value,
    body_types: Vec<String>,
}

impl CompiledOperation {
    fn new(
        operation: &Operation,
        base: Base,
        settings: &Settings,
        place: &str,
    ) -> Result<Self, UpstreamError> {
        let mut targets = Vec::with_capacity(operation.parameters.len());
        let mut inputs = Inputs::default();
        let mut flat = FlatSchema::default();
        for (index, parameter) in operation.parameters.iter().enumerate() {
            let place = format!("{place}.parameters.{}", parameter.name);
            targets.push(Target::new(parameter, &place)?);
            let required = parameter.required || parameter.location == Location::Path;
            let default = parameter.default.as_ref().map(Value::to_string);
            flat.add(&Offered {
                name: &parameter.name,
                schema: &parameter.schema,
                description: parameter.description.as_deref(),
                required: required && default.is_none(),
            });
            let input = Input {
                name: parameter.name.clone(),
                shape: Shape::compile(&parameter.schema, &place)?,
                required,
                default,
            };
            if inputs.add(input) != Some(index) {
                return Err(UpstreamError::config(place, "is defined twice"));
            }
        }
        let template = template(operation, &base, place)?;
        let body = operation.body.as_ref();
        let body = body.map(|body| BodyPlan::new(body, &mut inputs, &mut flat, place));
        Ok(Self {
            base,
            template,
            targets,
            inputs,
            body: body.transpose()?,
            headers: fixed_headers(operation, settings, place)?,
            query: fixed_query(operation),
            schema: flat.finish(),
            body_types: body_types(operation),
            definition: operation.clone(),
        })
    }

    /// The definition it was compiled from.
    pub fn definition(&self) -> &Operation {
        &self.definition
    }

    /// JSON Schema 2020-12 of all arguments as one flat object: the parameters, and the
    /// body's own fields where no name is shared, else the body under `body`.
    pub fn input_schema(&self) -> &Value {
        &self.schema
    }

    /// Content types that a body may have besides JSON arguments; empty if there are none.
    pub fn body_types(&self) -> &[String] {
        &self.body_types
    }
}

impl std::fmt::Debug for CompiledOperation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CompiledOperation")
            .field(&self.definition.name)
            .finish()
    }
}

fn template(operation: &Operation, base: &Base, place: &str) -> Result<Template, UpstreamError> {
    let in_path = |parameter: &Parameter| parameter.location == Location::Path;
    let find = |name: &str| {
        let mut list = operation.parameters.iter();
        list.position(|parameter| in_path(parameter) && parameter.wire_name == name)
    };
    let place = format!("{place}.path");
    let template = Template::compile(base.url.path(), &operation.path, find, &place)?;
    let unused = operation
        .parameters
        .iter()
        .enumerate()
        .find(|(index, p)| in_path(p) && !template.parameters().any(|used| used == *index));
    match unused {
        Some((_, parameter)) => Err(UpstreamError::config(
            place,
            format!("does not name the path parameter `{}`", parameter.wire_name),
        )),
        None => Ok(template),
    }
}

fn fixed_headers(
    operation: &Operation,
    settings: &Settings,
    place: &str,
) -> Result<HeaderMap, UpstreamError> {
    let place = format!("{place}.headers");
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let value = |text: &str| {
        HeaderValue::from_bytes(text.as_bytes())
            .map_err(|_| UpstreamError::config(&place, "holds a value that no header can carry"))
    };
    headers.insert(USER_AGENT, value(&settings.user_agent)?);
    for (name, text) in &operation.headers {
        headers.insert(header_name(name, &place)?, value(text)?);
    }
    Ok(headers)
}

fn fixed_query(operation: &Operation) -> String {
    let mut query = String::new();
    for (name, value) in &operation.query {
        query.push_str(if query.is_empty() { "" } else { "&" });
        push_encoded(&mut query, name);
        query.push('=');
        push_encoded(&mut query, value);
    }
    query
}

fn body_types(operation: &Operation) -> Vec<String> {
    let media = operation.body.iter().flat_map(|body| &body.media);
    media
        .filter(|media| media.kind != MediaKind::Json)
        .map(|media| media.content_type.clone())
        .collect()
}
