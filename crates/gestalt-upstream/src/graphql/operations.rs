//! Operations in the making: of documents, and of the root types' fields.

use std::sync::Arc;

use apollo_compiler::ast::{FieldDefinition, OperationType};
use apollo_compiler::executable::{Operation as Query, Selection};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name};
use gestalt_core::document::{GraphQlDocument, GraphQlSettings, ImportSettings, Imported};
use gestalt_core::operation::{
    Body, GraphQlOperation, Media, MediaKind, Operation, Response, Security,
};
use gestalt_core::schema::Schema as JsonSchema;
use http::Method;
use url::Url;

use super::error::GraphQlError;
use super::schema::{Read, first_fault, line, parser};
use super::selection::{Made, Selector};
use super::texts::{comment, text_of};
use super::{answers, inputs, kinds};
use crate::openapi::{Findings, LONGEST_OPERATION, Spot, Taken, bounded};
use crate::rest::CompiledOperation;

/// Operations that are made here and checked at once.
const BATCH: usize = 64;
/// Most arguments of a field, and words and signs of a document: what checks them takes time by
/// the square of their number.
const MOST_ARGUMENTS: usize = 500;
const MOST_TOKENS: usize = 50_000;
/// What a server is asked to answer in (GraphQL over HTTP, "Accept").
const ACCEPT: &str = "application/graphql-response+json, application/json;q=0.9";

/// What is read, and what has been made of it.
pub(super) struct Reading<'r> {
    read: &'r Read,
    settings: &'r ImportSettings,
    wanted: &'r GraphQlSettings,
    endpoint: Endpoint,
    findings: Findings,
    names: Taken,
    operations: Vec<Arc<Operation>>,
}

/// Where requests go.
struct Endpoint {
    /// Its origin.
    base_url: Option<Url>,
    path: String,
}

/// An operation as it comes from a document, or from here.
struct Source<'d> {
    document: &'d Valid<ExecutableDocument>,
    query: &'d Query,
    text: String,
    description: Option<String>,
    deprecated: Option<String>,
    spot: Spot,
}

impl<'r> Reading<'r> {
    pub(super) fn new(
        read: &'r Read,
        settings: &'r ImportSettings,
        wanted: &'r GraphQlSettings,
    ) -> Self {
        let mut findings = Findings::new(settings.limits.max_findings);
        read.tell(&mut findings);
        Self {
            read,
            settings,
            wanted,
            endpoint: Endpoint::of(settings.base_url.as_ref()),
            findings,
            names: Taken::default(),
            operations: Vec::new(),
        }
    }

    /// Takes over the named operations of a document.
    ///
    /// # Errors
    /// [`GraphQlError`], if it is too large or not valid for the schema.
    pub(super) fn document(&mut self, document: &GraphQlDocument) -> Result<(), GraphQlError> {
        let GraphQlDocument { name: file, text } = document;
        let limit = self.settings.limits.max_bytes;
        if text.len() > limit {
            return Err(GraphQlError::TooLarge {
                file: file.clone(),
                limit,
            });
        }
        let invalid = |line: u64, message: String| GraphQlError::Invalid {
            file: file.clone(),
            line,
            message,
        };
        let parsed = parser(&self.settings.limits)
            .token_limit(MOST_TOKENS)
            .parse_executable(&self.read.schema, text, file)
            .and_then(|document| document.validate(&self.read.schema));
        let parsed = parsed.map_err(|error| {
            let (line, message) = first_fault(&error.errors);
            invalid(line, message)
        })?;
        if parsed.operations.anonymous.is_some() {
            return Err(invalid(0, "an operation has no name".to_owned()));
        }
        for query in parsed.operations.named.values() {
            let at = query.location();
            let spot = Spot {
                file: file.clone(),
                line: line(at, &parsed.sources),
                place: String::new(),
            };
            let before = at.and_then(|at| text.get(..at.offset()));
            let description = comment(before.unwrap_or_default());
            self.add(&Source {
                document: &parsed,
                query,
                text: text_of(&parsed, query),
                description: description.or_else(|| self.described(query)),
                deprecated: None,
                spot,
            })?;
        }
        Ok(())
    }

    /// What the schema says of an operation of one root field.
    fn described(&self, query: &Query) -> Option<String> {
        let [Selection::Field(field)] = query.selection_set.selections.as_slice() else {
            return None;
        };
        let text = field.definition.description.as_deref();
        bounded(text?, self.settings.limits.max_description_chars)
    }

    /// Makes an operation of each field of the root types for queries and mutations.
    ///
    /// # Errors
    /// [`GraphQlError::TooManyOperations`].
    pub(super) fn root_fields(&mut self) -> Result<(), GraphQlError> {
        let read = self.read;
        let schema = &*read.schema;
        let selector = Selector::new(schema, self.wanted.max_depth, self.wanted.max_fields);
        if let Some(root) = &schema.schema_definition.subscription {
            let spot = read.spot(None, format!("/{root}"));
            let message = "subscriptions are answers without an end; none is imported";
            self.findings.note(&spot, message);
        }
        for kind in [OperationType::Query, OperationType::Mutation] {
            let root = schema.root_operation(kind);
            let Some(ExtendedType::Object(root)) = root.and_then(|name| schema.types.get(name))
            else {
                continue;
            };
            self.within_limit(root.fields.len())?;
            let fields: Vec<&Component<FieldDefinition>> = root
                .fields
                .values()
                .filter(|field| self.takes(&root.name, kind, field))
                .collect();
            for batch in fields.chunks(BATCH) {
                self.batch(&selector, &root.name, kind, batch)?;
            }
        }
        Ok(())
    }

    /// Says whether a field has few enough arguments, and tells where not.
    fn takes(
        &mut self,
        root: &Name,
        kind: OperationType,
        field: &Component<FieldDefinition>,
    ) -> bool {
        let few = field.arguments.len() <= MOST_ARGUMENTS;
        if !few {
            let place = format!("/{root}/{}", field.name);
            let spot = self.read.spot(field.location(), place);
            self.findings.about(Some(format!("{kind} {}", field.name)));
            let message = format!("it has more than {MOST_ARGUMENTS} arguments");
            self.findings.skipped(&spot, message);
        }
        few
    }

    fn batch(
        &mut self,
        selector: &Selector<'r>,
        root: &Name,
        kind: OperationType,
        fields: &[&'r Component<FieldDefinition>],
    ) -> Result<(), GraphQlError> {
        let made: Vec<Made> = fields
            .iter()
            .map(|field| selector.operation(kind, field))
            .collect();
        let texts: Vec<&str> = made.iter().map(|made| made.text.as_str()).collect();
        let whole = self.checked(&texts.join("\n")).ok();
        for (field, made) in fields.iter().zip(&made) {
            let place = format!("/{root}/{}", field.name);
            let spot = self.read.spot(field.location(), place);
            let alone;
            let document = match &whole {
                Some(document) => document,
                None => match self.checked(&made.text) {
                    Ok(document) => {
                        alone = document;
                        &alone
                    }
                    Err(why) => {
                        self.findings.about(Some(format!("{kind} {}", field.name)));
                        self.findings.skipped(&spot, why);
                        continue;
                    }
                },
            };
            let Some(query) = document.operations.named.get(&field.name) else {
                continue;
            };
            self.tell(made, kind, field, &spot);
            let limit = self.settings.limits.max_description_chars;
            let text = field.description.as_deref();
            self.add(&Source {
                document,
                query,
                text: made.text.clone(),
                description: text.and_then(|text| bounded(text, limit)),
                deprecated: kinds::deprecation(&field.directives),
                spot,
            })?;
        }
        Ok(())
    }

    fn checked(&self, text: &str) -> Result<Valid<ExecutableDocument>, String> {
        let parsed = parser(&self.settings.limits)
            .parse_executable(&self.read.schema, text, "")
            .and_then(|document| document.validate(&self.read.schema));
        parsed.map_err(|error| first_fault(&error.errors).1)
    }

    /// Tells what of the fields below is not asked for.
    fn tell(&mut self, made: &Made, kind: OperationType, field: &FieldDefinition, spot: &Spot) {
        self.findings.about(Some(format!("{kind} {}", field.name)));
        if let Some(many) = &made.many {
            let message = format!(
                "`{many}` is one of many types: asked for is what they share; a document can ask for more"
            );
            self.findings.note(spot, message);
        }
        if made.full {
            let most = self.wanted.max_fields;
            let message =
                format!("asked for are the first {most} fields of its answer (`maxFields`)");
            self.findings.note(spot, message);
        }
    }

    fn within_limit(&self, more: usize) -> Result<(), GraphQlError> {
        let limit = self.settings.limits.max_operations;
        if self.operations.len().saturating_add(more) > limit {
            return Err(GraphQlError::TooManyOperations { limit });
        }
        Ok(())
    }

    /// Adds an operation, or tells why it is not there.
    fn add(&mut self, source: &Source<'_>) -> Result<(), GraphQlError> {
        let Some(called) = source.query.name.clone() else {
            return Ok(());
        };
        self.within_limit(1)?;
        let kind = source.query.operation_type;
        self.findings.about(Some(format!("{kind} {called}")));
        if source.query.is_subscription() {
            let message = "a subscription has answers without an end";
            self.findings.skipped(&source.spot, message);
            return Ok(());
        }
        let made = self.operation(source, &called);
        let made = made.and_then(|operation| {
            let operation = Arc::new(operation);
            let base = operation.base_url.clone();
            // Where nobody has said yet where it is, the host plays no part.
            let base = base.or_else(|| Url::parse("https://localhost").ok());
            let base = base.ok_or("has no endpoint")?;
            CompiledOperation::check(&operation, &base).map_err(|error| error.to_string())?;
            Ok(operation)
        });
        match made {
            Ok(operation) => self.operations.push(operation),
            Err(why) => self.findings.skipped(&source.spot, why),
        }
        Ok(())
    }

    fn operation(&mut self, source: &Source<'_>, called: &Name) -> Result<Operation, String> {
        let limits = &self.settings.limits;
        let (schema, query) = (&*self.read.schema, source.query);
        let variables = inputs::variables(schema, source.document, query, limits)
            .ok_or("its variables take more than the limit of a schema")?;
        if let Some(rule) = &variables.rule {
            let message = format!("the schema of its variables is larger than the limit: {rule}");
            self.findings.changed(&source.spot, message);
        }
        let answer = answers::schema(schema, source.document, query, limits);
        let name = called.trim_start_matches('_');
        let name = if name.is_empty() { "operation" } else { name };
        let name = self.names.take(name, LONGEST_OPERATION);
        let description = match (&source.description, &source.deprecated) {
            (Some(text), Some(why)) => Some(format!("{text} Deprecated: {why}")),
            (None, Some(why)) => Some(format!("Deprecated: {why}")),
            (text, None) => text.clone(),
        };
        let reads = query.is_query();
        Ok(Operation {
            name: name
                .parse()
                .map_err(|_| "its name is none for an operation")?,
            source_name: name,
            title: None,
            description,
            tags: vec![query.operation_type.to_string()],
            deprecated: source.deprecated.is_some(),
            read_only: reads,
            destructive: reads.then_some(false),
            idempotent: reads.then_some(true),
            method: Method::POST,
            path: self.endpoint.path.clone(),
            base_url: self.endpoint.base_url.clone(),
            parameters: Vec::new(),
            headers: vec![("Accept".to_owned(), ACCEPT.to_owned())],
            query: Vec::new(),
            body: Some(Body {
                required: true,
                description: None,
                media: vec![Media {
                    content_type: "application/json".to_owned(),
                    kind: MediaKind::GraphQl(Arc::new(GraphQlOperation {
                        query: source.text.clone(),
                        name: called.to_string(),
                    })),
                    schema: Some(JsonSchema::from(&variables.schema)),
                    encoding: Vec::new(),
                }],
            }),
            response: Response {
                schema: Some(JsonSchema::from(&answer)),
                ..Response::default()
            },
            security: Security::Any,
            pagination: None,
            timeout: None,
        })
    }

    pub(super) fn finish(self) -> Imported {
        let described = &self.read.schema.schema_definition.description;
        let limit = self.settings.limits.max_description_chars;
        let (findings, more_findings) = self.findings.finish();
        Imported {
            description: described.as_deref().and_then(|text| bounded(text, limit)),
            specification: "GraphQL".to_owned(),
            base_url: self.endpoint.base_url,
            operations: self.operations,
            findings,
            more_findings,
            ..Imported::default()
        }
    }
}

impl Endpoint {
    /// Splits an endpoint into its origin and its path.
    fn of(url: Option<&Url>) -> Self {
        let Some(url) = url else {
            return Self {
                base_url: None,
                path: "/".to_owned(),
            };
        };
        let mut base_url = url.clone();
        base_url.set_path("");
        Self {
            path: url.path().to_owned(),
            base_url: Some(base_url),
        }
    }
}
