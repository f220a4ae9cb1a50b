//! Finding tools by what somebody wants done, where there are too many to read the list of.

mod index;
mod words;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use gestalt_core::{Code, Refusal};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::index::Index;
use self::index::{Document, Part};
use super::table::Row;
use super::texts::Tool;
use super::{ToolSet, no_tool};
use crate::Gateway;
use crate::authenticate::caller::Caller;
use crate::authorize::{may_invoke, visible_plugin};
use crate::catalogue::Catalogue;

/// Longest question, in characters.
const MAX_QUERY: usize = 1_000;

/// Members that the gateway adds to a tool's arguments begin with this.
const OURS: char = '_';

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct ToolSearch<'a> {
    /// Words for what is to be done.
    pub query: &'a str,
    /// Only tools of this plugin.
    pub plugin: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
}

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct ToolMatch {
    /// The tool.
    pub tool: Arc<Tool>,
    /// It can be called as things are: the caller has connected an account, or none is needed.
    pub ready: bool,
}

impl Gateway {
    /// Finds tools among those that [`Gateway::tools`] lists, the best first. What the caller may
    /// not invoke is not found and changes nothing of what is.
    ///
    /// # Errors
    /// `insufficient_scope`, `not_found` for either plugin, `invalid_request` for a question that is
    /// empty or too long, `unavailable`.
    pub async fn search_tools(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
        search: ToolSearch<'_>,
    ) -> Result<Vec<ToolMatch>, Refusal> {
        may_invoke(caller)?;
        let query = search.query.trim();
        if query.is_empty() || search.query.chars().count() > MAX_QUERY {
            let text = format!("`query` has 1 to {MAX_QUERY} characters.");
            return Err(Refusal::new(Code::InvalidRequest, text).field("query"));
        }
        let gateway = &*self.inner;
        let catalogue = gateway.catalogue.load_full();
        let of = plugin
            .map(|name| visible_plugin(&catalogue, caller, name))
            .transpose()?;
        let only = search
            .plugin
            .map(|name| visible_plugin(&catalogue, caller, name))
            .transpose()?;
        let set = gateway.tools.get(gateway, &catalogue, caller, of).await?;
        let only = only.map(|plugin| Arc::clone(&plugin.name));
        let (query, limit) = (query.to_owned(), search.limit);
        // It may have to make the index, and reads much memory in any case.
        let found = tokio::task::spawn_blocking(move || {
            found(&catalogue, &set, only.as_deref(), &query, limit)
        });
        found.await.map_err(Refusal::internal)
    }

    /// Gets the whole of one of the tools that [`Gateway::tools`] lists.
    ///
    /// # Errors
    /// `insufficient_scope`; `not_found`, with the nearest name that is there for the caller;
    /// `unavailable`.
    pub async fn get_tool(
        &self,
        caller: &Caller,
        plugin: Option<&str>,
        name: &str,
    ) -> Result<Arc<Tool>, Refusal> {
        may_invoke(caller)?;
        let gateway = &*self.inner;
        let catalogue = gateway.catalogue.load_full();
        let of = plugin
            .map(|name| visible_plugin(&catalogue, caller, name))
            .transpose()?;
        let set = gateway.tools.get(gateway, &catalogue, caller, of).await?;
        let mut tools = set.tools().iter();
        let found = tools.find(|tool| &*tool.name == name).cloned();
        found.ok_or_else(|| no_tool(&catalogue.tools, caller, of, name))
    }

    /// Makes what searches need, in the background, if it is not there yet.
    pub fn prepare_search(&self) {
        let catalogue = self.inner.catalogue.load_full();
        if !catalogue.tools.indexed() {
            // Nobody waits for it: whoever searches first finds it done, or begun.
            let _detached = tokio::task::spawn_blocking(move || {
                for plugin in catalogue.all() {
                    catalogue.tools.index(&plugin.name);
                }
            });
        }
    }
}

/// Asks the indexes of the plugins that have tools in the set.
fn found(
    catalogue: &Catalogue,
    set: &ToolSet,
    only: Option<&str>,
    query: &str,
    limit: usize,
) -> Vec<ToolMatch> {
    let mut parts = Vec::new();
    // By part: where in the set its documents are, by their places.
    let mut places: Vec<HashMap<usize, usize>> = Vec::new();
    let mut strays = Vec::new();
    let mut start = 0;
    for tools in set.tools().chunk_by(|a, b| a.plugin == b.plugin) {
        let first = start;
        start += tools.len();
        let Some(plugin) = tools.first().map(|tool| &*tool.plugin) else {
            continue;
        };
        if only.is_some_and(|only| only != plugin) {
            continue;
        }
        // Both are in the order of the operations' names.
        let rows = catalogue.tools.rows(Some(plugin));
        let mut allowed = vec![false; rows.len()];
        let mut place = HashMap::with_capacity(tools.len());
        let mut listed = tools.iter().enumerate().peekable();
        for (number, row) in rows.iter().enumerate() {
            if let Some((at, _)) = listed.next_if(|(_, tool)| tool.operation == *row.operation()) {
                allowed[number] = true;
                place.insert(number, first + at);
            }
        }
        strays.extend(listed.map(|(at, _)| first + at));
        if let Some(index) = catalogue.tools.index(plugin).filter(|_| !place.is_empty()) {
            parts.push(Part { index, allowed });
            places.push(place);
        }
    }
    // What the table does not have says all there is to know of it itself.
    let tools = strays.iter().filter_map(|at| set.tools().get(*at));
    let index = Index::new(tools.map(|tool| of_tool(tool)));
    parts.push(Part {
        index: &index,
        allowed: vec![true; strays.len()],
    });
    places.push(strays.into_iter().enumerate().collect());
    let hits = index::search(&parts, query).into_iter().take(limit);
    let found = hits.filter_map(|hit| places.get(hit.part)?.get(&hit.document));
    found
        .filter_map(|at| {
            Some(ToolMatch {
                tool: Arc::clone(set.tools().get(*at)?),
                ready: set.ready(*at),
            })
        })
        .collect()
}

/// Makes the index of a plugin's tools, which stay known by their places.
pub(super) fn index(rows: &[Row]) -> Index {
    Index::new(rows.iter().map(document))
}

/// What of a tool is found.
fn document(row: &Row) -> Document<'_> {
    let (definition, texts) = (row.definition(), row.texts());
    Document {
        plugin: &row.plugin().name,
        operation: row.operation(),
        title: texts.title(),
        description: definition.description.as_deref().unwrap_or_default(),
        tags: &definition.tags,
        address: &definition.path,
        parameters: parameters(texts.input.text()),
        deprecated: definition.deprecated,
    }
}

/// What of a tool is found that is no operation of the table.
fn of_tool(tool: &Tool) -> Document<'_> {
    Document {
        plugin: &tool.plugin,
        operation: &tool.operation,
        title: tool.title.as_deref().unwrap_or_default(),
        description: &tool.description,
        parameters: parameters(&tool.input_schema),
        ..Document::default()
    }
}

/// The parameters of a tool as its input schema, JSON text, has them.
fn parameters(schema: &str) -> Vec<(Cow<'_, str>, String)> {
    #[derive(Default, Deserialize)]
    struct Input<'a> {
        #[serde(borrow, default)]
        properties: HashMap<Cow<'a, str>, &'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    struct Property<'a> {
        #[serde(borrow, default)]
        description: Option<Cow<'a, str>>,
        #[serde(default, rename = "enum")]
        values: Vec<Value>,
    }
    let input: Input<'_> = serde_json::from_str(schema).unwrap_or_default();
    let properties = input.properties.into_iter();
    let own = properties.filter(|(name, _)| !name.starts_with(OURS));
    own.map(|(name, property)| {
        // What is no such object says nothing.
        let property: Property<'_> = serde_json::from_str(property.get()).unwrap_or_default();
        let values = property.values.iter().filter_map(Value::as_str);
        let said = property.description.as_deref().into_iter().chain(values);
        (name, said.collect::<Vec<_>>().join(" "))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::texts::ToolAnnotations;
    use super::*;

    #[test]
    fn a_tool_is_found_by_what_it_says_of_itself() {
        let tool = Tool {
            name: "files_put".into(),
            plugin: "files".into(),
            operation: "put".into(),
            title: None,
            description: "Keeps a document.".into(),
            input_schema: r#"{"properties":{"colour":{"description":"Of the cover.","enum":["mauve",7]},"_continuation":{"description":"Pages."},"odd":true}}"#.into(),
            output_schema: None,
            annotations: ToolAnnotations {
                read_only: false,
                destructive: None,
                idempotent: None,
            },
            json: None,
            digest: [0; 32],
        };
        let index = Index::new([of_tool(&tool)]);
        let finds = |query: &str| {
            let part = Part {
                index: &index,
                allowed: vec![true],
            };
            index::search(&[part], query).len()
        };
        for query in ["files", "keep documents", "cover", "mauve", "odd"] {
            assert_eq!(finds(query), 1, "{query}");
        }
        for query in ["continuation", "pages"] {
            assert_eq!(finds(query), 0, "{query}");
        }
        let none = parameters("[1]");
        assert!(none.is_empty());
    }
}
