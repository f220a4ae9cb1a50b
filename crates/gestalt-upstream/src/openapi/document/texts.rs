//! The texts of a document: its own, and those of the files that it refers to.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use gestalt_core::document::{DocumentText, ImportLimits};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::members::Key;

/// Most files of a document.
const MOST_FILES: usize = 1_000;

/// A document as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is larger than the limit.
    #[error("the document is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It has more operations than the limit.
    #[error("the document has more than {limit} operations")]
    TooManyOperations {
        /// The limit.
        limit: usize,
    },
    /// It is no JSON, is nested too deeply, or has a key twice in one object.
    #[error("{file}:{line}: {message}")]
    Unreadable {
        /// The document's name.
        file: String,
        /// The line, counted from one.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// It is JSON and no OpenAPI document.
    #[error("this is no OpenAPI document: it has no `openapi` with a version")]
    NotOpenApi,
    /// It is of another version.
    #[error("this is {version}; OpenAPI 3.0 and 3.1 can be read{hint}")]
    Version {
        /// What it is.
        version: String,
        /// What can be done.
        hint: &'static str,
    },
}

/// One file.
struct Text {
    name: String,
    /// The path below the document's folder; empty for the document itself.
    path: String,
    bytes: Arc<[u8]>,
    /// How many bytes a byte order mark takes.
    skipped: usize,
    /// Where lines begin, past the first.
    lines: OnceCell<Vec<usize>>,
}

/// Every text that a document's references reach.
pub(in crate::openapi) struct Texts {
    list: Vec<Text>,
    by_path: HashMap<String, Result<usize, String>>,
}

impl Texts {
    /// Reads a document and all that it refers to in its folder.
    pub(in crate::openapi) fn read(
        root: DocumentText,
        load: &mut dyn FnMut(&str) -> Result<DocumentText, String>,
        limits: &ImportLimits,
    ) -> Result<Self, ImportError> {
        let mut texts = Self {
            list: Vec::new(),
            by_path: HashMap::new(),
        };
        let mut bytes = 0;
        let mut wanted = texts.add(root, String::new(), limits, &mut bytes)?;
        let mut next = 0;
        while let Some(path) = wanted.get(next).cloned() {
            next += 1;
            if texts.by_path.contains_key(&path) {
                continue;
            }
            let index = texts.list.len();
            let found = if index < MOST_FILES {
                load(&path)
            } else {
                Err(format!("the document has more than {MOST_FILES} files"))
            };
            let found = match found {
                Ok(text) => match texts.add(text, path.clone(), limits, &mut bytes) {
                    Ok(more) => {
                        wanted.extend(more);
                        Ok(index)
                    }
                    Err(error @ ImportError::TooLarge { .. }) => return Err(error),
                    Err(error) => Err(error.to_string()),
                },
                Err(why) => Err(why),
            };
            texts.by_path.insert(path, found);
        }
        Ok(texts)
    }

    /// Takes a text over and gives the files that it refers to.
    fn add(
        &mut self,
        text: DocumentText,
        path: String,
        limits: &ImportLimits,
        bytes: &mut usize,
    ) -> Result<Vec<String>, ImportError> {
        let DocumentText { name, text } = text;
        *bytes = bytes.saturating_add(text.len());
        if *bytes > limits.max_bytes {
            return Err(ImportError::TooLarge {
                limit: limits.max_bytes,
            });
        }
        let skipped = if text.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let json = &text[skipped..];
        let mut found = Vec::new();
        let scan = Scan {
            left: limits.max_depth,
            reference: false,
            found: &mut found,
        };
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read = scan.deserialize(&mut reader).and_then(|()| reader.end());
        let utf8 = std::str::from_utf8(json);
        if let Err(error) = read {
            return Err(ImportError::Unreadable {
                file: name,
                line: error.line() as u64,
                message: error.to_string(),
            });
        }
        if let Err(error) = utf8 {
            return Err(ImportError::Unreadable {
                line: 1 + memchr::memchr_iter(b'\n', &json[..error.valid_up_to()]).count() as u64,
                file: name,
                message: "is not UTF-8".to_owned(),
            });
        }
        let mut more: Vec<String> = found
            .iter()
            .filter_map(|r| file_of(&path, r).ok())
            .collect();
        more.dedup();
        self.list.push(Text {
            name,
            path,
            bytes: text,
            skipped,
            lines: OnceCell::new(),
        });
        Ok(more)
    }

    pub(super) fn text(&self, file: usize) -> Option<&[u8]> {
        let text = self.list.get(file)?;
        text.bytes.get(text.skipped..)
    }

    pub(super) fn name(&self, file: usize) -> &str {
        self.list.get(file).map_or("", |text| &text.name)
    }

    /// The file that a path in another file means.
    pub(super) fn find(&self, from: usize, path: &str) -> Result<usize, String> {
        let here = self.list.get(from).map_or("", |text| &text.path);
        let path = file_of(here, path)?;
        if path.is_empty() {
            return Ok(0);
        }
        match self.by_path.get(&path) {
            Some(Ok(file)) => Ok(*file),
            Some(Err(why)) => Err(format!("`{path}` cannot be read: {why}")),
            None => Err(format!("`{path}` was not read")),
        }
    }

    /// The line that a piece of a file's text begins in, counted from one.
    pub(super) fn line(&self, file: usize, piece: &str) -> u64 {
        let Some(text) = self.list.get(file) else {
            return 0;
        };
        let lines = text
            .lines
            .get_or_init(|| memchr::memchr_iter(b'\n', &text.bytes).collect());
        let offset = piece
            .as_ptr()
            .addr()
            .wrapping_sub(text.bytes.as_ptr().addr());
        1 + lines.partition_point(|end| *end < offset) as u64
    }
}

/// The path below the document's folder of the file that a reference in another names; empty
/// if it names none.
fn file_of(here: &str, reference: &str) -> Result<String, String> {
    let path = reference.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return Ok(here.to_owned());
    }
    let shown: String = path.chars().take(200).collect();
    if path.contains("://") || path.starts_with("//") {
        return Err(format!("`{shown}` is on the network, which is never asked"));
    }
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    join(here, &path).ok_or_else(|| format!("`{shown}` is outside of the document's folder"))
}

/// A relative path, beside a file below the same folder; `None` if it leads out of it.
pub(in crate::openapi) fn join(here: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let mut steps: Vec<&str> = here.split('/').collect();
    steps.pop();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// Walks a text once: it must be JSON, not too deep, and no key may stand twice in an object;
/// every reference to a file is noted.
struct Scan<'f> {
    left: usize,
    /// It is the value of a member `$ref`.
    reference: bool,
    found: &'f mut Vec<String>,
}

impl Scan<'_> {
    fn deeper<E: serde::de::Error>(&mut self, reference: bool) -> Result<Scan<'_>, E> {
        let left = self.left.checked_sub(1);
        let left = left.ok_or_else(|| E::custom("is nested too deeply"))?;
        Ok(Scan {
            left,
            reference,
            found: self.found,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.reference && !text.starts_with('#') && self.found.len() < MOST_FILES * 100 {
            self.found.push(text.to_owned());
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(self.deeper::<A::Error>(false)?)?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut seen = Keys::default();
        while let Some(Key(key)) = members.next_key()? {
            // The reader of trees would read such a member's text as one more document.
            if key.starts_with("$serde_json::") {
                return Err(A::Error::custom("a key that no document has"));
            }
            let reference = key == "$ref";
            if let Err(key) = seen.add(key) {
                let shown: String = key.chars().take(60).collect();
                return Err(A::Error::custom(format!("the key `{shown}` stands twice")));
            }
            members.next_value_seed(self.deeper::<A::Error>(reference)?)?;
        }
        Ok(())
    }
}

/// The keys of one object.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    /// Most keys that are compared one by one.
    const FEW: usize = 16;

    /// Takes a key over, or gives it back if it is there already.
    fn add(&mut self, key: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        if self.few.contains(&key) || self.many.contains(&key) {
            return Err(key);
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for (here, path, expect) in [
            ("", "a.json", Some("a.json")),
            ("", "./x/../a.json", Some("a.json")),
            ("x/b.json", "a.json", Some("x/a.json")),
            ("x/b.json", "../a.json", Some("a.json")),
            ("x/b.json", "../../a.json", None),
            ("", "../a.json", None),
            ("", "x/../../a.json", None),
            ("", "/etc/passwd", None),
            ("", "c:\\a.json", None),
            ("", "..\\a.json", None),
        ] {
            assert_eq!(join(here, path).as_deref(), expect, "{here} {path}");
        }
        for network in [
            "https://example.com/a.json",
            "//example.com/a.json#/x",
            "%2e%2e/a.json",
        ] {
            assert!(file_of("", network).is_err(), "{network}");
        }
    }
}
