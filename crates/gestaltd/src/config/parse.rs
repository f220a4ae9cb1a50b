//! YAML, or JSON, which is YAML: one document to one tree.

use std::collections::HashMap;
use std::ops::Range;

use gestalt_core::Secret;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::report::Problem;
use super::source::{At, Sources};
use super::tree::{Entry, Node, Origin, Scalar, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most values in one file, those that aliases repeat included.
const MAX_NODES: usize = 200_000;

/// Words in the name of a key whose value is never shown.
const SECRET_WORDS: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "token",
    "key",
    "dsn",
    "credential",
    "private",
];

/// Reads one file's text into a tree.
///
/// An empty file is an empty map.
pub(super) fn parse(sources: &mut Sources, file: usize) -> Result<Node, Problem> {
    let text = sources
        .get(file)
        .map(|f| f.text.clone())
        .unwrap_or_default();
    let mut builder = Builder {
        parser: Parser::new_from_str(&text),
        file,
        text: &text,
        anchors: HashMap::new(),
        nodes: 0,
        keys: Vec::new(),
        values: Vec::new(),
        hidden: Vec::new(),
    };
    let result = builder.document();
    let (keys, values, mut hidden) = (builder.keys, builder.values, builder.hidden);
    hidden.sort_by_key(|range| range.start);
    if let Some(source) = sources.get_mut(file) {
        (source.keys, source.values, source.hidden) = (keys, values, hidden);
    }
    result
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: usize,
    text: &'a str,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    keys: Vec<Range<usize>>,
    values: Vec<Range<usize>>,
    hidden: Vec<Range<usize>>,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                event if root.is_none() => root = Some(self.node(event, &span, 0)?),
                _ => {
                    return Err(
                        Problem::new("a config file holds one document", self.at(&span))
                            .label("a second document starts here"),
                    );
                }
            }
        }
        let empty = At::new(self.file, &(0..0));
        match root {
            Some(node) if matches!(node.value, Value::Map(_)) => Ok(node),
            None
            | Some(Node {
                value: Value::Null, ..
            }) => Ok(Node {
                value: Value::Map(Vec::new()),
                at: empty,
            }),
            Some(node) => Err(Problem::new(
                format!("expected a map of keys, found {}", node.kind()),
                node.at,
            )),
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Problem> {
        match self.parser.next() {
            None => Ok(None),
            Some(Ok(pair)) => Ok(Some(pair)),
            Some(Err(error)) => Err(self.syntax(&error)),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let start = error
            .marker()
            .byte_offset()
            .unwrap_or(0)
            .min(self.text.len());
        let at = At::new(self.file, &(start..(start + 1).min(self.text.len())));
        let problem = Problem::new(format!("not valid YAML: {}", error.info()), at).label("here");
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        if rest.lines().next().is_some_and(|line| line.contains("${")) {
            let help = "within `{ … }` and `[ … ]` a variable stands in quotes: `\"${VAR}\"`";
            return problem.help(help);
        }
        problem
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let offset = |byte: Option<usize>| byte.unwrap_or(0).min(self.text.len());
        let start = offset(span.start.byte_offset());
        start..offset(span.end.byte_offset()).max(start)
    }

    fn at(&self, span: &Span) -> At {
        At::new(self.file, &self.range(span))
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Problem> {
        let at = self.at(span);
        self.count(1, at)?;
        if depth > MAX_DEPTH {
            return Err(Problem::new(
                format!("nested deeper than {MAX_DEPTH} levels"),
                at,
            ));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || tag_is_text(tag.as_deref(), at)?;
                self.values.push(self.range(span));
                (scalar(&text, quoted), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                tag_is_text(tag.as_deref(), at)?;
                (Value::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                tag_is_text(tag.as_deref(), at)?;
                (Value::Map(self.map(depth)?), anchor)
            }
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let node = known.ok_or_else(|| {
                    Problem::new("an alias of something that is not complete yet", at)
                })?;
                self.count(node.size(), at)?;
                return Ok(node);
            }
            _ => return Err(Problem::new("not valid YAML: expected a value", at)),
        };
        let node = Node { value, at };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, at: At) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES {
            return Err(Problem::new(format!("more than {MAX_NODES} values"), at));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, &span, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merges = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_at = self.at(&span);
            let Event::Scalar(key, ..) = event else {
                return Err(Problem::new("a key must be a text", key_at));
            };
            self.keys.push(self.range(&span));
            let Some((event, span)) = self.next()? else {
                break;
            };
            let value = self.node(event, &span, depth + 1)?;
            if is_secret(&key) {
                self.hide(&value);
            }
            if key == "<<" {
                merges.push(value);
            } else if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                return Err(Problem::new(format!("`{key}` is written twice"), key_at)
                    .label("again here")
                    .also(first.key_at, "first here"));
            } else {
                entries.push(Entry {
                    key: key.into_owned(),
                    key_at,
                    value,
                });
            }
        }
        merges
            .into_iter()
            .try_for_each(|node| merge(&mut entries, node))?;
        Ok(entries)
    }

    fn hide(&mut self, node: &Node) {
        match &node.value {
            Value::Null | Value::Map(_) => {}
            Value::Scalar(_) => self.hidden.push(node.at.range()),
            Value::List(items) => items.iter().for_each(|item| self.hide(item)),
        }
    }
}

/// `<<: *base` adds what is not there; a list of maps likewise, the first one winning.
fn merge(entries: &mut Vec<Entry>, node: Node) -> Result<(), Problem> {
    match node.value {
        Value::Map(others) => {
            for other in others {
                if !entries.iter().any(|entry| entry.key == other.key) {
                    entries.push(other);
                }
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| merge(entries, item)),
        _ => Err(Problem::new("`<<` takes a map or a list of maps", node.at)),
    }
}

fn scalar(text: &str, quoted: bool) -> Value {
    if !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    let origin = if quoted {
        Origin::Quoted
    } else {
        Origin::Plain
    };
    Value::Scalar(Scalar {
        text: Secret::new(text),
        origin,
    })
}

/// Says whether a tag makes its scalar a text; refuses tags that are not of the core schema.
fn tag_is_text(tag: Option<&Tag>, at: At) -> Result<bool, Problem> {
    let Some(tag) = tag else { return Ok(false) };
    match tag.core_suffix() {
        Some(suffix) => Ok(suffix == "str"),
        None => Err(Problem::new(
            format!("the tag `{}` has no meaning here", tag.original()),
            at,
        )),
    }
}

/// Says whether a key's name says that its value is a secret, or may be: a header's literal
/// `value` often is one.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key == "value" || SECRET_WORDS.iter().any(|word| key.contains(word))
}
