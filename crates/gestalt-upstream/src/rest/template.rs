//! Path templates: what an argument may put into a path, and nothing else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::UpstreamError;

/// All but RFC 3986's unreserved characters.
pub(crate) const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a literal part of a path may keep (RFC 3986 §3.3), `%` included.
const LITERAL: &AsciiSet = &STRICT
    .remove(b'%')
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Appends a text, percent-encoded so that it is data and nothing else.
pub(crate) fn push_encoded(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, STRICT));
}

/// A path template, joined to its base URL's path.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    slashes: usize,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    /// An index into the operation's parameters.
    Parameter(usize),
}

impl Template {
    /// Compiles `/projects/{project}/issues`; `find` gives a path parameter's index.
    pub(crate) fn compile(
        base: &str,
        path: &str,
        find: impl Fn(&str) -> Option<usize>,
        place: &str,
    ) -> Result<Self, UpstreamError> {
        let wrong = |message: String| Err(UpstreamError::config(place, message));
        if !path.starts_with('/') {
            return wrong(format!("`{path}` does not start with `/`"));
        }
        if path.contains(['?', '#', '\\']) {
            return wrong(format!("`{path}` holds more than a path"));
        }
        let mut pieces = Vec::new();
        let mut literal = base.trim_end_matches('/').to_owned();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return wrong(format!("`{path}` has a `{{` without `}}`"));
            };
            let Some(parameter) = find(name) else {
                return wrong(format!(
                    "`{path}` names `{name}`, which is no path parameter"
                ));
            };
            literal.extend(utf8_percent_encode(before, LITERAL));
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            pieces.push(Piece::Parameter(parameter));
            rest = after;
        }
        literal.extend(utf8_percent_encode(rest, LITERAL));
        pieces.push(Piece::Literal(literal));
        let literals = pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Parameter(_) => None,
        });
        let slashes = literals.clone().map(count_slashes).sum();
        let filled: String = pieces.iter().map(Piece::sample).collect();
        if filled.split('/').any(climbs) {
            return wrong(format!("`{path}` has a segment of dots"));
        }
        Ok(Self { pieces, slashes })
    }

    /// The parameters that occur.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(index) => Some(*index),
            Piece::Literal(_) => None,
        })
    }

    /// Writes the path; `value` gives a parameter's encoded text. `None` if what came out is
    /// not of the template's form.
    pub(crate) fn render<'v>(
        &self,
        out: &mut String,
        value: impl Fn(usize) -> Option<&'v str>,
    ) -> Option<()> {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Parameter(index) => out.push_str(value(*index)?),
            }
        }
        let path = &out[start..];
        let whole = count_slashes(path) == self.slashes
            && !path.contains(['?', '#', '\\'])
            && (self.pieces.len() == 1 || !path.split('/').any(climbs));
        whole.then_some(())
    }
}

impl Piece {
    fn sample(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Parameter(_) => "x",
        }
    }
}

fn count_slashes(text: &str) -> usize {
    memchr::memchr_iter(b'/', text.as_bytes()).count()
}

/// Says whether some reader could take a text, or a part of it between slashes, for `.` or
/// `..`: also percent-encoded, more than once, in Unicode's other dots and slashes, or with
/// a path parameter behind it (`..;x`).
pub(crate) fn climbs(text: &str) -> bool {
    // Whoever has neither a dot, nor a percent sign, nor anything beyond ASCII, has no dots.
    if !text
        .bytes()
        .any(|byte| byte == b'.' || byte == b'%' || byte >= 0x80)
    {
        return false;
    }
    let mut text = text.to_owned();
    for _ in 0..4 {
        let plain: String = text.chars().map(plain).collect();
        let plain = plain.replace('\u{2025}', "..");
        if plain.split('/').any(is_dots) {
            return true;
        }
        let decoded = percent_encoding::percent_decode_str(&plain).decode_utf8_lossy();
        if decoded == text {
            return false;
        }
        text = decoded.into_owned();
    }
    true
}

fn is_dots(segment: &str) -> bool {
    let segment = segment.split(';').next().unwrap_or_default();
    let segment = segment.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    matches!(segment, "." | "..")
}

/// The ASCII dot or slash that compatibility mappings make of a character.
fn plain(character: char) -> char {
    match character {
        '\u{2024}' | '\u{fe52}' | '\u{ff0e}' | '\u{3002}' | '\u{ff61}' => '.',
        '\\' | '\u{ff0f}' | '\u{ff3c}' | '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{fe68}' => '/',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s36_dots_are_seen_in_every_form() {
        for text in [
            ".",
            "..",
            "../admin",
            "a/../b",
            "..\\admin",
            "%2e%2e",
            "%2E.",
            "%252e%252e/x",
            "%25252e%25252e",
            "..%2fadmin",
            "..;/admin",
            "..;x",
            "\u{ff0e}\u{ff0e}",
            "\u{2024}\u{2024}/x",
            "\u{2025}",
            "\u{fe52}.",
            "a\u{ff0f}..",
            "..\u{ff3c}x",
            "/..",
            ". ",
            "..\r\n",
            "..\0",
        ] {
            assert!(climbs(text), "{text:?}");
        }
        for text in [
            "", "a", "...", "a.b", ".hidden", "v1..v2", "100%", "%41", "a/b", "é", "…",
        ] {
            assert!(!climbs(text), "{text:?}");
        }
    }

    #[test]
    fn templates_that_cannot_hold_are_refused() {
        let find = |name: &str| (name == "a").then_some(0);
        for path in [
            "x",
            "/x?y=1",
            "/x#y",
            "/{b}",
            "/{a",
            "/../x",
            "/a/./b",
            "/%2e%2e/x",
        ] {
            assert!(Template::compile("", path, find, "t").is_err(), "{path}");
        }
        assert!(Template::compile("/v2", "/x/{a}:run", find, "t").is_ok());
    }

    #[test]
    fn what_leaves_the_template_is_not_rendered() {
        let template = Template::compile("/v2/", "/x/{a}{b}", |n| Some(usize::from(n == "b")), "t");
        let template = template.unwrap();
        let render = |values: [&'static str; 2]| {
            let mut out = String::new();
            template.render(&mut out, |index| Some(values[index]))?;
            Some(out)
        };
        assert_eq!(render([".", "."]), None);
        assert_eq!(render(["a/b", ""]), None);
        assert_eq!(render(["a?", "b"]), None);
        assert_eq!(render(["a", "b"]).as_deref(), Some("/v2/x/ab"));
    }
}
