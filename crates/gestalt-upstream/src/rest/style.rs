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
    /// Writes a value where there are no pairs: a path segment or a header.
    pub(crate) fn write(self, out: &mut String, form: &Form<'_>, encode: fn(&mut String, &str)) {
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
                self.name(out, named);
                encode(out, text);
            }
            Form::Array(items) => {
                self.name(out, named && !self.explode);
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { between } else { "" });
                    self.name(out, named && self.explode);
                    encode(out, item);
                }
            }
            Form::Object(members) => {
                self.name(out, named && !self.explode);
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { between } else { "" });
                    encode(out, key);
                    out.push(if self.explode { '=' } else { ',' });
                    encode(out, value);
                }
            }
        }
    }

    fn name(self, out: &mut String, wanted: bool) {
        if wanted {
            out.push_str(self.key);
            out.push('=');
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
    }
}
