//! Masks the credential of a call in what the upstream answers.

mod stream;

use std::fmt::Write;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use gestalt_core::{Secret, SecretBytes};
use http::HeaderValue;
use memchr::memmem::Finder;

use crate::call::Injection;

pub(crate) use stream::Masked;

/// Shorter secrets are not looked for: they would match by accident.
const SHORTEST_BYTES: usize = 8;

/// The forms in which a credential can come back.
pub(crate) struct Masker {
    forms: Vec<SecretBytes>,
}

impl Masker {
    /// The forms of every secret of a call, longest first.
    pub(crate) fn new(injection: &Injection) -> Self {
        let mut masker = Self { forms: Vec::new() };
        for secret in &injection.mask {
            masker.add_text(secret);
        }
        if let Some((user, password)) = &injection.basic {
            masker.add_text(password);
            let pair = SecretBytes::new(format!("{}:{}", user.expose(), password.expose()));
            masker.add_text(&Secret::new(BASE64_STANDARD.encode(pair.expose())));
        }
        masker
            .forms
            .sort_by_key(|form| std::cmp::Reverse(form.expose().len()));
        masker
    }

    fn add(&mut self, form: impl Into<Vec<u8>>) {
        let form = SecretBytes::new(form);
        if !self.forms.iter().any(|f| f.expose() == form.expose()) {
            self.forms.push(form);
        }
    }

    fn add_text(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.len() < SHORTEST_BYTES {
            return;
        }
        self.add(text);
        if text.bytes().all(is_unreserved) {
            return;
        }
        for keep in ["", "!'()*", "!$&'()*+,;=:@/"] {
            let encoded = percent(text, keep);
            self.add(encoded.to_ascii_lowercase_hex());
            let plus = encoded.0.replace("%20", "+");
            self.add(plus);
            self.add(encoded.0);
        }
        for (slash, ascii) in [(false, false), (true, false), (false, true), (true, true)] {
            let escaped = json_escape(text, slash, ascii);
            self.add(escaped);
        }
    }

    /// Says whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Says whether any form occurs.
    pub(crate) fn finds(&self, text: &[u8]) -> bool {
        self.forms
            .iter()
            .any(|form| memchr::memmem::find(text, form.expose()).is_some())
    }

    /// Masks a whole body; the very bytes if nothing occurs.
    pub(crate) fn mask(&self, bytes: Bytes) -> Bytes {
        let found = self.find_all(&bytes);
        if found.is_empty() {
            return bytes;
        }
        overwrite(bytes, &found)
    }

    /// Masks a header's value.
    pub(crate) fn mask_header(&self, value: HeaderValue) -> HeaderValue {
        let found = self.find_all(value.as_bytes());
        if found.is_empty() {
            return value;
        }
        let masked = overwrite(Bytes::copy_from_slice(value.as_bytes()), &found);
        HeaderValue::from_maybe_shared(masked).unwrap_or(HeaderValue::from_static("*"))
    }

    /// Every place where a form occurs, overlapping ones too, in no order.
    fn find_all(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for form in &self.forms {
            let form = form.expose();
            if form.len() > bytes.len() {
                continue;
            }
            let finder = Finder::new(form);
            let mut from = 0;
            while let Some(at) = finder.find(&bytes[from..]) {
                let start = from + at;
                found.push(start..start + form.len());
                from = start + 1;
            }
        }
        found
    }

    /// Length of the longest end of `bytes` that could be the beginning of a form.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let mut longest = 0;
        for form in &self.forms {
            let form = form.expose();
            let first = bytes.len().saturating_sub(form.len() - 1);
            let tail = &bytes[first..];
            let open = memchr::memchr_iter(form[0], tail)
                .map(|at| &tail[at..])
                .find(|end| form.starts_with(end));
            longest = longest.max(open.map_or(0, <[u8]>::len));
        }
        longest
    }
}

/// Writes `*` over ranges of bytes.
fn overwrite(bytes: Bytes, ranges: &[Range<usize>]) -> Bytes {
    let mut bytes = bytes
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for range in ranges {
        bytes[range.clone()].fill(b'*');
    }
    bytes.freeze()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Percent-encoded text.
struct Encoded(String);

impl Encoded {
    /// The same with its hexadecimal digits in lower case.
    fn to_ascii_lowercase_hex(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        let mut after = 0;
        for character in self.0.chars() {
            after = if character == '%' { 3 } else { after };
            if after > 0 {
                text.push(character.to_ascii_lowercase());
                after -= 1;
            } else {
                text.push(character);
            }
        }
        text
    }
}

fn percent(text: &str, keep: &str) -> Encoded {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if is_unreserved(byte) || keep.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            push_hex(&mut out, byte);
        }
    }
    Encoded(out)
}

fn push_hex(out: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).map_or('0', |d| d.to_ascii_uppercase()));
    }
}

/// The text as it stands in JSON, with `/` escaped and ASCII only where asked.
fn json_escape(text: &str, slash: bool, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if slash => out.push_str("\\/"),
            c if c.is_control()
                || (ascii && (!c.is_ascii() || matches!(c, '<' | '>' | '&' | '\''))) =>
            {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out
}
