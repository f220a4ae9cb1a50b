//! What one server listed, in the form that it is offered in.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use gestalt_core::mcp::{AllowedTool, McpServer};
use gestalt_upstream::mcp::{Listed, Listing};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What one server listed.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    pub(crate) tools: Vec<OfferedTool>,
    pub(crate) resources: Vec<OfferedEntry>,
    pub(crate) templates: Vec<OfferedEntry>,
    pub(crate) prompts: Vec<OfferedEntry>,
    /// Over all of it.
    pub(crate) digest: [u8; 32],
    /// Where the tools are, by what the server calls them.
    by_source: HashMap<Arc<str>, usize>,
}

/// A tool of a server.
#[derive(Clone, Debug)]
pub(crate) struct OfferedTool {
    /// The name it is offered under.
    pub(crate) name: Arc<str>,
    /// What the server calls it.
    pub(crate) source: Arc<str>,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) description: Arc<str>,
    pub(crate) input_schema: Arc<str>,
    pub(crate) output_schema: Option<Arc<str>>,
    pub(crate) read_only: bool,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    /// All that the server says, as it says it: JSON text.
    json: Arc<str>,
    /// Where in it the name stands, as JSON text.
    name_at: (usize, usize),
    /// Where members of the input schema's properties can be put in, and whether there are
    /// others behind; nothing where it has no such place.
    properties_at: Option<(usize, bool)>,
}

/// A resource, template or prompt of a server.
#[derive(Debug)]
pub(crate) struct OfferedEntry {
    pub(crate) key: Arc<str>,
    pub(crate) json: Arc<str>,
}

#[derive(serde::Deserialize)]
struct Texts<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(borrow, default, rename = "inputSchema")]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "outputSchema")]
    output_schema: Option<&'a RawValue>,
    #[serde(default)]
    annotations: Hints,
}

#[derive(Default, serde::Deserialize)]
struct Hints {
    #[serde(default, rename = "readOnlyHint")]
    read_only: Option<bool>,
    #[serde(default, rename = "destructiveHint")]
    destructive: Option<bool>,
    #[serde(default, rename = "idempotentHint")]
    idempotent: Option<bool>,
}

impl Offered {
    /// What is offered of a listing. A tool that cannot be read is left out, and the log says so.
    pub(crate) fn new(plugin: &str, server: &McpServer, listing: Listing) -> Self {
        let entries = |listed: Vec<Listed>| -> Vec<OfferedEntry> {
            let entry = |one: Listed| OfferedEntry {
                key: one.key.into(),
                json: one.json.get().into(),
            };
            listed.into_iter().map(entry).collect()
        };
        let mut offered = Self {
            resources: entries(listing.resources),
            templates: entries(listing.templates),
            prompts: entries(listing.prompts),
            ..Self::default()
        };
        let mut names = HashSet::new();
        for tool in listing.tools {
            let Some(name) = offered_as(server, &tool.key) else {
                continue;
            };
            let Some(tool) = OfferedTool::new(name, &tool) else {
                tracing::warn!(plugin, tool = tool.key, "a listed tool cannot be read");
                continue;
            };
            if !names.insert(Arc::clone(&tool.name)) {
                tracing::warn!(plugin, tool = %tool.name, "two listed tools share a name; the first is offered");
                continue;
            }
            let place = offered.tools.len();
            offered.by_source.insert(Arc::clone(&tool.source), place);
            offered.tools.push(tool);
        }
        offered.digest = offered.hash();
        offered
    }

    /// These tools and nothing else.
    pub(crate) fn of_tools(tools: Vec<OfferedTool>) -> Self {
        Self {
            tools,
            ..Self::default()
        }
    }

    /// The tool that the server calls so.
    pub(crate) fn called(&self, source: &str) -> Option<&OfferedTool> {
        let place = self.by_source.get(source)?;
        self.tools.get(*place)
    }

    fn hash(&self) -> [u8; 32] {
        let tools = self
            .tools
            .iter()
            .flat_map(|tool| [&*tool.name, &*tool.json]);
        let others = [&self.resources, &self.templates, &self.prompts];
        let others = others
            .iter()
            .flat_map(|list| std::iter::once("\n").chain(list.iter().map(|one| &*one.json)));
        let parts: Vec<[u8; 32]> = tools
            .chain(others)
            .map(|text| gestalt_vault::sha256(&[text.as_bytes()]))
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
        gestalt_vault::sha256(&parts)
    }
}

/// The name that a server's tool is offered under, if it is.
pub(crate) fn offered_as<'a>(server: &'a McpServer, source: &'a str) -> Option<&'a str> {
    let Some(allowed) = &server.allowed_tools else {
        return Some(source);
    };
    let tool = allowed.iter().find(|tool| tool.source_name == source)?;
    Some(tool.alias.as_deref().unwrap_or(source))
}

/// What a server calls the tool that is offered under a name, if any may be.
pub(crate) fn source_of<'a>(server: &'a McpServer, offered: &'a str) -> Option<&'a str> {
    let Some(allowed) = &server.allowed_tools else {
        return Some(offered);
    };
    let is = |tool: &&AllowedTool| tool.alias.as_deref().unwrap_or(&tool.source_name) == offered;
    allowed.iter().find(is).map(|tool| &*tool.source_name)
}

impl OfferedTool {
    pub(super) fn new(name: &str, listed: &Listed) -> Option<Self> {
        let json = listed.json.get();
        let texts: Texts<'_> = serde_json::from_str(json).ok()?;
        let schema = texts
            .input_schema
            .map_or("{\"type\":\"object\"}", RawValue::get);
        let description = texts.description.or_else(|| texts.title.clone());
        let hints = texts.annotations;
        Some(Self {
            name: name.into(),
            source: listed.key.as_str().into(),
            title: texts.title.map(Arc::from),
            description: description.unwrap_or_else(|| listed.key.clone()).into(),
            input_schema: schema.into(),
            output_schema: texts.output_schema.map(|schema| schema.get().into()),
            read_only: hints.read_only.unwrap_or(false),
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            name_at: place(json, texts.name.get())?,
            properties_at: texts
                .input_schema
                .and_then(|schema| properties_at(json, schema.get())),
            json: json.into(),
        })
    }

    /// The same, offered under another name.
    pub(super) fn named(&self, name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            ..self.clone()
        }
    }

    /// What the server says, as it says it.
    pub(crate) fn text(&self) -> &str {
        &self.json
    }

    /// What the server says, under another name and with more members in the input schema's
    /// properties (JSON text, without braces); everything else as it stands.
    pub(crate) fn json(&self, name: &str, properties: &str) -> String {
        let (start, end) = self.name_at;
        let name = serde_json::Value::from(name).to_string();
        let mut edits = vec![(start, end, name)];
        if let Some((at, others)) = self.properties_at.filter(|_| !properties.is_empty()) {
            let comma = if others { "," } else { "" };
            edits.push((at, at, format!("{properties}{comma}")));
        }
        edits.sort_by_key(|(start, ..)| *start);
        let mut text = String::with_capacity(self.json.len() + properties.len() + 64);
        let mut from = 0;
        for (start, end, put) in edits {
            text.push_str(&self.json[from..start]);
            text.push_str(&put);
            from = end;
        }
        text.push_str(&self.json[from..]);
        text
    }
}

/// An object's members in order, values as they stand; nothing if it is none.
pub(crate) fn members(object: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members<'a>(Vec<(String, &'a RawValue)>);
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(name) = map.next_key()? {
                members.push((name, map.next_value()?));
            }
            Ok(members)
        }
    }
    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Object).map(Self)
        }
    }
    let Members(members) = serde_json::from_str(object).ok()?;
    Some(members)
}

/// Where a part of a text stands in it.
pub(super) fn place(whole: &str, part: &str) -> Option<(usize, usize)> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start + part.len();
    (whole.get(start..end)? == part).then_some((start, end))
}

/// Where the first member of a schema's properties stands or would stand.
fn properties_at(json: &str, schema: &str) -> Option<(usize, bool)> {
    #[derive(serde::Deserialize)]
    struct Schema<'a> {
        #[serde(borrow, default)]
        properties: Option<&'a RawValue>,
    }
    let schema: Schema<'_> = serde_json::from_str(schema).ok()?;
    let properties = schema.properties?.get();
    let inside = properties.strip_prefix('{')?;
    let (start, _) = place(json, properties)?;
    Some((start + 1, !inside.trim_start().starts_with('}')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(json: &str) -> Listed {
        Listed {
            key: "a".to_owned(),
            json: RawValue::from_string(json.to_owned()).unwrap(),
        }
    }

    #[test]
    fn only_the_name_and_the_properties_change() {
        let json = r#"{"_meta":{"z":1.0,"name":"no"},"name":"a", "inputSchema":{"type":"object","properties":{ "x":{}}},"x-unknown":[1e2]}"#;
        let tool = OfferedTool::new("b", &listed(json)).unwrap();
        assert_eq!(
            tool.json("p_b", r#""_c":{}"#),
            r#"{"_meta":{"z":1.0,"name":"no"},"name":"p_b", "inputSchema":{"type":"object","properties":{"_c":{}, "x":{}}},"x-unknown":[1e2]}"#
        );
        assert_eq!(tool.json("a", ""), json);
    }

    #[test]
    fn a_tool_without_properties_is_left_as_it_is() {
        for json in [
            r#"{"name":"a"}"#,
            r#"{"name":"a","inputSchema":{"type":"object"}}"#,
            r#"{"name":"a","inputSchema":{"properties":[]}}"#,
        ] {
            let tool = OfferedTool::new("a", &listed(json)).unwrap();
            assert_eq!(tool.json("a", r#""_c":{}"#), json);
        }
    }
}
