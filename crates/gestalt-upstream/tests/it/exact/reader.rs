//! Reads parameters as OpenAPI 3.1 §4.8.12 and RFC 6570 say they are written.

use gestalt_core::operation::{Location, Style};
use percent_encoding::percent_decode_str;

use super::Slot;
use super::tree::{Kind, Shape, Tree};
use crate::server::Seen;

pub(super) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// The value of a parameter; `None` if nothing of it arrived.
pub(super) fn read(slot: &Slot, slots: &[Slot], seen: &Seen) -> Option<Tree> {
    let found = match slot.location {
        Location::Path => Some(in_path(slot, &segment(slot, slots, seen))),
        Location::Header => {
            let value = seen.headers.get(slot.wire.as_str())?;
            let text = std::str::from_utf8(value.as_bytes()).unwrap();
            Some(in_header(slot, text))
        }
        Location::Query => in_pairs(slot, &split(&seen.query, "&")),
        Location::Cookie => {
            let cookies = seen.header("cookie").unwrap_or_default();
            in_pairs(slot, &split(cookies, "; "))
        }
    };
    found.map(Tree::sorted)
}

/// Pairs, with decoded names and values as they are.
pub(super) fn split(text: &str, between: &str) -> Vec<(String, String)> {
    let pairs = text.split(between).filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (decode(name), value.to_owned())
    };
    pairs.map(pair).collect()
}

fn segment(slot: &Slot, slots: &[Slot], seen: &Seen) -> String {
    let mut in_path = slots.iter().filter(|s| s.location == Location::Path);
    let position = in_path.position(|s| s.name == slot.name).unwrap();
    let segments: Vec<&str> = seen.path.split('/').collect();
    segments[2 + 2 * position].to_owned()
}

fn leaf(kind: Kind, text: &str) -> Tree {
    kind.leaf(&decode(text))
}

fn list(kind: Kind, text: &str, between: &str) -> Tree {
    Tree::List(text.split(between).map(|item| leaf(kind, item)).collect())
}

/// `R,100,G,200`
fn alternating(kind: Kind, text: &str, between: &str) -> Tree {
    let all: Vec<&str> = text.split(between).collect();
    assert_eq!(all.len() % 2, 0, "{text}");
    let member = |pair: &[&str]| (decode(pair[0]), leaf(kind, pair[1]));
    Tree::Map(all.chunks(2).map(member).collect())
}

/// `R=100,G=200`
fn assigned(kind: Kind, text: &str, between: &str) -> Tree {
    let member = |member: &str| {
        let (key, value) = member.split_once('=').unwrap_or((member, ""));
        (decode(key), leaf(kind, value))
    };
    Tree::Map(text.split(between).map(member).collect())
}

fn in_path(slot: &Slot, text: &str) -> Tree {
    let Slot { kind, explode, .. } = *slot;
    if slot.content {
        return Tree::of_json(&decode(text));
    }
    let (text, between) = match slot.style {
        Style::Label => (
            text.strip_prefix('.').unwrap(),
            if explode { "." } else { "," },
        ),
        Style::Matrix => (
            text.strip_prefix(';').unwrap(),
            if explode { ";" } else { "," },
        ),
        _ => (text, ","),
    };
    let own = format!("{}=", slot.wire);
    let exploded = explode && slot.shape != Shape::One;
    let text = match slot.style {
        Style::Matrix if !exploded => text.strip_prefix(&own).unwrap(),
        _ => text,
    };
    match (slot.shape, explode) {
        (Shape::One, _) => leaf(kind, text),
        (Shape::List, true) if slot.style == Style::Matrix => {
            let item = |item: &str| leaf(kind, item.strip_prefix(&own).unwrap());
            Tree::List(text.split(between).map(item).collect())
        }
        (Shape::List, _) => list(kind, text, between),
        (_, true) => assigned(kind, text, between),
        (_, false) => alternating(kind, text, between),
    }
}

/// Headers are not percent-encoded.
fn in_header(slot: &Slot, text: &str) -> Tree {
    let plain = |text: &str| slot.kind.leaf(text);
    if slot.content {
        return Tree::of_json(text);
    }
    let all: Vec<&str> = text.split(',').collect();
    match (slot.shape, slot.explode) {
        (Shape::One, _) => plain(text),
        (Shape::List, _) => Tree::List(all.into_iter().map(plain).collect()),
        (_, true) => {
            let pairs = all.into_iter().map(|pair| pair.split_once('=').unwrap());
            Tree::Map(
                pairs
                    .map(|(key, value)| (key.to_owned(), plain(value)))
                    .collect(),
            )
        }
        (_, false) => {
            let member = |pair: &[&str]| (pair[0].to_owned(), plain(pair[1]));
            Tree::Map(all.chunks(2).map(member).collect())
        }
    }
}

pub(super) fn in_pairs(slot: &Slot, pairs: &[(String, String)]) -> Option<Tree> {
    let Slot { kind, explode, .. } = *slot;
    let mut own = pairs.iter().filter(|(name, _)| *name == slot.wire);
    if slot.content {
        return own.next().map(|(_, text)| Tree::of_json(&decode(text)));
    }
    if slot.style == Style::DeepObject {
        return deep(slot, pairs);
    }
    let between = match slot.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match (slot.shape, explode) {
        (Shape::One, _) => own.next().map(|(_, text)| leaf(kind, text)),
        (Shape::List, true) => {
            let items: Vec<Tree> = own.map(|(_, text)| leaf(kind, text)).collect();
            (!items.is_empty()).then_some(Tree::List(items))
        }
        (Shape::List, false) => own.next().map(|(_, text)| list(kind, text, between)),
        (_, false) => own.next().map(|(_, text)| alternating(kind, text, between)),
        (_, true) => {
            // The keys that the schema names: all of one parameter begin alike here.
            let digits = |c: char| !c.is_ascii_digit();
            let index = slot.name.trim_start_matches(digits);
            let prefix = format!("k{index}x");
            let members = pairs.iter().filter(|(name, _)| name.starts_with(&prefix));
            let members: Vec<_> = members
                .map(|(name, text)| (name.clone(), leaf(kind, text)))
                .collect();
            (!members.is_empty()).then_some(Tree::Map(members))
        }
    }
}

/// `q[a][0]=…`
fn deep(slot: &Slot, pairs: &[(String, String)]) -> Option<Tree> {
    let mut root = None;
    for (name, text) in pairs {
        let Some(path) = name.strip_prefix(&slot.wire) else {
            continue;
        };
        let Some(path) = path.strip_prefix('[').and_then(|p| p.strip_suffix(']')) else {
            continue;
        };
        let steps: Vec<&str> = path.split("][").collect();
        put(&mut root, &steps, leaf(slot.kind, text));
    }
    root.map(numbered)
}

/// Objects whose keys are all numbers are lists in their order; what is not sent leaves a gap.
fn numbered(tree: Tree) -> Tree {
    let Tree::Map(members) = tree else {
        return tree;
    };
    let number = |key: &str| key.parse::<usize>().ok();
    let all = members.iter().all(|(key, _)| number(key).is_some());
    let mut members: Vec<_> = members
        .into_iter()
        .map(|(key, value)| (key, numbered(value)))
        .collect();
    if !all {
        return Tree::Map(members);
    }
    members.sort_by_key(|(key, _)| number(key));
    Tree::List(members.into_iter().map(|(_, value)| value).collect())
}

fn put(at: &mut Option<Tree>, steps: &[&str], value: Tree) {
    let Some((step, rest)) = steps.split_first() else {
        assert_eq!(*at, None);
        *at = Some(value);
        return;
    };
    match at.get_or_insert(Tree::Map(Vec::new())) {
        Tree::Map(members) => {
            let known = members.iter().position(|(key, _)| key == step);
            let mut member = known.map(|index| members.remove(index).1);
            put(&mut member, rest, value);
            members.push(((*step).to_owned(), member.unwrap()));
        }
        Tree::Leaf(_) | Tree::List(_) => unreachable!("{steps:?}"),
    }
}
