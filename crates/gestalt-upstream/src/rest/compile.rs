//! Plugins and operations, compiled.

use std::collections::HashMap;
use std::sync::Arc;

use gestalt_core::Schema;
use gestalt_core::host::EgressRules;
use gestalt_core::name::OperationName;
use gestalt_core::operation::{Location, MediaKind, Operation, Parameter};
use gestalt_core::plugin::Plugin;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use super::bodies::BodyPlan;
use super::input::{Input, Inputs};
use super::schema::{Shape, Source};
use super::surface::{FlatSchema, Offered};
use super::target::{Target, header_name};
use super::template::{Template, push_encoded};
use crate::egress::{Denied, Egress, Origin, Policy};
use crate::mcp::Server;
use crate::{Settings, Upstream, UpstreamError};

/// A plugin, ready to be called.
#[derive(Debug)]
pub struct CompiledPlugin {
    egress: Egress,
    operations: Vec<Arc<CompiledOperation>>,
    by_name: HashMap<OperationName, usize>,
    /// Headers of every request.
    headers: Arc<HeaderMap>,
    mcp: Option<Arc<Server>>,
}

impl CompiledPlugin {
    /// Compiles a plugin; takes over from `previous` what has not changed.
    pub(crate) fn new(
        upstream: &Upstream,
        plugin: &Plugin,
        previous: Option<&Self>,
    ) -> Result<Self, UpstreamError> {
        let (origin, rules) = reach(plugin)?;
        let policy = Policy::new(origin, rules);
        let (settings, ..) = upstream.parts();
        let headers = common_headers(&settings)?;
        let egress = upstream.pool(plugin, policy);
        let mcp = mcp(upstream, plugin, &egress, previous)?;
        let previous = previous.filter(|previous| *previous.headers == headers);
        let headers = match previous {
            Some(previous) => Arc::clone(&previous.headers),
            None => Arc::new(headers),
        };
        let mut bases: HashMap<&Url, Arc<Base>> = HashMap::new();
        let mut operations = Vec::with_capacity(plugin.operations.len());
        let mut by_name = HashMap::with_capacity(plugin.operations.len());
        for operation in &plugin.operations {
            keeps_identity(plugin, operation)?;
            let url = operation.base_url.as_ref().unwrap_or(&plugin.base_url);
            let base = if let Some(base) = bases.get(url) {
                base
            } else {
                let place = place_of(operation);
                bases.entry(url).or_insert(Base::new(url, &place)?)
            };
            let compiled = previous
                .and_then(|previous| previous.shared(operation.name.as_str()))
                .filter(|known| known.is(operation, url));
            let compiled = match compiled {
                Some(known) => Arc::clone(known),
                None => Arc::new(CompiledOperation::new(operation, base, &headers)?),
            };
            if by_name
                .insert(operation.name.clone(), operations.len())
                .is_some()
            {
                let place = place_of(operation);
                return Err(UpstreamError::config(place, "is defined twice"));
            }
            operations.push(compiled);
        }
        Ok(Self {
            egress,
            operations,
            by_name,
            headers,
            mcp,
        })
    }

    fn shared(&self, name: &str) -> Option<&Arc<CompiledOperation>> {
        self.operations.get(*self.by_name.get(name)?)
    }

    /// The operation of a name, as callers say it.
    pub fn operation(&self, name: &str) -> Option<&CompiledOperation> {
        self.shared(name).map(|operation| &**operation)
    }

    /// Every operation, in the definition's order.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = &CompiledOperation> {
        self.operations.iter().map(|operation| &**operation)
    }

    /// The MCP server behind it, if there is one.
    pub fn mcp(&self) -> Option<&Arc<Server>> {
        self.mcp.as_ref()
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

/// The MCP server behind a plugin: the previous one if nothing of it has changed, so that
/// what is known of it and its sessions survive.
fn mcp(
    upstream: &Upstream,
    plugin: &Plugin,
    egress: &Egress,
    previous: Option<&CompiledPlugin>,
) -> Result<Option<Arc<Server>>, UpstreamError> {
    let Some(definition) = &plugin.mcp else {
        return Ok(None);
    };
    let previous = previous.and_then(|previous| previous.mcp.as_ref());
    if let Some(known) = previous.filter(|known| known.is(definition, egress)) {
        return Ok(Some(Arc::clone(known)));
    }
    let server = Server::new(upstream, plugin, definition, egress.clone())?;
    Ok(Some(Arc::new(server)))
}

/// Refuses an operation that could say for itself who calls.
fn keeps_identity(plugin: &Plugin, operation: &Operation) -> Result<(), UpstreamError> {
    let taken = |place: &str, name: &str| {
        UpstreamError::config(
            format!("{}.{place}", place_of(operation)),
            format!("sets the header `{name}`, which says who calls: only the gateway does"),
        )
    };
    for (name, _) in &operation.headers {
        if plugin.reserves_header(name) {
            return Err(taken("headers", name));
        }
    }
    for parameter in &operation.parameters {
        let header = parameter.location == Location::Header;
        if header && plugin.reserves_header(&parameter.wire_name) {
            return Err(taken("parameters", &parameter.wire_name));
        }
    }
    Ok(())
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
    fn new(url: &Url, place: &str) -> Result<Arc<Self>, UpstreamError> {
        let wrong = |message: &str| Err(UpstreamError::config(format!("{place}.baseUrl"), message));
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("holds a query or fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds a user name or password; a credential belongs in a connection");
        }
        let uri = url.as_str().parse::<http::Uri>().ok();
        // Whether it may be reached is asked at the call, so that one operation that may not
        // does not keep the others from starting.
        let Some(uri) = uri.filter(|_| Origin::of_url(url).is_some()) else {
            return wrong("is no http or https URL");
        };
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Arc::new(Self {
                url: url.clone(),
                scheme,
                authority,
            })),
            _ => wrong("is no http or https URL"),
        }
    }
}

/// The headers of every request, whatever the operation.
fn common_headers(settings: &Settings) -> Result<HeaderMap, UpstreamError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, header_value(&settings.user_agent, "userAgent")?);
    Ok(headers)
}

fn header_value(text: &str, place: &str) -> Result<HeaderValue, UpstreamError> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| UpstreamError::config(place, "holds a value that no header can carry"))
}

fn place_of(operation: &Operation) -> String {
    format!("operations.{}", operation.name)
}

/// An operation, ready to be called.
pub struct CompiledOperation {
    definition: Arc<Operation>,
    pub(crate) base: Arc<Base>,
    pub(crate) template: Template,
    /// By index, as in the definition.
    pub(crate) targets: Vec<Target>,
    pub(crate) inputs: Inputs,
    pub(crate) body: Option<BodyPlan>,
    /// Headers of every request.
    pub(crate) headers: Arc<HeaderMap>,
    /// `a=b&c=d`, encoded.
    pub(crate) query: String,
    schema: Schema,
    body_types: Vec<String>,
}

impl CompiledOperation {
    /// Says whether an operation could be called at all, so that one that could not be is
    /// left out instead of keeping its plugin from loading.
    ///
    /// # Errors
    /// [`UpstreamError::Config`], with the place in the definition.
    pub fn check(operation: &Arc<Operation>, base_url: &Url) -> Result<(), UpstreamError> {
        let url = operation.base_url.as_ref().unwrap_or(base_url);
        let base = Base::new(url, &place_of(operation))?;
        Self::new(operation, &base, &Arc::default()).map(drop)
    }

    fn new(
        operation: &Arc<Operation>,
        base: &Arc<Base>,
        headers: &Arc<HeaderMap>,
    ) -> Result<Self, UpstreamError> {
        let place = &place_of(operation);
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
            let source = || Source::Parameter(Arc::clone(operation), index);
            let input = Input {
                name: parameter.name.clone(),
                shape: Shape::compile(&parameter.schema, source, &place)?,
                required,
                default,
            };
            if inputs.add(input) != Some(index) {
                return Err(UpstreamError::config(place, "is defined twice"));
            }
        }
        let template = template(operation, base, place)?;
        let body = match &operation.body {
            Some(body) => Some(BodyPlan::new(operation, body, &mut inputs, &mut flat)?),
            None => None,
        };
        Ok(Self {
            base: Arc::clone(base),
            template,
            targets,
            inputs,
            body,
            headers: fixed_headers(operation, headers, place)?,
            query: fixed_query(operation),
            schema: flat.finish(),
            body_types: body_types(operation),
            definition: Arc::clone(operation),
        })
    }

    /// Says whether it was compiled from this very definition for this base URL.
    fn is(&self, operation: &Arc<Operation>, url: &Url) -> bool {
        Arc::ptr_eq(&self.definition, operation) && self.base.url == *url
    }

    /// The definition it was compiled from.
    pub fn definition(&self) -> &Arc<Operation> {
        &self.definition
    }

    /// JSON Schema 2020-12 of all arguments as one flat object: the parameters, and the
    /// body's own fields where no name is shared, else the body under `body`. What is no text
    /// is given in base64 (`contentEncoding: base64`).
    pub fn input_schema(&self) -> &Schema {
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
    common: &Arc<HeaderMap>,
    place: &str,
) -> Result<Arc<HeaderMap>, UpstreamError> {
    if operation.headers.is_empty() {
        return Ok(Arc::clone(common));
    }
    let place = format!("{place}.headers");
    let mut headers = HeaderMap::clone(common);
    for (name, text) in &operation.headers {
        headers.insert(header_name(name, &place)?, header_value(text, &place)?);
    }
    Ok(Arc::new(headers))
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
        .filter(|media| !matches!(media.kind, MediaKind::Json | MediaKind::GraphQl(_)))
        .map(|media| media.content_type.clone())
        .collect()
}
