//! JSON laid out anew without being read into values: numbers keep their exact text and
//! members their order.

/// Checks that a text is one JSON document.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// A valid JSON text, indented by two spaces, with a line feed at its end.
pub(crate) fn pretty(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut tokens = Tokens { rest: text }.peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.push_str(token);
                if matches!(tokens.peek(), Some(&("}" | "]"))) {
                    out.extend(tokens.next());
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push_str(token);
            }
            "," => {
                out.push_str(token);
                line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            _ => out.push_str(token),
        }
    }
    out.push('\n');
    out
}

/// A valid JSON text on one line, with a line feed at its end.
pub(crate) fn compact(text: &str) -> String {
    let mut out: String = Tokens { rest: text }.collect();
    out.push('\n');
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// The tokens of a valid JSON text.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let first = self.rest.bytes().next()?;
        let length = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(self.rest),
            _ => self
                .rest
                .find(|c: char| c.is_whitespace() || "{}[],:\"".contains(c))
                .unwrap_or(self.rest.len()),
        };
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(token)
    }
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_changes_and_nothing_else() {
        let text =
            r#" {"b":12345678901234567890.10 ,"a":["x, {y}: \"z\\", null,{ },[ ]],"é":-0e5}"#;
        assert!(is_json(text));
        let expect = "{\n  \"b\": 12345678901234567890.10,\n  \"a\": [\n    \"x, {y}: \\\"z\\\\\",\n    null,\n    {},\n    []\n  ],\n  \"é\": -0e5\n}\n";
        assert_eq!(pretty(text), expect);
        assert_eq!(pretty(expect), expect);
        assert_eq!(
            compact(expect),
            "{\"b\":12345678901234567890.10,\"a\":[\"x, {y}: \\\"z\\\\\",null,{},[]],\"é\":-0e5}\n"
        );
    }

    #[test]
    fn what_is_no_json_is_not_taken_for_it() {
        for text in ["", "{", "{} {}", "nul", "'a'", "<html>"] {
            assert!(!is_json(text), "{text}");
        }
    }
}
