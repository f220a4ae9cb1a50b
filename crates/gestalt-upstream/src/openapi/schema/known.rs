//! What has been converted for one operation is not converted again for the next.
//!
//! Two things are remembered: a definition's own schema with what converting it did besides,
//! so that doing it again is exact; and the text of an answer's whole schema. Where something
//! could come out otherwise (another name is taken, a limit is near), it is converted anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gestalt_core::Schema;
use serde_json::Value;

use super::{Direction, Making};
use crate::openapi::document::Node;

/// A schema that is no longer than this, in bytes of the document, is known by its text;
/// a longer one by its place.
const SHORT: usize = 1_000;

/// What is remembered of a document's schemas.
#[derive(Default)]
pub(super) struct Known<'t> {
    definitions: RefCell<HashMap<(usize, Direction), Rc<Definition<'t>>>>,
    wholes: RefCell<HashMap<Whole<'t>, Finished>>,
    /// How many definitions have been converted.
    #[cfg(test)]
    conversions: std::cell::Cell<usize>,
}

/// A schema that something refers to, converted.
struct Definition<'t> {
    schema: Rc<Value>,
    /// Bytes of room that it took.
    spent: usize,
    /// References that it counted, those in `mentions` aside.
    parts: usize,
    mentions: Vec<(Node<'t>, String)>,
}

/// What else converting a definition does, written down meanwhile.
#[derive(Default)]
pub(super) struct Effects<'t> {
    pub(super) spent: usize,
    pub(super) parts: usize,
    /// The definitions that it refers to, in their order, with their names; some of them
    /// more than once.
    pub(super) mentions: Vec<(Node<'t>, String)>,
}

/// What a whole schema is made of.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Whole<'t> {
    file: usize,
    at: At<'t>,
    /// It is named by a reference, which takes room of its own.
    referred: bool,
    direction: Direction,
    limit: usize,
}

#[derive(PartialEq, Eq, Hash)]
enum At<'t> {
    Text(&'t str),
    Place(usize),
}

/// A whole schema's text, and by which rule it was trimmed.
#[derive(Clone)]
pub(super) struct Finished {
    pub(super) text: Schema,
    pub(super) rule: Option<String>,
}

impl<'t> Whole<'t> {
    /// By what a schema is known. Equal texts of one file lead to the same.
    pub(super) fn of(node: &Node<'t>, direction: Direction, limit: usize) -> Self {
        let bare = node.reference().is_some() && node.members().len() == 1;
        let target = node.resolved().ok().filter(|_| bare);
        let referred = target.is_some();
        let node = target.as_ref().unwrap_or(node);
        let text = node.raw();
        Self {
            file: node.file(),
            at: if text.len() <= SHORT {
                At::Text(text)
            } else {
                At::Place(node.identity())
            },
            referred,
            direction,
            limit,
        }
    }
}

impl<'t> Known<'t> {
    pub(super) fn whole(&self, whole: &Whole<'t>) -> Option<Finished> {
        self.wholes.borrow().get(whole).cloned()
    }

    pub(super) fn keep_whole(&self, whole: Whole<'t>, finished: Finished) {
        self.wholes.borrow_mut().insert(whole, finished);
    }
}

impl<'t> Making<'_, 't> {
    /// The schema of what a reference leads to, by itself.
    pub(super) fn definition(&mut self, target: &Node<'t>) -> Rc<Value> {
        let key = (target.identity(), self.direction);
        let known = self.schemas.known.definitions.borrow().get(&key).cloned();
        if let Some(known) = &known
            && self.repeat(known)
        {
            return Rc::clone(&known.schema);
        }
        #[cfg(test)]
        self.schemas.known.count();
        self.effects = Effects::default();
        let schema = Rc::new(self.body(target, 0));
        let Effects {
            spent,
            parts,
            mentions,
        } = std::mem::take(&mut self.effects);
        // At a limit the schema may be less than the document's.
        if known.is_none() && self.room > 0 && self.references < self.most_references() {
            let definition = Definition {
                schema: Rc::clone(&schema),
                spent,
                parts,
                mentions,
            };
            let mut definitions = self.schemas.known.definitions.borrow_mut();
            definitions.insert(key, Rc::new(definition));
        }
        schema
    }

    /// Does what converting a definition did, if it would come out the same.
    fn repeat(&mut self, known: &Definition<'t>) -> bool {
        let references = self.references + known.parts + known.mentions.len();
        if self.room <= known.spent || references >= self.most_references() {
            return false;
        }
        // Converting it anew would name the same ones, so nothing is lost where a name differs.
        let mut same = true;
        for (target, name) in &known.mentions {
            same &= self.name_of(target) == *name;
        }
        if same {
            self.references += known.parts;
            self.room -= known.spent;
        }
        same
    }
}

#[cfg(test)]
impl Known<'_> {
    fn count(&self) {
        self.conversions.set(self.conversions.get() + 1);
    }
}

#[cfg(test)]
mod tests;
