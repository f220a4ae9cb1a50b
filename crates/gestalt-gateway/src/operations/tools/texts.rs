//! What a tool says of itself.

use std::fmt::Write as _;
use std::sync::Arc;

use gestalt_core::Schema;
use gestalt_core::operation::Operation;
use http::Method;
use serde_json::Value;

use super::output::relaxed;
use super::table::Row;
use crate::catalogue::PluginEntry;
use crate::mcp::offered::{OfferedTool, members};

/// The member that asks for more of an earlier result. Every tool has it: any result can be
/// larger than what is given at once.
const CONTINUATION: &str = r#""_continuation":{"type":"string","description":"From an earlier result of this tool: asks for its next page or the rest of it. Give the other arguments again."}"#;

/// An operation as agents see it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name where it is listed: 1 to 64 characters.
    pub name: Arc<str>,
    /// Its plugin.
    pub plugin: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// A short title for people.
    pub title: Option<Arc<str>>,
    /// What it does; never empty.
    pub description: Arc<str>,
    /// JSON Schema 2020-12 of its arguments, as JSON text; an object's.
    pub input_schema: Arc<str>,
    /// JSON Schema 2020-12 of its structured results, as JSON text; an object's. It tells
    /// what is to be expected and asserts little, since upstreams do not keep to theirs.
    pub output_schema: Option<Arc<str>>,
    /// Hints on what it does.
    pub annotations: ToolAnnotations,
    /// All that an MCP server says of it, as it says it, under `name`: JSON text. It is what a
    /// list shows where it is there.
    pub json: Option<Arc<str>>,
    /// Over all of the above.
    pub(super) digest: [u8; 32],
}

/// Hints on what a tool does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToolAnnotations {
    /// It changes nothing at the upstream.
    pub read_only: bool,
    /// It may destroy something; `None` where nobody says.
    pub destructive: Option<bool>,
    /// Repeating it changes nothing more; `None` where nobody says.
    pub idempotent: Option<bool>,
}

impl Tool {
    pub(super) fn new(row: &Row, own: bool, input_schema: Arc<str>) -> Self {
        let texts = row.texts();
        let name = Arc::clone(row.name(own));
        let annotations = texts.annotations;
        let hint = |hint: Option<bool>| hint.map_or(b'-', |yes| b'0' + u8::from(yes));
        let hints = [
            hint(Some(annotations.read_only)),
            hint(annotations.destructive),
            hint(annotations.idempotent),
        ];
        let parts: [&[u8]; 7] = [
            name.as_bytes(),
            row.plugin().name.as_bytes(),
            row.operation().as_bytes(),
            texts.description.as_bytes(),
            input_schema.as_bytes(),
            &hints,
            texts.title.as_deref().unwrap_or_default().as_bytes(),
        ];
        let output = texts.output.as_deref().unwrap_or_default();
        let lengths: Vec<u8> = parts
            .iter()
            .flat_map(|part| (part.len() as u64).to_be_bytes())
            .collect();
        let mut hashed = vec![&*lengths];
        hashed.extend(parts);
        hashed.push(output.as_bytes());
        Self {
            digest: gestalt_vault::sha256(&hashed),
            name,
            plugin: Arc::clone(&row.plugin().name),
            operation: Arc::clone(row.operation()),
            title: texts.title.clone(),
            description: Arc::clone(&texts.description),
            input_schema,
            output_schema: texts.output.clone(),
            annotations,
            json: None,
        }
    }

    /// A tool of an MCP server, with more members in its input schema.
    pub(super) fn live(
        plugin: &PluginEntry,
        tool: &OfferedTool,
        name: &Arc<str>,
        members: &str,
    ) -> Self {
        let json = tool.json(name, members);
        Self {
            digest: gestalt_vault::sha256(&[plugin.name.as_bytes(), b"/", json.as_bytes()]),
            name: Arc::clone(name),
            plugin: Arc::clone(&plugin.name),
            operation: Arc::clone(&tool.name),
            title: tool.title.clone(),
            description: Arc::clone(&tool.description),
            input_schema: Arc::clone(&tool.input_schema),
            output_schema: tool.output_schema.clone(),
            annotations: ToolAnnotations {
                read_only: tool.read_only,
                destructive: tool.destructive,
                idempotent: tool.idempotent,
            },
            json: Some(json.into()),
        }
    }
}

/// What all callers see of an operation.
#[derive(Debug)]
pub(crate) struct Texts {
    title: Option<Arc<str>>,
    description: Arc<str>,
    pub(super) input: InputSchema,
    pub(super) output: Option<Arc<str>>,
    annotations: ToolAnnotations,
}

impl Texts {
    /// A short title; empty if there is none.
    pub(super) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_default()
    }

    pub(super) fn new(plugin: &PluginEntry, definition: &Operation) -> Self {
        let compiled = plugin.compiled.operation(definition.name.as_str());
        let schema = compiled.map(gestalt_upstream::CompiledOperation::input_schema);
        let output = definition.response.schema.as_ref();
        Self {
            title: definition.title.as_deref().map(Arc::from),
            description: describe(definition).into(),
            input: InputSchema::new(schema.map_or("{}", Schema::text)),
            output: output.and_then(|schema| relaxed(schema.value()).map(Arc::from)),
            annotations: annotate(definition),
        }
    }
}

fn describe(definition: &Operation) -> String {
    let mut text = String::new();
    if definition.deprecated {
        text.push_str("Deprecated: the upstream advises against it. ");
    }
    let said = [&definition.description, &definition.title];
    match said
        .into_iter()
        .flatten()
        .find(|said| !said.trim().is_empty())
    {
        Some(said) => text.push_str(said),
        None => {
            let _infallible = write!(text, "{} {}", definition.method, definition.path);
        }
    }
    text
}

/// What nobody says is read off the method, as far as RFC 9110 §9.2 tells.
fn annotate(definition: &Operation) -> ToolAnnotations {
    let method = &definition.method;
    let of_method = |is: bool| is.then_some(true);
    let read_only = definition.read_only;
    let destructive = if read_only {
        Some(false)
    } else {
        of_method(*method == Method::DELETE)
    };
    ToolAnnotations {
        read_only,
        destructive: definition.destructive.or(destructive),
        idempotent: definition
            .idempotent
            .or_else(|| of_method(read_only || method.is_idempotent())),
    }
}

/// The input schema as text, with the places where members are added for one caller.
#[derive(Debug)]
pub(crate) struct InputSchema {
    text: Arc<str>,
    /// Before the `}` of `properties`, which are never empty.
    properties_end: usize,
    /// Before the `]` of `required`; before the last `}` where it is not there.
    required_end: usize,
    has_required: bool,
}

impl InputSchema {
    /// Takes the schema of an operation's arguments and adds the member that asks for more.
    fn new(schema: &str) -> Self {
        let members = members(schema).unwrap_or_default();
        let mut text = String::from("{\"type\":\"object\",\"properties\":{");
        let (mut required, mut rest) = (None, String::new());
        for (name, value) in members {
            match &*name {
                "type" => {}
                "properties" => push_inner(&mut text, value.get()),
                "required" => required = Some(value.get()),
                _ => {
                    rest.push(',');
                    rest.push_str(&Value::from(&*name).to_string());
                    rest.push(':');
                    rest.push_str(value.get());
                }
            }
        }
        if !text.ends_with('{') {
            text.push(',');
        }
        text.push_str(CONTINUATION);
        let properties_end = text.len();
        text.push('}');
        text.push_str(&rest);
        let required = required.filter(|list| inner(list).is_some());
        if let Some(list) = required {
            text.push_str(",\"required\":[");
            push_inner(&mut text, list);
        }
        let required_end = text.len();
        text.push_str(if required.is_some() { "]}" } else { "}" });
        Self {
            text: text.into(),
            properties_end,
            required_end,
            has_required: required.is_some(),
        }
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The same with more members: `properties` as JSON members, `required` as JSON strings.
    pub(super) fn with(&self, properties: &str, required: &str) -> Arc<str> {
        let (head, tail) = self.text.split_at(self.properties_end);
        let (middle, end) = tail.split_at(self.required_end - self.properties_end);
        let mut text = String::with_capacity(self.text.len() + properties.len() + 40);
        text.push_str(head);
        text.push(',');
        text.push_str(properties);
        text.push_str(middle);
        if !required.is_empty() {
            text.push_str(if self.has_required {
                ","
            } else {
                ",\"required\":["
            });
            text.push_str(required);
            text.push_str(if self.has_required { "" } else { "]" });
        }
        text.push_str(end);
        text.into()
    }
}

/// What stands between the brackets of an object's or array's text; `None` if nothing does.
fn inner(text: &str) -> Option<&str> {
    let text = text.trim();
    let inner = text.get(1..text.len().checked_sub(1)?)?.trim();
    (!inner.is_empty()).then_some(inner)
}

fn push_inner(text: &mut String, of: &str) {
    text.push_str(inner(of).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_where_they_belong() {
        let none = InputSchema::new("{}");
        let some = InputSchema::new(
            r#"{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false,"$defs":{}}"#,
        );
        for (schema, required) in [
            (&none, ""),
            (&none, r#""_b""#),
            (&some, ""),
            (&some, r#""_b""#),
        ] {
            let text = schema.with(r#""_b":{"type":"string"}"#, required);
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["properties"]["_b"]["type"], "string", "{text}");
            let needed = read["required"].as_array().map_or(0, Vec::len);
            let own = usize::from(schema.has_required);
            assert_eq!(needed, own + usize::from(!required.is_empty()), "{text}");
            assert!(serde_json::from_str::<Value>(schema.text()).is_ok());
        }
        insta::assert_snapshot!(some.with(r#""_b":{}"#, r#""_b""#), @r#"{"type":"object","properties":{"a":{},"_continuation":{"type":"string","description":"From an earlier result of this tool: asks for its next page or the rest of it. Give the other arguments again."},"_b":{}},"additionalProperties":false,"$defs":{},"required":["a","_b"]}"#);
    }
}
