//! A document in YAML, as JSON whose lines are the same: what a report says of the one is
//! true of the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde_json::value::RawValue;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

/// Most bytes of JSON, those that aliases repeat included.
const MAX_BYTES: usize = 64 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 256;

/// Turns a document's text into JSON; JSON stays as it is.
///
/// # Errors
/// What is wrong, with its line.
pub fn to_json(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    let json = bytes.trim_ascii_start().starts_with(b"{");
    let extension = name.rsplit('.').next().unwrap_or_default();
    let yaml = matches!(extension.to_ascii_lowercase().as_str(), "yaml" | "yml");
    // What begins with a brace may be YAML all the same, where its name says so.
    if json && (!yaml || serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok()) {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        format!("line {}: not UTF-8", lines(before) + 1)
    })?;
    let mut writer = Writer {
        parser: Parser::new_from_str(text),
        out: String::with_capacity(text.len() + text.len() / 2),
        line: 1,
        anchors: HashMap::new(),
        open: Vec::new(),
        here: 1,
    };
    match writer.document() {
        Ok(()) => Ok(writer.out.into_bytes()),
        Err(message) => Err(format!("line {}: {message}", writer.here)),
    }
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

struct Writer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    out: String,
    /// The line that `out` has come to.
    line: usize,
    /// Where complete nodes with an anchor stand in `out`.
    anchors: HashMap<usize, Range<usize>>,
    /// Maps and lists that are not complete.
    open: Vec<Open>,
    /// The line of the last event.
    here: usize,
}

/// A map or list that is not complete.
struct Open {
    start: usize,
    anchor: usize,
    empty: bool,
    map: Option<Map>,
}

/// What is to be known of a map.
#[derive(Default)]
struct Map {
    keys: HashSet<String>,
    /// A key has been written, and its value has not.
    at_value: bool,
    /// The value is what `<<` merges; it begins here and is taken out again.
    merging: Option<usize>,
    /// What is merged, as JSON.
    merges: Vec<String>,
}

impl<'a> Writer<'a> {
    fn document(&mut self) -> Result<(), String> {
        let mut roots = 0;
        while let Some(next) = self.parser.next() {
            let (event, span) = next.map_err(|error| {
                self.here = error.marker().line();
                format!("not valid YAML: {}", error.info())
            })?;
            self.here = span.start.line();
            let node = matches!(
                event,
                Event::Scalar(..)
                    | Event::SequenceStart(..)
                    | Event::MappingStart(..)
                    | Event::Alias(_)
            );
            if node && self.open.is_empty() {
                roots += 1;
                if roots > 1 {
                    return Err("a second document starts here".to_owned());
                }
            }
            self.event(event)?;
            if self.out.len() > MAX_BYTES {
                return Err(format!(
                    "more than {MAX_BYTES} bytes, with what aliases repeat"
                ));
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'a>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self.is_at_key() {
                    return self.key(&text, style == ScalarStyle::Plain);
                }
                let start = self.begin();
                let plain = style == ScalarStyle::Plain && !is_text(tag.as_deref());
                self.scalar(&text, plain);
                self.end(start, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open("[", anchor, None),
            Event::MappingStart(_, anchor, _) => self.open("{", anchor, Some(Map::default())),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                if self.is_at_key() {
                    return Err("a key must be a text".to_owned());
                }
                let known = self.anchors.get(&anchor).cloned();
                let known = known.ok_or("an alias of something that is not complete here")?;
                if self.out.len() + known.len() > MAX_BYTES {
                    return Err(format!(
                        "more than {MAX_BYTES} bytes, with what aliases repeat"
                    ));
                }
                let start = self.begin();
                // Its lines are not this alias's.
                let copy = self.out[known].replace('\n', "");
                self.out.push_str(&copy);
                self.end(start, 0)
            }
            _ => Ok(()),
        }
    }

    fn is_at_key(&self) -> bool {
        let map = self.open.last().and_then(|open| open.map.as_ref());
        map.is_some_and(|map| !map.at_value)
    }

    fn go(&mut self) {
        while self.line < self.here {
            self.out.push('\n');
            self.line += 1;
        }
    }

    /// Begins a value: goes to its line, after a comma in a list.
    fn begin(&mut self) -> usize {
        if let Some(open) = self.open.last_mut()
            && open.map.is_none()
        {
            if !open.empty {
                self.out.push(',');
            }
            open.empty = false;
        }
        self.go();
        self.out.len()
    }

    /// Ends a value.
    fn end(&mut self, start: usize, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, start..self.out.len());
        }
        let Some(map) = self.open.last_mut().and_then(|open| open.map.as_mut()) else {
            return Ok(());
        };
        map.at_value = false;
        if let Some(start) = map.merging.take() {
            let merged = self.out.split_off(start);
            let breaks = lines(merged.as_bytes());
            self.out.extend(std::iter::repeat_n('\n', breaks));
            self.anchors.retain(|_, range| range.end <= start);
            if !merged.trim_start().starts_with(['{', '[']) {
                return Err("`<<` takes a map or a list of maps".to_owned());
            }
            map.merges.push(merged);
        }
        Ok(())
    }

    fn open(&mut self, sign: &str, anchor: usize, map: Option<Map>) -> Result<(), String> {
        if self.is_at_key() {
            return Err("a key must be a text".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let start = self.begin();
        self.out.push_str(sign);
        self.open.push(Open {
            start,
            anchor,
            empty: true,
            map,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        match open.map.take() {
            None => self.out.push(']'),
            Some(mut map) => {
                for merged in std::mem::take(&mut map.merges) {
                    self.merge(&merged, &mut map.keys, &mut open.empty)?;
                }
                self.out.push('}');
            }
        }
        self.end(open.start, open.anchor)
    }

    fn key(&mut self, text: &str, plain: bool) -> Result<(), String> {
        self.go();
        let start = self.out.len();
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let Some(map) = &mut open.map else {
            return Ok(());
        };
        map.at_value = true;
        if plain && text == "<<" {
            map.merging = Some(start);
            return Ok(());
        }
        if !map.keys.insert(text.to_owned()) {
            return Err(format!("`{text}` is written twice"));
        }
        let comma = !std::mem::replace(&mut open.empty, false);
        if comma {
            self.out.push(',');
        }
        self.quoted(text);
        self.out.push(':');
        Ok(())
    }

    /// Writes those members of a map, or of each map of a list, that are not there yet.
    fn merge(
        &mut self,
        merged: &str,
        keys: &mut HashSet<String>,
        empty: &mut bool,
    ) -> Result<(), String> {
        let wrong = |_| "`<<` takes a map or a list of maps".to_owned();
        if merged.trim_start().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(merged).map_err(wrong)?;
            return items
                .into_iter()
                .try_for_each(|item| self.merge(item.get(), keys, empty));
        }
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(merged).map_err(wrong)?;
        for (key, value) in members {
            if keys.insert(key.clone()) {
                if !std::mem::replace(empty, false) {
                    self.out.push(',');
                }
                self.quoted(&key);
                self.out.push(':');
                self.out.push_str(&value.get().replace('\n', ""));
            }
        }
        Ok(())
    }

    fn quoted(&mut self, text: &str) {
        // A text always has a form in JSON.
        self.out
            .push_str(&serde_json::to_string(text).unwrap_or_default());
    }

    /// A scalar of YAML's core schema.
    fn scalar(&mut self, text: &str, plain: bool) {
        match text {
            _ if !plain => self.quoted(text),
            "" | "~" | "null" | "Null" | "NULL" => self.out.push_str("null"),
            "true" | "True" | "TRUE" => self.out.push_str("true"),
            "false" | "False" | "FALSE" => self.out.push_str("false"),
            _ => match number(text) {
                Some(number) => self.out.push_str(&number),
                None => self.quoted(text),
            },
        }
    }
}

/// Whether a tag says that its scalar is a text.
fn is_text(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.core_suffix().is_none_or(|suffix| suffix == "str"))
}

/// A number of YAML's core schema as JSON writes it, with its exact digits.
fn number(text: &str) -> Option<String> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    if let Some(hex) = text.strip_prefix("0x") {
        return radix(hex, 16).map(|number| number.to_string());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8).map(|number| number.to_string());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !all_digits(whole) || !all_digits(part) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let exponent = match exponent {
        None => String::new(),
        Some(exponent) => {
            let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if bare.is_empty() || !all_digits(bare) {
                return None;
            }
            format!("e{exponent}")
        }
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    let part = match (part, mantissa.contains('.')) {
        (_, false) => String::new(),
        ("", true) => ".0".to_owned(),
        (part, true) => format!(".{part}"),
    };
    Some(format!("{sign}{whole}{part}{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn convert(text: &str) -> Result<Value, String> {
        let json = to_json("api.yaml", text.as_bytes().to_vec())?;
        Ok(serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn what_is_no_document_is_refused_at_its_line() {
        for (text, expect) in [
            ("a: 1\nb: [\n", "line 2: not valid YAML"),
            ("a: 1\na: 2\n", "line 2: `a` is written twice"),
            ("a: 1\n---\nb: 2\n", "line 3: a second document"),
            ("a: &x\n  b: *x\n", "line 2: an alias of something"),
            ("? [a]\n: 1\n", "line 1: a key must be a text"),
            ("a: 1\n<<: 5\n", "line 2: `<<` takes a map"),
        ] {
            let error = convert(text).unwrap_err();
            assert!(error.starts_with(expect), "{text}: {error}");
        }
        let error = to_json("a.yaml", b"a: b\nc: \xff\n".to_vec()).unwrap_err();
        assert_eq!(error, "line 2: not UTF-8");
    }

    #[test]
    fn aliases_are_bounded() {
        let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..20 {
            let before = level - 1;
            let list = vec![format!("*a{before}"); 8].join(", ");
            text += &[&format!("a{level}: &a{level} ["), list.as_str(), "]\n"].concat();
        }
        let error = convert(&text).unwrap_err();
        assert!(error.contains("with what aliases repeat"), "{error}");
    }

    #[test]
    fn nesting_is_bounded() {
        for text in [
            "[".repeat(20_000),
            "{a: ".repeat(20_000),
            "- ".repeat(20_000),
        ] {
            assert!(convert(&text).is_err());
        }
    }

    #[test]
    fn values_are_those_of_the_core_schema() {
        let value = convert(
            "{t: true, n: ~, i: 0x1F, z: 010, p: +1, f: 1., g: .5, e: 1e3, d: 2020-01-01, v: 3.0.3, q: '12', \
             s: !!str 12, m: -0.50, y: yes, big: 12345678901234567890123}",
        );
        assert_eq!(
            value.unwrap(),
            serde_json::from_str::<Value>(
                r#"{"t": true, "n": null, "i": 31, "z": 10, "p": 1, "f": 1.0, "g": 0.5, "e": 1e3, "d": "2020-01-01",
                "v": "3.0.3", "q": "12", "s": "12", "m": -0.50, "y": "yes", "big": 12345678901234567890123}"#
            )
            .unwrap()
        );
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let value = convert(
            "base: &base\n  a: 1\n  b:\n    - x\nother: &other {b: 3, c: 4}\none:\n  <<: *base\n  b: 2\n\
             two:\n  <<: [*other, *base]\nthree: *base\nresponses:\n  200: ok\n",
        );
        assert_eq!(
            value.unwrap(),
            json!({
                "base": {"a": 1, "b": ["x"]}, "other": {"b": 3, "c": 4},
                "one": {"b": 2, "a": 1}, "two": {"b": 3, "c": 4, "a": 1},
                "three": {"a": 1, "b": ["x"]}, "responses": {"200": "ok"},
            })
        );
    }

    #[test]
    fn lines_stay_what_they_were() {
        let text = "# a comment\nopenapi: 3.1.0\n\npaths:\n  /a:\n    get:\n      description: |\n        two\n        lines\n      x: &x\n        y: 1\n    post: *x\n  /b: {z: 9}\n";
        let json = String::from_utf8(to_json("a.yml", text.into()).unwrap()).unwrap();
        let line = |wanted: &str| json.lines().position(|line| line.contains(wanted));
        assert_eq!(line("\"openapi\""), Some(1));
        assert_eq!(line("\"get\""), Some(5));
        assert_eq!(line("\"y\""), Some(10));
        assert_eq!(line("\"post\""), Some(11));
        assert_eq!(line("\"/b\""), Some(12));
    }

    #[test]
    fn json_stays_as_it_is() {
        let text = "\u{feff}{\n \"a\": 1.0 }";
        let json = to_json("https://example.com/openapi", text.into()).unwrap();
        assert_eq!(json, &text.as_bytes()[3..]);
    }
}
