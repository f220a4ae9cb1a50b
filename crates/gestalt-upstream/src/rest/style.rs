//! Values as text in a path, query, header or cookie (OpenAPI 3.1 §4.8.12.3).

use std::borrow::Cow;

use gestalt_core::operation::Style;

use super::json;
use super::schema::Given;

/// A value, one level deep; what stands deeper is its JSON text.
pub(crate) enum Form<'a> {
    /// `null`: nothing is sent.
    Nothing,
    Scalar(Cow<'a, str>),
    Array(Vec<Cow<'a, str>>),
    Object(Vec<(Cow<'a, str>, Cow<'a, str>)>),
}

impl<'a> Form<'a> {
    /// Takes a value apart.
    pub(crate) fn of(given: &'a Given<'_>) -> Self {
        let text = match given {
            Given::Text(text) => return Self::Scalar(Cow::Borrowed(text)),
            Given::Json(text) => &**text,
        };
        Self::of_json(text)
    }

    /// Every text that stands in it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (one, many, pairs): (Option<&str>, &[_], &[_]) = match self {
            Self::Nothing => (None, &[], &[]),
            Self::Scalar(text) => (Some(text), &[], &[]),
            Self::Array(items) => (None, items, &[]),
            Self::Object(members) => (None, &[], members),
        };
        let many = many.iter().map(|item: &Cow<'_, str>| &**item);
        let pairs = pairs
            .iter()
            .flat_map(|(key, value): &(Cow<'_, str>, Cow<'_, str>)| [&**key, &**value]);
        one.into_iter().chain(many).chain(pairs)
    }

    /// Takes a JSON text apart.
    pub(crate) fn of_json(text: &'a str) -> Self {
        match text.as_bytes().first() {
            Some(b'n') => Self::Nothing,
            Some(b'[') => {
                let items = json::items(text).unwrap_or_default();
                Self::Array(items.into_iter().filter_map(scalar).collect())
            }
            Some(b'{') => {
                let members = json::members(text).unwrap_or_default();
                let known = |(key, value)| Some((key, scalar(value)?));
                Self::Object(members.into_iter().filter_map(known).collect())
            }
            _ => scalar(text).map_or(Self::Nothing, Self::Scalar),
        }
    }

    /// Says whether there is nothing to write: an empty array or object is like none at all
    /// (RFC 6570 §2.3).
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Scalar(_) => false,
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// Says whether any text within an array or object holds a character; `keys` are those
    /// of its keys.
    fn holds(&self, values: &[char], keys: &[char]) -> Option<char> {
        let find = |text: &str, wanted: &[char]| text.chars().find(|c| wanted.contains(c));
        match self {
            Self::Array(items) => items.iter().find_map(|item| find(item, values)),
            Self::Object(members) => members
                .iter()
                .find_map(|(key, value)| find(key, keys).or_else(|| find(value, values))),
            Self::Nothing | Self::Scalar(_) => None,
        }
    }
}

/// The text of a JSON value that stands alone; `None` for null.
fn scalar(text: &str) -> Option<Cow<'_, str>> {
    if text == "null" {
        return None;
    }
    Some(json::string(text).unwrap_or(Cow::Borrowed(text)))
}

/// How one value becomes text.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'p> {
    /// The upstream's name for it, encoded for where it stands.
    pub(crate) key: &'p str,
    pub(crate) style: Style,
    pub(crate) explode: bool,
}

impl Writing<'_> {
    /// Refuses values that would be read as others: those that hold what stands between
    /// values, where that cannot be encoded. `plain` is for headers, where nothing is.
    pub(crate) fn check(self, form: &Form<'_>, plain: bool) -> Result<(), String> {
        let found = match (self.style, self.explode) {
            (Style::Simple, explode) if plain => {
                let edge = |text: &str| text.trim().len() != text.len();
                let within = !matches!(form, Form::Nothing | Form::Scalar(_));
                if within && form.texts().any(edge) {
                    return Err("may not hold a value with white space around it".to_owned());
                }
                form.holds(&[','], if explode { &[',', '='] } else { &[','] })
            }
            (Style::Label, true) => form.holds(&['.'], &['.']),
            (Style::SpaceDelimited, false) => form.holds(&[' '], &[' ']),
            (Style::PipeDelimited, false) => form.holds(&['|'], &['|']),
            _ => None,
        };
        found.map_or(Ok(()), |found| {
            Err(format!(
                "may not hold a value with `{found}`, which stands between its values"
            ))
        })
    }

    /// Writes a value where there are no pairs: a path segment or a header.
    pub(crate) fn write(self, out: &mut String, form: &Form<'_>, encode: fn(&mut String, &str)) {
        if form.is_nothing() {
            return;
        }
        let (before, between) = match self.style {
            Style::Label => (".", if self.explode { "." } else { "," }),
            Style::Matrix => (";", if self.explode { ";" } else { "," }),
            _ => ("", ","),
        };
        let named = self.style == Style::Matrix;
        out.push_str(before);
        match form {
            Form::Nothing => {}
            Form::Scalar(text) => {
                self.name(out, named, text);
                encode(out, text);
            }
            Form::Array(items) => {
                let all = items.concat();
                let shown = if items.len() > 1 { "," } else { &*all };
                self.name(out, named && !self.explode, shown);
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { between } else { "" });
                    self.name(out, named && self.explode, item);
                    encode(out, item);
                }
            }
            Form::Object(members) => {
                self.name(out, named && !self.explode, ",");
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { between } else { "" });
                    encode(out, key);
                    let bare = self.explode && named && value.is_empty();
                    out.push_str(match self.explode {
                        _ if bare => "",
                        true => "=",
                        false => ",",
                    });
                    encode(out, value);
                }
            }
        }
    }

    /// Writes the name of a value, without `=` before an empty one (RFC 6570 §3.2.7).
    fn name(self, out: &mut String, wanted: bool, value: &str) {
        if wanted {
            out.push_str(self.key);
            out.push_str(if value.is_empty() { "" } else { "=" });
        }
    }

    /// What stands between the items of an array under one name, encoded for a query.
    pub(crate) fn separator(self) -> &'static str {
        match self.style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            _ => ",",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::push_encoded;
    use super::*;

    fn check(style: Style, explode: bool, json: &str, expect: &str) {
        let mut out = String::new();
        let writing = Writing {
            key: "color",
            style,
            explode,
        };
        writing.write(&mut out, &Form::of_json(json), push_encoded);
        assert_eq!(out, expect, "{style:?} {explode} {json}");
    }

    // The table of OpenAPI 3.1 §4.8.12.4.
    #[test]
    fn values_stand_as_the_table_says() {
        let (array, object) = (r#"["blue","black"]"#, r#"{"R":100,"G":200}"#);
        check(Style::Simple, false, r#""blue""#, "blue");
        check(Style::Simple, false, array, "blue,black");
        check(Style::Simple, false, object, "R,100,G,200");
        check(Style::Simple, true, object, "R=100,G=200");
        check(Style::Label, false, r#""blue""#, ".blue");
        check(Style::Label, false, array, ".blue,black");
        check(Style::Label, true, array, ".blue.black");
        check(Style::Label, true, object, ".R=100.G=200");
        check(Style::Matrix, false, r#""blue""#, ";color=blue");
        check(Style::Matrix, false, array, ";color=blue,black");
        check(Style::Matrix, true, array, ";color=blue;color=black");
        check(Style::Matrix, false, object, ";color=R,100,G,200");
        check(Style::Matrix, true, object, ";R=100;G=200");
        check(Style::Simple, false, r#"[1.10,null,"a,b"]"#, "1.10,a%2Cb");
        check(Style::Label, false, object, ".R,100,G,200");
        check(Style::Label, false, r#""""#, ".");
        check(Style::Matrix, false, r#""""#, ";color");
        check(Style::Matrix, true, r#"["","a"]"#, ";color;color=a");
        check(Style::Matrix, true, r#"{"R":""}"#, ";R");
        check(Style::Matrix, false, "[]", "");
    }

    #[test]
    fn s36_what_stands_between_values_is_refused_within_them() {
        let refused = |style, explode, plain, json| {
            let writing = Writing {
                key: "c",
                style,
                explode,
            };
            writing.check(&Form::of_json(json), plain).is_err()
        };
        assert!(refused(Style::Simple, false, true, r#"["a,b"]"#));
        assert!(refused(Style::Simple, false, true, r#"["a", " b"]"#));
        assert!(refused(Style::Simple, true, true, r#"{"a=b": 1}"#));
        assert!(refused(Style::Label, true, false, "[1.5]"));
        assert!(refused(Style::SpaceDelimited, false, false, r#"["a b"]"#));
        assert!(refused(Style::PipeDelimited, false, false, r#"{"a|b": 1}"#));
        assert!(!refused(Style::Simple, false, false, r#"["a,b"]"#));
        assert!(!refused(Style::Simple, false, true, r#""a, b""#));
        assert!(!refused(Style::Label, false, false, "[1.5]"));
    }
}
