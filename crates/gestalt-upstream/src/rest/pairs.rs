//! Values as `name=value` pairs of a query or form.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use gestalt_core::operation::Style;

use super::json;
use super::style::{Form, Writing};
use super::template::{STRICT, push_encoded};

/// What `allowReserved` leaves as it is: RFC 3986's reserved characters but those that
/// would end the value (`#`, `&`, `+`) or that servers read as structure (`[`, `]`).
const RESERVED: &AsciiSet = &STRICT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// Pairs in the making, encoded.
pub(crate) struct Pairs<'a> {
    out: &'a mut String,
    started: bool,
    /// Names that a caller's own keys may not be.
    taken: &'a dyn Fn(&str) -> bool,
    /// Leave reserved characters of values as they are.
    pub(crate) reserved: bool,
}

impl<'a> Pairs<'a> {
    /// Starts after what `out` holds.
    pub(crate) fn new(out: &'a mut String, taken: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            out,
            started: false,
            taken,
            reserved: false,
        }
    }

    /// Appends pairs that are encoded already.
    pub(crate) fn push_raw(&mut self, pairs: &str) {
        if !pairs.is_empty() {
            self.next();
            self.out.push_str(pairs);
        }
    }

    /// Appends a pair; the name is encoded already.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        self.key(key);
        self.value(value);
    }

    /// Appends a value by its style; `Err` with a sentence if it brings a name that is taken.
    pub(crate) fn write(
        &mut self,
        writing: Writing<'_>,
        form: &Form<'_>,
        json: &str,
    ) -> Result<(), String> {
        writing.check(form, false)?;
        match form {
            _ if form.is_nothing() => {}
            Form::Nothing => {}
            Form::Scalar(text) => self.push(writing.key, text),
            _ if writing.style == Style::DeepObject => return self.deep(writing.key, json),
            Form::Array(items) if writing.explode => {
                for item in items {
                    self.push(writing.key, item);
                }
            }
            Form::Array(items) => {
                let items = items.iter().map(|item| &**item);
                self.joined(writing, items);
            }
            Form::Object(members) if writing.explode => {
                for (key, value) in members {
                    if (self.taken)(key) {
                        let shown: String = key.chars().take(80).collect();
                        return Err(format!("may not hold the key `{shown}`"));
                    }
                    let mut encoded = String::new();
                    push_encoded(&mut encoded, key);
                    self.push(&encoded, value);
                }
            }
            Form::Object(members) => {
                let flat = members.iter().flat_map(|(key, value)| [&**key, &**value]);
                self.joined(writing, flat);
            }
        }
        Ok(())
    }

    fn joined<'t>(&mut self, writing: Writing<'_>, texts: impl Iterator<Item = &'t str>) {
        self.key(writing.key);
        // A comma within a value is none between two.
        let reserved = std::mem::take(&mut self.reserved);
        for (index, text) in texts.enumerate() {
            if index > 0 {
                self.out.push_str(writing.separator());
            }
            let mut commas = text.split(',');
            self.reserved = reserved;
            self.value(commas.next().unwrap_or_default());
            for rest in commas {
                self.out.push_str("%2C");
                self.value(rest);
            }
        }
        self.reserved = reserved;
    }

    /// Writes `key[a][b]=…`. Of arrays the specification says nothing; each item has its
    /// number (`key[a][0]=…`), the one way that tells arrays of objects apart.
    fn deep(&mut self, key: &str, json: &str) -> Result<(), String> {
        match Form::of_json(json) {
            Form::Object(_) => {
                for (name, value) in json::members(json).unwrap_or_default() {
                    if name.is_empty() || name.contains(['[', ']']) {
                        let shown: String = name.chars().take(80).collect();
                        return Err(format!("may not hold the key `{shown}`"));
                    }
                    let mut inner = format!("{key}%5B");
                    push_encoded(&mut inner, &name);
                    inner.push_str("%5D");
                    self.deep(&inner, value)?;
                }
            }
            Form::Array(_) => {
                let items = json::items(json).unwrap_or_default();
                let items = items.into_iter().filter(|item| *item != "null");
                for (index, item) in items.enumerate() {
                    self.deep(&format!("{key}%5B{index}%5D"), item)?;
                }
            }
            Form::Scalar(text) => self.push(key, &text),
            Form::Nothing => {}
        }
        Ok(())
    }

    fn next(&mut self) {
        if self.started {
            self.out.push('&');
        }
        self.started = true;
    }

    fn key(&mut self, key: &str) {
        self.next();
        self.out.push_str(key);
        self.out.push('=');
    }

    fn value(&mut self, text: &str) {
        let set = if self.reserved { RESERVED } else { STRICT };
        self.out.extend(utf8_percent_encode(text, set));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(style: Style, explode: bool, json: &str) -> Result<String, String> {
        let mut out = String::new();
        let taken = |name: &str| name == "api_key";
        let writing = Writing {
            key: "c",
            style,
            explode,
        };
        Pairs::new(&mut out, &taken).write(writing, &Form::of_json(json), json)?;
        Ok(out)
    }

    fn check(style: Style, explode: bool, json: &str, expect: &str) {
        assert_eq!(write(style, explode, json).as_deref(), Ok(expect));
    }

    #[test]
    fn a_callers_key_cannot_be_a_name_that_is_taken() {
        assert!(write(Style::Form, true, r#"{"api_key":"mine"}"#).is_err());
        assert!(
            write(Style::Form, true, r#"{"a&api_key":"x"}"#).is_ok_and(|q| q == "a%26api_key=x")
        );
    }

    // The table of OpenAPI 3.1 §4.8.12.4.
    #[test]
    fn values_stand_as_the_table_says() {
        let (array, object) = (r#"["blue","black"]"#, r#"{"R":100,"G":200}"#);
        check(Style::Form, true, r#""""#, "c=");
        check(Style::Form, true, r#""a b&c=d""#, "c=a%20b%26c%3Dd");
        check(Style::Form, true, array, "c=blue&c=black");
        check(Style::Form, false, array, "c=blue,black");
        check(Style::Form, true, object, "R=100&G=200");
        check(Style::Form, false, object, "c=R,100,G,200");
        check(Style::SpaceDelimited, false, array, "c=blue%20black");
        check(Style::PipeDelimited, false, array, "c=blue%7Cblack");
        check(Style::DeepObject, true, object, "c%5BR%5D=100&c%5BG%5D=200");
        check(
            Style::DeepObject,
            true,
            r#"{"a":{"b":[1,2]}}"#,
            "c%5Ba%5D%5Bb%5D%5B0%5D=1&c%5Ba%5D%5Bb%5D%5B1%5D=2",
        );
        check(Style::Form, true, "null", "");
        check(Style::Form, false, "[]", "");
        check(Style::DeepObject, true, "{}", "");
        assert!(write(Style::DeepObject, true, r#"{"a][b":1}"#).is_err());
        assert!(write(Style::DeepObject, true, r#"{"":1}"#).is_err());
    }

    #[test]
    fn reserved_characters_never_end_the_value() {
        let mut out = String::new();
        let mut pairs = Pairs::new(&mut out, &|_| false);
        pairs.reserved = true;
        pairs.push("c", "a/b?c=d&e#f+g%20[h]");
        let writing = Writing {
            key: "d",
            style: Style::Form,
            explode: false,
        };
        let json = r#"["a,b","c/d"]"#;
        pairs.write(writing, &Form::of_json(json), json).unwrap();
        assert_eq!(out, "c=a/b?c=d%26e%23f%2Bg%2520%5Bh%5D&d=a%2Cb,c/d");
    }
}
