//! A document's texts, read piece by piece.
//!
//! The texts stay as they are. A [`Node`] is a slice of one of them, and an object is taken
//! apart when somebody looks into it, so a document of many megabytes costs little more than
//! its text.

mod members;
mod texts;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::findings::Spot;
use members::Members;
pub use texts::ImportError;
pub(super) use texts::Texts;

/// References followed from one place before it is said that they lead nowhere.
const LONGEST_CHAIN: usize = 32;

/// Texts with what has been found in them.
struct Document<'t> {
    texts: &'t Texts,
    /// What references have passed through, by file and JSON pointer.
    passed: RefCell<HashMap<(usize, String), Place<'t>>>,
}

/// A place in a document.
#[derive(Clone)]
struct Place<'t> {
    file: usize,
    raw: &'t RawValue,
    /// JSON pointer.
    pointer: Rc<str>,
    members: Rc<OnceCell<Members<'t>>>,
}

/// A place in a document, to be looked into.
#[derive(Clone)]
pub(super) struct Node<'t> {
    document: Rc<Document<'t>>,
    place: Place<'t>,
}

impl<'t> Place<'t> {
    fn new(file: usize, raw: &'t RawValue, pointer: Rc<str>) -> Self {
        Self {
            file,
            raw,
            pointer,
            members: Rc::default(),
        }
    }
}

impl<'t> Node<'t> {
    /// The root of a document.
    pub(super) fn root(texts: &'t Texts) -> Option<Self> {
        let document = Rc::new(Document {
            texts,
            passed: RefCell::default(),
        });
        Self::root_of(&document, 0)
    }

    fn root_of(document: &Rc<Document<'t>>, file: usize) -> Option<Self> {
        Self::pass(document, file, "", || {
            let raw = serde_json::from_slice(document.texts.text(file)?).ok()?;
            Some(Place::new(file, raw, Rc::from("")))
        })
    }

    fn pass(
        document: &Rc<Document<'t>>,
        file: usize,
        pointer: &str,
        find: impl FnOnce() -> Option<Place<'t>>,
    ) -> Option<Self> {
        let key = (file, pointer.to_owned());
        let known = document.passed.borrow().get(&key).cloned();
        let place = if let Some(known) = known {
            known
        } else {
            let found = find()?;
            document.passed.borrow_mut().insert(key, found.clone());
            found
        };
        Some(Self {
            document: Rc::clone(document),
            place,
        })
    }

    /// What the node is, after every reference.
    ///
    /// # Errors
    /// A sentence, if a reference leads nowhere, round in a circle, or out of the folder.
    pub(super) fn resolved(&self) -> Result<Self, String> {
        let mut node = self.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = node.reference() else {
                return Ok(node);
            };
            node = node.target(&reference)?;
        }
        Err("the reference leads round in a circle".to_owned())
    }

    /// What one reference leads to.
    ///
    /// # Errors
    /// As for [`Node::resolved`].
    pub(super) fn target(&self, reference: &str) -> Result<Self, String> {
        let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if path.is_empty() {
            self.place.file
        } else {
            self.document.texts.find(self.place.file, path)?
        };
        let shown: String = reference.chars().take(200).collect();
        let nowhere = || format!("the reference `{shown}` leads nowhere");
        let fragment = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy();
        match fragment.rsplit_once('/') {
            None if fragment.is_empty() => Self::root_of(&self.document, file),
            None => None,
            Some((parent, last)) => {
                Self::container(&self.document, file, parent).and_then(|node| node.step(last))
            }
        }
        .ok_or_else(nowhere)
    }

    fn container(document: &Rc<Document<'t>>, file: usize, pointer: &str) -> Option<Self> {
        if pointer.is_empty() {
            return Self::root_of(document, file);
        }
        let (parent, last) = pointer.rsplit_once('/')?;
        Self::pass(document, file, pointer, || {
            Some(Self::container(document, file, parent)?.step(last)?.place)
        })
    }

    fn opened(&self) -> &Members<'t> {
        self.place
            .members
            .get_or_init(|| Members::read(self.place.raw))
    }

    fn below(&self, key: &str, raw: &'t RawValue) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        let pointer = Rc::from(format!("{}/{key}", self.place.pointer));
        Self {
            document: Rc::clone(&self.document),
            place: Place::new(self.place.file, raw, pointer),
        }
    }

    /// One step of a JSON pointer.
    fn step(&self, step: &str) -> Option<Self> {
        let key = step.replace("~1", "/").replace("~0", "~");
        if self.is_object() {
            return self.get(&key);
        }
        self.items().into_iter().nth(key.parse().ok()?)
    }

    /// The member of a name.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let raw = self.opened().get(key)?;
        Some(self.below(key, raw))
    }

    /// Every member, in the document's order.
    pub(super) fn members(&self) -> Vec<(String, Self)> {
        let members = self.opened().iter();
        members
            .map(|(key, raw)| (key.to_owned(), self.below(key, raw)))
            .collect()
    }

    /// Every item of an array.
    pub(super) fn items(&self) -> Vec<Self> {
        let items: Vec<&'t RawValue> =
            serde_json::from_str(self.place.raw.get()).unwrap_or_default();
        let items = items.into_iter().enumerate();
        items
            .map(|(index, raw)| self.below(&index.to_string(), raw))
            .collect()
    }

    pub(super) fn is_object(&self) -> bool {
        self.place.raw.get().starts_with('{')
    }

    /// The string that it is.
    pub(super) fn text(&self) -> Option<String> {
        if !self.place.raw.get().starts_with('"') {
            return None;
        }
        serde_json::from_str(self.place.raw.get()).ok()
    }

    /// The boolean that it is.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.place.raw.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The whole as a tree.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(self.place.raw.get()).unwrap_or(Value::Null)
    }

    /// The text it stands as.
    pub(super) fn raw(&self) -> &'t str {
        self.place.raw.get()
    }

    /// The reference that it is instead of something of its own.
    pub(super) fn reference(&self) -> Option<String> {
        if !self.is_object() {
            return None;
        }
        self.opened().get("$ref").and_then(|raw| {
            let text = raw.get();
            text.starts_with('"')
                .then(|| serde_json::from_str(text).ok())?
        })
    }

    /// The last step of the place where it stands.
    pub(super) fn key(&self) -> String {
        let last = self.place.pointer.rsplit('/').next().unwrap_or_default();
        last.replace("~1", "/").replace("~0", "~")
    }

    /// Which of the document's files it stands in.
    pub(super) fn file(&self) -> usize {
        self.place.file
    }

    /// What tells one place from every other.
    pub(super) fn identity(&self) -> usize {
        self.place.raw.get().as_ptr().addr()
    }

    /// Where it stands.
    pub(super) fn spot(&self) -> Spot {
        Spot {
            file: self.document.texts.name(self.place.file).to_owned(),
            line: self
                .document
                .texts
                .line(self.place.file, self.place.raw.get()),
            place: self.place.pointer.to_string(),
        }
    }
}
