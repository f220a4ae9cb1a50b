//! Two definitions of a tool, line by line, as it is safe to look at: what a terminal or a
//! person would not see is written out.

use std::fmt::Write as _;

use gestalt_api::approval::ToolDifference;
use serde_json::Value;

/// Unchanged lines that are shown around a change.
const AROUND: usize = 3;

/// Texts of more lines than this are not compared but shown one after the other.
const MAX_LINES: usize = 2_000;

/// A line of the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// A difference for people: a headline, and the lines that changed.
pub(super) fn shown(item: &ToolDifference) -> String {
    let what = match item.change.as_str() {
        "new" => "a new tool".to_owned(),
        "description" => "other words or hints; the schemas are the same".to_owned(),
        "schema" => "another schema; it is not called before that is approved".to_owned(),
        "gone" => "no longer listed".to_owned(),
        other => visible(other),
    };
    let mut text = format!("{}: {what}\n", visible(&item.tool));
    let (old, new) = (pretty(item.approved.as_ref()), pretty(item.listed.as_ref()));
    let lines = compare(&old, &new);
    let near = |at: usize| {
        let around = &lines[at.saturating_sub(AROUND)..lines.len().min(at + AROUND + 1)];
        around.iter().any(|line| !matches!(line, Line::Same(_)))
    };
    let mut left_out = false;
    for (at, line) in lines.iter().enumerate() {
        if !near(at) {
            if !left_out {
                text.push_str("    …\n");
            }
            left_out = true;
            continue;
        }
        left_out = false;
        let (mark, line) = match line {
            Line::Same(line) => (' ', line),
            Line::Gone(line) => ('-', line),
            Line::New(line) => ('+', line),
        };
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {mark} {}", visible(line));
    }
    text
}

/// JSON over several lines, members by name: their order means nothing.
fn pretty(value: Option<&Value>) -> String {
    let sorted = value.map(sorted);
    sorted.map_or_else(String::new, |value| format!("{value:#}"))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The lines of both texts; those that both have, in the same order, once.
fn compare<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len() > MAX_LINES || new.len() > MAX_LINES {
        let gone = old.into_iter().map(Line::Gone);
        return gone.chain(new.into_iter().map(Line::New)).collect();
    }
    // `common[a][b]`: how many lines `old[a..]` and `new[b..]` have in common at most.
    let width = new.len() + 1;
    let mut common = vec![0_u16; (old.len() + 1) * width];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a * width + b] = if old[a] == new[b] {
                common[(a + 1) * width + b + 1] + 1
            } else {
                common[(a + 1) * width + b].max(common[a * width + b + 1])
            };
        }
    }
    let mut lines = Vec::new();
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            lines.push(Line::Same(old[a]));
            (a, b) = (a + 1, b + 1);
        } else if b == new.len()
            || (a < old.len() && common[(a + 1) * width + b] >= common[a * width + b + 1])
        {
            lines.push(Line::Gone(old[a]));
            a += 1;
        } else {
            lines.push(Line::New(new[b]));
            b += 1;
        }
    }
    lines
}

/// A text with everything written out that would not be seen: a model reads it all the same.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls, characters of no width, marks of direction, tags and variations, private use, and
/// spaces that are not the usual one.
fn hides(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(change: &str, approved: Option<Value>, listed: Option<Value>) -> ToolDifference {
        ToolDifference {
            tool: "add".to_owned(),
            change: change.to_owned(),
            digest: String::new(),
            approved,
            listed,
            approved_by: None,
            approved_at: None,
        }
    }

    #[test]
    fn what_nobody_would_see_is_written_out() {
        assert_eq!(
            visible("a\x1b[2J\u{202e}b\u{200b}\u{e0041}\u{a0}\u{fe0f}"),
            r"a\u{1b}[2J\u{202e}b\u{200b}\u{e0041}\u{a0}\u{fe0f}"
        );
        assert_eq!(visible("Zoë – 数字 🦀"), "Zoë – 数字 🦀");
        let listed = json!({ "description": "Adds.\u{e0049}\u{e0047}" });
        let text = shown(&item("new", None, Some(listed)));
        assert!(text.contains(r"Adds.\u{e0049}\u{e0047}"), "{text}");
    }

    #[test]
    fn only_what_changed_is_shown_and_what_stands_around_it() {
        let members: Vec<(String, Value)> = (b'a'..=b'l')
            .map(|name| (char::from(name).to_string(), json!(1)))
            .collect();
        let old: Value = members
            .iter()
            .cloned()
            .collect::<serde_json::Map<_, _>>()
            .into();
        // In another order, and one of them another.
        let mut new: serde_json::Map<_, _> = members.into_iter().rev().collect();
        new["f"] = json!(2);
        let text = shown(&item("description", Some(old), Some(new.into())));
        insta::assert_snapshot!(text, @r#"
        add: other words or hints; the schemas are the same
            …
              "c": 1,
              "d": 1,
              "e": 1,
          -   "f": 1,
          +   "f": 2,
              "g": 1,
              "h": 1,
              "i": 1,
            …
        "#);
    }

    #[test]
    fn every_line_is_in_one_text_or_in_both() {
        for (old, new) in [
            ("", ""),
            ("a", ""),
            ("", "b"),
            ("a\nb\nc", "b\nc\nd"),
            ("a\na\nb", "b\na\na"),
            ("x\ny", "y\nx"),
        ] {
            let lines = compare(old, new);
            let side = |keep: fn(&Line<'_>) -> bool| {
                let kept = lines
                    .iter()
                    .filter(|line| keep(line))
                    .map(|line| match line {
                        Line::Same(line) | Line::Gone(line) | Line::New(line) => *line,
                    });
                kept.collect::<Vec<_>>().join("\n")
            };
            assert_eq!(side(|line| !matches!(line, Line::New(_))), old);
            assert_eq!(side(|line| !matches!(line, Line::Gone(_))), new);
        }
        let long = "x\n".repeat(MAX_LINES + 1);
        assert_eq!(compare(&long, "x").len(), MAX_LINES + 2);
    }
}
