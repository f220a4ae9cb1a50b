//! Reading a schema, within limits.

use apollo_compiler::ast::{Definition, DirectiveList, Document};
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::parser::{Parser, SourceMap, SourceSpan};
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid};
use apollo_compiler::{Node, Schema};
use gestalt_core::document::{DocumentText, ImportLimits};

use super::error::GraphQlError;
use super::introspection;
use crate::openapi::{Findings, Spot};

/// Largest schema, in bytes, whatever the limit for documents is: its tree takes twenty times
/// as much.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Most words and signs of a schema or document.
const MOST_TOKENS: usize = 3_000_000;
/// Directives that say something to a caller. What others a schema has applied to its parts
/// is for its own server, which often does not define them.
const TOLD: [&str; 3] = ["deprecated", "specifiedBy", "oneOf"];
/// Longest message of a fault, in characters.
const LONGEST_FAULT: usize = 300;

/// A schema that was read.
pub(super) struct Read {
    pub(super) schema: Valid<Schema>,
    /// Its file.
    file: String,
    /// Whether places in it are places in the file.
    placed: bool,
    /// What of it was left out, with its line: what stands twice, above all.
    faults: Vec<(u64, String)>,
}

/// Reads a schema in either form.
///
/// # Errors
/// [`GraphQlError`], if it is too large or not valid.
pub(super) fn read(text: &DocumentText, limits: &ImportLimits) -> Result<Read, GraphQlError> {
    let file = text.name.clone();
    let limit = limits.max_bytes.min(MOST_BYTES);
    if text.text.len() > limit {
        return Err(GraphQlError::TooLarge { file, limit });
    }
    let invalid = |line: u64, message: String| GraphQlError::Invalid {
        file: file.clone(),
        line,
        message,
    };
    let plain = std::str::from_utf8(&text.text)
        .map_err(|_| invalid(0, "is no text in UTF-8".to_owned()))?;
    let plain = plain.strip_prefix('\u{feff}').unwrap_or(plain);
    // No schema begins so, and the answer to an introspection does.
    let introspected = plain.trim_start().starts_with('{');
    let language = if introspected {
        let read = introspection::to_language(plain.as_bytes());
        read.map_err(|message| invalid(0, message))?
    } else {
        plain.to_owned()
    };
    let ast = parser(limits).parse_ast(language, &file);
    let fault = |errors: &DiagnosticList| {
        let (line, message) = first_fault(errors);
        invalid(if introspected { 0 } else { line }, message)
    };
    let mut ast = ast.map_err(|error| fault(&error.errors))?;
    strip(&mut ast);
    define_one_of(&mut ast);
    // Large schemas have parts that stand twice. The first stays, and what is left must be
    // valid.
    let mut faults = Vec::new();
    let schema = ast.to_schema().unwrap_or_else(|error| {
        faults = error.errors.iter().map(|one| told(&one)).collect();
        error.partial
    });
    let schema = schema.validate().map_err(|error| fault(&error.errors))?;
    Ok(Read {
        schema,
        file,
        placed: !introspected,
        faults,
    })
}

/// A parser that gives up in time.
pub(super) fn parser(limits: &ImportLimits) -> Parser {
    Parser::new()
        .recursion_limit(limits.max_depth)
        .token_limit(MOST_TOKENS)
}

/// The first thing that is wrong, and its line.
pub(super) fn first_fault(errors: &DiagnosticList) -> (u64, String) {
    let Some(first) = errors.iter().next() else {
        return (0, "is not valid".to_owned());
    };
    let (line, message) = told(&first);
    match errors.len() - 1 {
        0 => (line, message),
        more => (line, format!("{message} (and {more} more)")),
    }
}

fn told(fault: &Diagnostic<'_, DiagnosticData>) -> (u64, String) {
    let range = fault.line_column_range();
    let text = fault.error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let message = words.join(" ").chars().take(LONGEST_FAULT).collect();
    (range.map_or(0, |range| range.start.line as u64), message)
}

impl Read {
    /// A place in the schema, for findings.
    pub(super) fn spot(&self, span: Option<SourceSpan>, place: String) -> Spot {
        self.spot_at(line(span, &self.schema.sources), place)
    }

    fn spot_at(&self, line: u64, place: String) -> Spot {
        Spot {
            file: self.file.clone(),
            line: if self.placed { line } else { 0 },
            place,
        }
    }

    /// Tells what was left out.
    pub(super) fn tell(&self, findings: &mut Findings) {
        for (line, message) in &self.faults {
            let spot = self.spot_at(*line, String::new());
            findings.changed(&spot, format!("{message}; it is left out"));
        }
    }
}

/// The line of a place; 0 where there is none.
pub(super) fn line(span: Option<SourceSpan>, sources: &SourceMap) -> u64 {
    let range = span.and_then(|span| span.line_column_range(sources));
    range.map_or(0, |range| range.start.line as u64)
}

/// Defines `@oneOf` where a schema only uses it, as newer servers may.
fn define_one_of(ast: &mut Document) {
    let known = ast.definitions.iter().any(|definition| {
        let directive = definition.as_directive_definition();
        directive.is_some_and(|directive| directive.name == "oneOf")
    });
    if !known && let Ok(own) = Document::parse("directive @oneOf on INPUT_OBJECT", "") {
        ast.definitions.extend(own.definitions);
    }
}

/// Takes off the directives that are not for callers.
fn strip(ast: &mut Document) {
    for definition in &mut ast.definitions {
        strip_definition(definition);
    }
}

fn strip_definition(definition: &mut Definition) {
    macro_rules! fields {
        ($node:expr) => {{
            let one = $node.make_mut();
            keep(&mut one.directives);
            for field in &mut one.fields {
                let field = field.make_mut();
                keep(&mut field.directives);
                for argument in &mut field.arguments {
                    keep(&mut argument.make_mut().directives);
                }
            }
        }};
    }
    macro_rules! members {
        ($node:expr, $members:ident) => {{
            let one = $node.make_mut();
            keep(&mut one.directives);
            for member in &mut one.$members {
                keep(&mut member.make_mut().directives);
            }
        }};
    }
    match definition {
        Definition::ObjectTypeDefinition(node) => fields!(node),
        Definition::ObjectTypeExtension(node) => fields!(node),
        Definition::InterfaceTypeDefinition(node) => fields!(node),
        Definition::InterfaceTypeExtension(node) => fields!(node),
        Definition::InputObjectTypeDefinition(node) => members!(node, fields),
        Definition::InputObjectTypeExtension(node) => members!(node, fields),
        Definition::EnumTypeDefinition(node) => members!(node, values),
        Definition::EnumTypeExtension(node) => members!(node, values),
        Definition::ScalarTypeDefinition(node) => keep(&mut node.make_mut().directives),
        Definition::ScalarTypeExtension(node) => keep(&mut node.make_mut().directives),
        Definition::UnionTypeDefinition(node) => keep(&mut node.make_mut().directives),
        Definition::UnionTypeExtension(node) => keep(&mut node.make_mut().directives),
        Definition::SchemaDefinition(node) => keep(&mut node.make_mut().directives),
        Definition::SchemaExtension(node) => keep(&mut node.make_mut().directives),
        Definition::DirectiveDefinition(node) => {
            for argument in &mut node.make_mut().arguments {
                keep(&mut argument.make_mut().directives);
            }
        }
        Definition::OperationDefinition(_) | Definition::FragmentDefinition(_) => {}
    }
}

fn keep(directives: &mut DirectiveList) {
    directives
        .0
        .retain(|directive: &Node<_>| TOLD.contains(&directive.name.as_str()));
}
