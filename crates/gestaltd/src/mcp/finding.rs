//! The three tools that stand for a long list: one finds operations, one describes one, one
//! calls it.
//!
//! A call through the third is the call of the tool it names: it is taken apart here and goes
//! the same way.

use std::borrow::Cow;
use std::fmt::Write as _;

use gestalt_core::Refusal;
use gestalt_gateway::{Caller, FINDING_TOOLS, ToolMatch, ToolSearch};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::discover::TTL_MS;
use super::era::Era;
use super::fault::Fault;
use super::list;
use crate::http::Door;

const SEARCH: &str = FINDING_TOOLS[0];
const DESCRIBE: &str = FINDING_TOOLS[1];
const CALL: &str = FINDING_TOOLS[2];

/// How many operations are found unless the caller says, and at most.
const USUAL: usize = 10;
const MOST: usize = 50;

/// Longest text that tells what a found operation does, in bytes.
const SHORT: usize = 200;

/// What a call means.
pub(super) enum Meant<'a> {
    /// A tool's call: its name and arguments.
    Call(Cow<'a, str>, Option<&'a str>),
    /// Something that is answered here.
    Ask(Ask<'a>),
}

/// What is answered without a call.
pub(super) enum Ask<'a> {
    Search(Search<'a>),
    Describe(Cow<'a, str>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(borrow, default)]
    plugin: Option<Cow<'a, str>>,
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Reads a call where the three tools are there. `shared`: at the endpoint of all plugins.
///
/// # Errors
/// For arguments that are not what their schema says.
pub(super) fn read<'a>(
    name: Cow<'a, str>,
    arguments: Option<&'a str>,
    shared: bool,
) -> Result<Meant<'a>, Fault> {
    let given = arguments.unwrap_or("{}");
    Ok(match &*name {
        SEARCH => {
            let search: Search<'_> = parse(given)?;
            if search.plugin.is_some() && !shared {
                return Err(Fault::invalid_params("All tools here are one plugin's."));
            }
            if search
                .limit
                .is_some_and(|limit| !(1..=MOST).contains(&limit))
            {
                let text = format!("`limit` is 1 to {MOST}.");
                return Err(Fault::invalid_params(text));
            }
            Meant::Ask(Ask::Search(search))
        }
        DESCRIBE => Meant::Ask(Ask::Describe(parse::<Describe<'_>>(given)?.name)),
        CALL => {
            let call: Call<'_> = parse(given)?;
            let arguments = call.arguments.map(RawValue::get);
            if arguments.is_some_and(|json| !json.starts_with('{')) {
                let text = "`arguments` of the operation must be an object.";
                return Err(Fault::invalid_params(text));
            }
            Meant::Call(call.name, arguments)
        }
        _ => Meant::Call(name, arguments),
    })
}

fn parse<'a, T: Deserialize<'a>>(arguments: &'a str) -> Result<T, Fault> {
    serde_json::from_str(arguments)
        .map_err(|error| Fault::invalid_params(format!("The arguments do not fit: {error}.")))
}

impl Ask<'_> {
    /// The result: an object's text.
    ///
    /// # Errors
    /// As [`gestalt_gateway::Gateway::search_tools`] and [`gestalt_gateway::Gateway::get_tool`].
    pub(super) async fn answer(
        &self,
        door: &Door,
        caller: &Caller,
        plugin: Option<&str>,
    ) -> Result<String, Refusal> {
        let gateway = door.gateway();
        let search = match self {
            Self::Describe(name) => {
                let tool = gateway.get_tool(caller, plugin, name).await?;
                let text = Value::from(list::definition(&tool));
                return Ok(format!(
                    r#"{{"content":[{{"type":"text","text":{text}}}]}}"#
                ));
            }
            Self::Search(search) => search,
        };
        let asked = ToolSearch {
            query: &search.query,
            plugin: search.plugin.as_deref(),
            limit: search.limit.unwrap_or(USUAL),
        };
        let found = gateway.search_tools(caller, plugin, asked).await?;
        let text = Value::from(lines(&found));
        let found = json!({ "operations": found.iter().map(shown).collect::<Value>() });
        Ok(format!(
            r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{found}}}"#
        ))
    }
}

/// A found operation for programs.
fn shown(found: &ToolMatch) -> Value {
    let tool = &found.tool;
    let mut shown = json!({
        "name": &*tool.name,
        "plugin": &*tool.plugin,
        "description": short(&tool.description),
        "readOnly": tool.annotations.read_only,
        "connected": found.ready,
    });
    if let Some(title) = &tool.title {
        shown["title"] = Value::from(&**title);
    }
    shown
}

/// The same to be read.
fn lines(found: &[ToolMatch]) -> String {
    if found.is_empty() {
        return "Nothing fits. Ask with other words.".to_owned();
    }
    let mut text = String::new();
    for found in found {
        let tool = &found.tool;
        let said = short(&tool.description);
        let _infallible = write!(text, "{}: ", tool.name);
        if let Some(title) = tool.title.as_deref().filter(|title| *title != said) {
            let _infallible = write!(text, "{title}. ");
        }
        text.push_str(&said);
        if !found.ready {
            text.push_str(" (no account is connected yet)");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// The first sentence of a description, or as much of it as is short.
fn short(description: &str) -> Cow<'_, str> {
    let ends = [". ", ".\n", "\n"].into_iter();
    let end = ends.filter_map(|end| description.find(end).map(|at| at + end.trim_end().len()));
    let first = description[..end.min().unwrap_or(description.len())].trim();
    if first.len() <= SHORT {
        return first.into();
    }
    let cut = first[..first.floor_char_boundary(SHORT)].trim_end();
    format!("{cut}…").into()
}

/// The members of a list that has these three only. `shared`: at the endpoint of all plugins.
pub(super) fn listed(shared: bool, filtered: bool, era: Era) -> String {
    let mut query = json!({
        "query": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "What is to be done, in a few plain words: `add a comment to an issue`.",
        },
        "plugin": {
            "type": "string",
            "description": "Only operations of this system, as the names of found ones begin.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST,
            "default": USUAL,
            "description": "How many at most.",
        },
    });
    if let Some(members) = query.as_object_mut().filter(|_| !shared) {
        members.remove("plugin");
    }
    let name = json!({ "type": "string", "description": "An operation's name, as it was found." });
    let arguments = json!({
        "type": "object",
        "description": "The operation's arguments, as its input schema says.",
    });
    let tools = [
        tool(
            SEARCH,
            "Find operations",
            "Finds operations by what they do, the best first. There are many more than are listed as \
             tools: search before you decide that something cannot be done.",
            (query, json!(["query"])),
        ),
        tool(
            DESCRIBE,
            "Describe an operation",
            "Shows the whole definition of an operation: what it does, and the JSON Schemas of its \
             arguments and results. Read it before you call one for the first time.",
            (json!({ "name": name.clone() }), json!(["name"])),
        ),
        tool(
            CALL,
            "Call an operation",
            "Calls an operation and gives its result.",
            (
                json!({ "name": name, "arguments": arguments }),
                json!(["name"]),
            ),
        ),
    ];
    let hints = if era == Era::Modern {
        let scope = if filtered { "private" } else { "public" };
        format!(r#","ttlMs":{TTL_MS},"cacheScope":"{scope}""#)
    } else {
        String::new()
    };
    format!(r#""tools":{}{hints}"#, Value::from(tools.to_vec()))
}

fn tool(
    name: &str,
    title: &str,
    description: &str,
    (properties, required): (Value, Value),
) -> Value {
    // What an operation does is not known before it is named.
    let annotations = if name == CALL {
        json!({ "title": title, "openWorldHint": true })
    } else {
        json!({
            "title": title,
            "readOnlyHint": true,
            "destructiveHint": false,
            "idempotentHint": true,
            "openWorldHint": false,
        })
    };
    json!({
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        },
        "annotations": annotations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(name: &'a str, arguments: &'a str, shared: bool) -> Option<Meant<'a>> {
        read(name.into(), Some(arguments), shared).ok()
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused() {
        for (name, arguments) in [
            (SEARCH, "{}"),
            (SEARCH, r#"{"query":7}"#),
            (SEARCH, r#"{"query":"x","limit":0}"#),
            (SEARCH, r#"{"query":"x","limit":51}"#),
            (SEARCH, r#"{"query":"x","limit":-1}"#),
            (SEARCH, r#"{"query":"x","more":1}"#),
            (SEARCH, r#"{"query":"x","query":"y"}"#),
            (DESCRIBE, "{}"),
            (DESCRIBE, r#"{"name":"x","arguments":{}}"#),
            (CALL, r#"{"arguments":{}}"#),
            (CALL, r#"{"name":"x","arguments":[]}"#),
            (CALL, r#"{"name":"x","argument":{}}"#),
        ] {
            assert!(of(name, arguments, true).is_none(), "{name} {arguments}");
        }
        let plugin = r#"{"query":"x","plugin":"demo"}"#;
        assert!(of(SEARCH, plugin, false).is_none());
        assert!(of(SEARCH, plugin, true).is_some());
    }

    #[test]
    fn a_call_within_a_call_is_the_call() {
        let inner = r#"{ "big": 12345678901234567890.10, "b": "\u00e4" }"#;
        let outer = format!(r#"{{"name":"demo_x","arguments":{inner}}}"#);
        let Some(Meant::Call(name, arguments)) = of(CALL, &outer, true) else {
            panic!("it is no call");
        };
        assert_eq!((&*name, arguments), ("demo_x", Some(inner)));
        // Any other name is a tool's, whatever its arguments.
        let Some(Meant::Call(name, arguments)) = of("demo_x", inner, true) else {
            panic!("it is no call");
        };
        assert_eq!((&*name, arguments), ("demo_x", Some(inner)));
    }

    #[test]
    fn a_description_is_shortened_where_a_sentence_ends() {
        assert_eq!(short("Adds one. Needs a key."), "Adds one.");
        assert_eq!(short("Adds v1.2 of it"), "Adds v1.2 of it");
        assert_eq!(short("Adds one\n\nMore."), "Adds one");
        let long = short("ä".repeat(200).as_str()).into_owned();
        assert!(long.ends_with("ä…") && long.len() <= SHORT + 3);
    }
}
